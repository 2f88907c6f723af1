// TextEncoder, TextDecoder, atob and btoa.

const base64Digits =
  'ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/';
const digitValue = [];
for (let i = 0; i < 64; i++) digitValue[charCode(base64Digits, i)] = i;

const subarray = uncurry(Uint8Array.prototype.subarray);
const setBytes = uncurry(Uint8Array.prototype.set);
const decodeUtf8 = (bytes) => binding.decode(bytes);

// The bytes of base64 digits; what is none ends it.
const decodeBase64 = (s) => {
  const out = new Uint8ArrayCtor(floor((s.length * 3) / 4));
  let n = 0;
  let bits = 0;
  let value = 0;
  for (let i = 0; i < s.length; i++) {
    const d = digitValue[charCode(s, i)];
    if (d === undefined) break;
    value = (value << 6) | d;
    bits += 6;
    if (bits >= 8) {
      bits -= 8;
      out[n++] = (value >> bits) & 255;
      value &= (1 << bits) - 1;
    }
  }
  return subarray(out, 0, n);
};

// Bytes of a buffer or view, not copied.
const bytesOf = (v) => {
  const kind = v !== null && typeof v === 'object' ? binding.kind(v) : '';
  if (kind === 'arraybuffer') return new Uint8ArrayCtor(v);
  if (kind === 'typedarray') {
    return new Uint8ArrayCtor(typedBuffer(v), typedOffset(v), typedBytes(v));
  }
  if (kind === 'dataview') {
    return new Uint8ArrayCtor(v.buffer, v.byteOffset, viewLength(v));
  }
  throw new TypeErrorCtor('an ArrayBuffer or a view of one is needed');
};

class TextEncoder {
  get encoding() {
    return 'utf-8';
  }
  encode(text = '') {
    return binding.encode(`${text}`);
  }
  encodeInto(text, bytes) {
    if (bytes === null || typeof bytes !== 'object' ||
      typedName(bytes) !== 'Uint8Array') {
      throw new TypeErrorCtor('encodeInto() fills a Uint8Array');
    }
    const counts = [0, 0];
    binding.encodeInto(`${text}`, bytes, counts);
    return { read: counts[0], written: counts[1] };
  }
}
enumerate(TextEncoder.prototype, ['encoding', 'encode', 'encodeInto']);
tag(TextEncoder, 'TextEncoder');

const encodingNames = {
  __proto__: null,
  'utf-8': 'utf-8',
  utf8: 'utf-8',
  'unicode-1-1-utf-8': 'utf-8',
  'utf-16': 'utf-16le',
  'utf-16le': 'utf-16le',
  'ucs-2': 'utf-16le',
  unicode: 'utf-16le',
  'utf-16be': 'utf-16be',
  latin1: 'windows-1252',
  ascii: 'windows-1252',
  'us-ascii': 'windows-1252',
  'iso-8859-1': 'windows-1252',
  'windows-1252': 'windows-1252',
};

const windows1252 = '\u20ac\x81\u201a\u0192\u201e\u2026\u2020\u2021\u02c6' +
  '\u2030\u0160\u2039\u0152\x8d\u017d\x8f\x90\u2018\u2019\u201c\u201d\u2022' +
  '\u2013\u2014\u02dc\u2122\u0161\u203a\u0153\x9d\u017e\u0178';

// How many bytes at the end are the beginning of a character.
const openTail = (bytes) => {
  const n = bytes.length;
  for (let back = 1; back <= min(3, n); back++) {
    const b = bytes[n - back];
    if (b < 0x80) return 0;
    if (b >= 0xc0) {
      const need = b >= 0xf0 ? 4 : b >= 0xe0 ? 3 : 2;
      return need > back ? back : 0;
    }
  }
  return 0;
};

const sameBytes = (a, b) => {
  if (a.length !== b.length) return false;
  for (let i = 0; i < a.length; i++) if (a[i] !== b[i]) return false;
  return true;
};

class TextDecoder {
  #encoding;
  #fatal;
  #ignoreBOM;
  #rest = new Uint8ArrayCtor(0);
  #begun = false;
  constructor(label = 'utf-8', options = {}) {
    const name = encodingNames[lower(trim(`${label}`))];
    if (name === undefined) {
      throw new RangeErrorCtor(`The encoding '${label}' is not supported`);
    }
    this.#encoding = name;
    this.#fatal = Boolean(options && options.fatal);
    this.#ignoreBOM = Boolean(options && options.ignoreBOM);
  }
  get encoding() {
    return this.#encoding;
  }
  get fatal() {
    return this.#fatal;
  }
  get ignoreBOM() {
    return this.#ignoreBOM;
  }
  decode(input, options) {
    const stream = Boolean(options && options.stream);
    const bytes = this.#join(input === undefined
      ? new Uint8ArrayCtor(0)
      : bytesOf(input), stream);
    let text = this.#encoding === 'utf-8'
      ? this.#utf8(bytes)
      : this.#encoding === 'windows-1252' ? this.#single(bytes) : this.#wide(bytes);
    if (!this.#begun && text.length > 0) {
      this.#begun = true;
      if (!this.#ignoreBOM && this.#encoding !== 'windows-1252' &&
        charCode(text, 0) === 0xfeff) {
        text = slice(text, 1);
      }
    }
    if (!stream) this.#begun = false;
    return text;
  }
  // What was left over, then these; a begun character is left for later.
  #join(bytes, stream) {
    let all = bytes;
    if (this.#rest.length > 0) {
      all = new Uint8ArrayCtor(this.#rest.length + bytes.length);
      setBytes(all, this.#rest, 0);
      setBytes(all, bytes, this.#rest.length);
    }
    let keep = 0;
    if (stream && this.#encoding === 'utf-8') keep = openTail(all);
    else if (stream && this.#encoding !== 'windows-1252') keep = all.length % 2;
    this.#rest = new Uint8ArrayCtor(keep);
    setBytes(this.#rest, subarray(all, all.length - keep), 0);
    return subarray(all, 0, all.length - keep);
  }
  #utf8(bytes) {
    const text = decodeUtf8(bytes);
    if (this.#fatal && indexOf(text, '\ufffd') !== -1 &&
      !sameBytes(bytes, binding.encode(text))) {
      throw new TypeErrorCtor('The encoded data was not valid for encoding utf-8');
    }
    return text;
  }
  #single(bytes) {
    let text = '';
    for (let i = 0; i < bytes.length; i++) {
      const b = bytes[i];
      text += b >= 0x80 && b < 0xa0 ? windows1252[b - 0x80] : fromCharCode(b);
    }
    return text;
  }
  #wide(bytes) {
    const big = this.#encoding === 'utf-16be' ? 1 : 0;
    let text = '';
    for (let i = 0; i + 1 < bytes.length; i += 2) {
      text += fromCharCode(bytes[i + 1 - big] * 256 + bytes[i + big]);
    }
    if (bytes.length % 2 === 1) {
      if (this.#fatal) throw new TypeErrorCtor('The encoded data was cut short');
      text += '\ufffd';
    }
    return text;
  }
}
enumerate(TextDecoder.prototype, ['encoding', 'fatal', 'ignoreBOM', 'decode']);
tag(TextDecoder, 'TextDecoder');

const badCharacter = (what) => new DOMException(what, 'InvalidCharacterError');

function btoa(data) {
  const s = `${data}`;
  let out = '';
  for (let i = 0; i < s.length; i += 3) {
    let value = 0;
    for (let k = 0; k < 3; k++) {
      const c = i + k < s.length ? charCode(s, i + k) : 0;
      if (c > 255) throw badCharacter('Invalid character');
      value = (value << 8) | c;
    }
    const left = min(3, s.length - i);
    out += base64Digits[value >> 18] + base64Digits[(value >> 12) & 63] +
      (left > 1 ? base64Digits[(value >> 6) & 63] : '=') +
      (left > 2 ? base64Digits[value & 63] : '=');
  }
  return out;
}

// Forgiving base64 decoding, as the Infra standard has it.
function atob(data) {
  let s = replace(`${data}`, /[\t\n\f\r ]+/g, '');
  if (s.length % 4 === 0) {
    if (endsWith(s, '==')) s = slice(s, 0, -2);
    else if (endsWith(s, '=')) s = slice(s, 0, -1);
  }
  if (s.length % 4 === 1) {
    throw badCharacter('The string to be decoded is not correctly encoded.');
  }
  for (let i = 0; i < s.length; i++) {
    if (digitValue[charCode(s, i)] === undefined) {
      throw badCharacter('The string to be decoded is not correctly encoded.');
    }
  }
  const bytes = decodeBase64(s);
  let out = '';
  for (let i = 0; i < bytes.length; i++) out += fromCharCode(bytes[i]);
  return out;
}

provide({ TextEncoder, TextDecoder, atob, btoa });
