// URL and URLSearchParams after the WHATWG URL standard. The names of the
// states are the standard's. Host names beyond ASCII go by NFKC, lower case and
// Punycode, without the tables of UTS #46.

const specialPorts = {
  __proto__: null,
  'http:': '80',
  'https:': '443',
  'ws:': '80',
  'wss:': '443',
  'ftp:': '21',
  'file:': '',
};
const isSpecial = (u) => specialPorts[u.scheme] !== undefined;

const inSet = (text) => {
  const set = [];
  for (let i = 0; i < text.length; i++) set[charCode(text, i)] = true;
  return set;
};
const fragmentSet = inSet(' "<>`');
const querySet = inSet(' "#<>');
const specialQuerySet = inSet(' "#<>\'');
const pathSet = inSet(' "#<>?`{}^');
const userinfoSet = inSet(' "#<>?`{}/:;=@[\\]^|');
const forbiddenHost = inSet('\0\t\n\r #/:<>?@[\\]^|');
const forbiddenDomain = inSet('\0\t\n\r #/:<>?@[\\]^|%\x7f');
for (let i = 0; i < 0x20; i++) forbiddenDomain[i] = true;

const percent = (b) => `%${upper(padStart(numberText(b, 16), 2, '0'))}`;

const encodeChar = (c, set) => {
  const code = codePoint(c, 0);
  if (code > 0x20 - 1 && code < 0x7f) return set[code] ? percent(code) : c;
  const bytes = binding.encode(c);
  let out = '';
  for (let i = 0; i < bytes.length; i++) out += percent(bytes[i]);
  return out;
};

const encodeText = (s, set) => {
  let out = '';
  for (let i = 0; i < s.length;) {
    const c = fromCodePoint(codePoint(s, i));
    out += encodeChar(c, set);
    i += c.length;
  }
  return out;
};

const hexValue = (c) => {
  if (c >= 48 && c <= 57) return c - 48;
  if (c >= 65 && c <= 70) return c - 55;
  if (c >= 97 && c <= 102) return c - 87;
  return -1;
};

const percentDecode = (s) => {
  if (indexOf(s, '%') === -1) return s;
  const bytes = binding.encode(s);
  const out = new Uint8ArrayCtor(bytes.length);
  let n = 0;
  for (let i = 0; i < bytes.length; i++) {
    const a = i + 2 < bytes.length && bytes[i] === 37 ? hexValue(bytes[i + 1]) : -1;
    const b = a === -1 ? -1 : hexValue(bytes[i + 2]);
    if (b === -1) {
      out[n++] = bytes[i];
    } else {
      out[n++] = a * 16 + b;
      i += 2;
    }
  }
  return decodeUtf8(subarray(out, 0, n));
};

const isAlpha = (c) => c !== undefined && ((c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z'));
const isDigit = (c) => c !== undefined && c >= '0' && c <= '9';

// --- hosts ------------------------------------------------------------------

const punyDigit = (d) => fromCharCode(d < 26 ? d + 97 : d + 22);

// RFC 3492, encoding.
const punycode = (label) => {
  const points = [];
  let out = '';
  for (let i = 0; i < label.length;) {
    const p = codePoint(label, i);
    push(points, p);
    if (p < 128) out += fromCharCode(p);
    i += p > 0xffff ? 2 : 1;
  }
  const basic = out.length;
  let done = basic;
  let n = 128;
  let delta = 0;
  let bias = 72;
  if (basic > 0) out += '-';
  while (done < points.length) {
    let m = 0x10ffff;
    for (let i = 0; i < points.length; i++) {
      if (points[i] >= n && points[i] < m) m = points[i];
    }
    delta += (m - n) * (done + 1);
    n = m;
    for (let i = 0; i < points.length; i++) {
      if (points[i] < n) delta++;
      if (points[i] !== n) continue;
      let q = delta;
      for (let k = 36; ; k += 36) {
        const t = k <= bias ? 1 : k >= bias + 26 ? 26 : k - bias;
        if (q < t) break;
        out += punyDigit(t + ((q - t) % (36 - t)));
        q = floor((q - t) / (36 - t));
      }
      out += punyDigit(q);
      delta = done === basic ? floor(delta / 700) : floor(delta / 2);
      delta += floor(delta / (done + 1));
      let k = 0;
      while (delta > 455) {
        delta = floor(delta / 35);
        k += 36;
      }
      bias = k + floor((36 * delta) / (delta + 38));
      delta = 0;
      done++;
    }
    delta++;
    n++;
  }
  return `xn--${out}`;
};

const toAscii = (domain) => {
  let plain = true;
  for (let i = 0; i < domain.length; i++) {
    if (charCode(domain, i) > 127) plain = false;
  }
  if (plain) return lower(domain);
  let s = replace(domain, /[\u00ad\u200b\u2060\ufeff\u034f]/g, '');
  s = replace(s, /[\u3002\uff0e\uff61]/g, '.');
  s = normalize(lower(normalize(s, 'NFKC')), 'NFC');
  const labels = split(s, '.');
  for (let i = 0; i < labels.length; i++) {
    for (let k = 0; k < labels[i].length; k++) {
      if (charCode(labels[i], k) > 127) {
        labels[i] = punycode(labels[i]);
        break;
      }
    }
  }
  return join(labels, '.');
};

// One number of an IPv4 address; -1: it is none.
const ipv4Number = (text) => {
  if (text === '') return -1;
  let base = 10;
  let s = text;
  if (startsWith(s, '0x') || startsWith(s, '0X')) {
    base = 16;
    s = slice(s, 2);
  } else if (s.length > 1 && s[0] === '0') {
    base = 8;
    s = slice(s, 1);
  }
  let value = 0;
  for (let i = 0; i < s.length; i++) {
    const d = hexValue(charCode(s, i));
    if (d === -1 || d >= base) return -1;
    value = value * base + d;
  }
  return value;
};

const endsInNumber = (host) => {
  const parts = split(host, '.');
  if (parts[parts.length - 1] === '') {
    if (parts.length === 1) return false;
    parts.length--;
  }
  const last = parts[parts.length - 1];
  if (test(/^[0-9]+$/, last) !== null) return true;
  return ipv4Number(last) !== -1 && test(/^0[xX]/, last) !== null;
};

const parseIPv4 = (host) => {
  const parts = split(host, '.');
  if (parts.length > 1 && parts[parts.length - 1] === '') parts.length--;
  if (parts.length > 4) return null;
  const numbers = [];
  for (let i = 0; i < parts.length; i++) {
    const n = ipv4Number(parts[i]);
    if (n === -1 || (i < parts.length - 1 && n > 255)) return null;
    push(numbers, n);
  }
  const last = numbers[numbers.length - 1];
  if (last >= pow(256, 5 - numbers.length)) return null;
  let value = last;
  for (let i = 0; i < numbers.length - 1; i++) {
    value += numbers[i] * pow(256, 3 - i);
  }
  const out = [];
  for (let i = 3; i >= 0; i--) push(out, floor(value / pow(256, i)) % 256);
  return join(out, '.');
};

const parseIPv6 = (s) => {
  const pieces = [0, 0, 0, 0, 0, 0, 0, 0];
  let at = 0;
  let compress = -1;
  let i = 0;
  if (s[0] === ':') {
    if (s[1] !== ':') return null;
    i = 2;
    compress = ++at;
  }
  while (i < s.length) {
    if (at === 8) return null;
    if (s[i] === ':') {
      if (compress !== -1) return null;
      i++;
      compress = ++at;
      continue;
    }
    let value = 0;
    let length = 0;
    while (length < 4 && i < s.length && hexValue(charCode(s, i)) !== -1) {
      value = value * 16 + hexValue(charCode(s, i++));
      length++;
    }
    if (s[i] === '.') {
      if (length === 0 || at > 6) return null;
      if (!embedIPv4(s, i - length, pieces, at)) return null;
      at += 2;
      break;
    }
    if (s[i] === ':') {
      if (++i === s.length) return null;
    } else if (i < s.length) {
      return null;
    }
    pieces[at++] = value;
  }
  if (compress !== -1) {
    let swaps = at - compress;
    at = 7;
    while (at !== 0 && swaps > 0) {
      const other = compress + swaps - 1;
      const t = pieces[other];
      pieces[other] = pieces[at];
      pieces[at] = t;
      at--;
      swaps--;
    }
  } else if (at !== 8) {
    return null;
  }
  return pieces;
};

const embedIPv4 = (s, from, pieces, at) => {
  const parts = split(slice(s, from), '.');
  if (parts.length !== 4) return false;
  for (let k = 0; k < 4; k++) {
    if (test(/^(0|[1-9][0-9]{0,2})$/, parts[k]) === null || +parts[k] > 255) {
      return false;
    }
    pieces[at + (k >> 1)] = pieces[at + (k >> 1)] * 256 * (k & 1) + +parts[k];
  }
  return true;
};

const ipv6Text = (pieces) => {
  let best = -1;
  let bestLength = 1;
  for (let i = 0; i < 8; i++) {
    let n = 0;
    while (i + n < 8 && pieces[i + n] === 0) n++;
    if (n > bestLength) {
      best = i;
      bestLength = n;
    }
    if (n > 0) i += n - 1;
  }
  let out = '';
  for (let i = 0; i < 8; i++) {
    if (i === best) {
      out += i === 0 ? '::' : ':';
      i += bestLength - 1;
      continue;
    }
    out += numberText(pieces[i], 16);
    if (i < 7) out += ':';
  }
  return `[${out}]`;
};

// The serialised host, or null for a failure.
const parseHost = (input, special) => {
  if (input[0] === '[') {
    if (input[input.length - 1] !== ']') return null;
    const pieces = parseIPv6(slice(input, 1, -1));
    return pieces === null ? null : ipv6Text(pieces);
  }
  if (!special) {
    for (let i = 0; i < input.length; i++) {
      if (forbiddenHost[charCode(input, i)]) return null;
    }
    return encodeText(input, []);
  }
  const host = toAscii(percentDecode(input));
  if (host === '') return null;
  for (let i = 0; i < host.length; i++) {
    if (forbiddenDomain[charCode(host, i)]) return null;
  }
  return endsInNumber(host) ? parseIPv4(host) : host;
};

// --- the parser ---------------------------------------------------------------

const singleDot = (s) => s === '.' || lower(s) === '%2e';
const doubleDot = (s) => {
  const l = lower(s);
  return l === '..' || l === '.%2e' || l === '%2e.' || l === '%2e%2e';
};
const driveLetter = (s) => s.length === 2 && isAlpha(s[0]) && (s[1] === ':' || s[1] === '|');
const startsWithDrive = (s, i) =>
  isAlpha(s[i]) && (s[i + 1] === ':' || s[i + 1] === '|') &&
  (i + 2 >= s.length || indexOf('/\\?#', s[i + 2]) !== -1);

const shorten = (u) => {
  if (u.scheme === 'file:' && u.path.length === 1 &&
    test(/^[a-zA-Z]:$/, u.path[0]) !== null) return;
  if (u.path.length > 0) u.path.length--;
};

const newRecord = () => ({
  __proto__: null,
  scheme: '',
  username: '',
  password: '',
  host: null,
  port: '',
  path: [],
  opaque: null,
  query: null,
  fragment: null,
});

const copyInto = (u, base, names) => {
  for (let i = 0; i < names.length; i++) {
    const k = names[i];
    u[k] = k === 'path' ? copyPath(base.path) : base[k];
  }
};
const copyPath = (path) => {
  const out = [];
  for (let i = 0; i < path.length; i++) push(out, path[i]);
  return out;
};
const AUTHORITY = ['username', 'password', 'host', 'port'];
const UP_TO_PATH = ['username', 'password', 'host', 'port', 'path'];
const UP_TO_QUERY = ['username', 'password', 'host', 'port', 'path', 'query'];

// Parses into `u` from a state on. With `stop` it is a setter: the state is
// overridden. Returns false for a failure.
class UrlParser {
  i = 0;
  buffer = '';
  at = false;
  brackets = false;
  passwordSeen = false;
  constructor(input, base, u, state, setter) {
    this.s = input;
    this.base = base;
    this.u = u;
    this.state = state;
    this.setter = setter;
  }
  run() {
    for (;; this.i++) {
      const c = this.i < this.s.length ? this.next() : undefined;
      const r = this[this.state](c);
      if (r !== undefined) return r;
      if (c === undefined && this.i >= this.s.length) return true;
      if (c !== undefined && c.length === 2 && !this.stay) this.i++;
      this.stay = false;
    }
  }
  // Reads the same character again in another state.
  again(state) {
    this.state = state;
    this.i--;
    this.stay = true;
    return undefined;
  }
  next() {
    return fromCodePoint(codePoint(this.s, this.i));
  }
  rest() {
    return slice(this.s, this.i + 1);
  }
  schemeStart(c) {
    if (isAlpha(c)) {
      this.buffer += lower(c);
      this.state = 'scheme';
      return undefined;
    }
    if (this.setter) return false;
    return this.again('noScheme');
  }
  scheme(c) {
    const u = this.u;
    if (isAlpha(c) || isDigit(c) || c === '+' || c === '-' || c === '.') {
      this.buffer += lower(c);
      return undefined;
    }
    if (c !== ':') {
      if (this.setter) return false;
      this.buffer = '';
      this.i = -1;
      this.stay = true;
      this.state = 'noScheme';
      return undefined;
    }
    const scheme = `${this.buffer}:`;
    if (this.setter) {
      const special = specialPorts[scheme] !== undefined;
      if (special !== isSpecial(u)) return true;
      if ((u.username !== '' || u.password !== '' || u.port !== '') &&
        scheme === 'file:') return true;
      if (u.scheme === 'file:' && (u.host === null || u.host === '')) return true;
      u.scheme = scheme;
      if (u.port === specialPorts[scheme]) u.port = '';
      return true;
    }
    u.scheme = scheme;
    this.buffer = '';
    if (scheme === 'file:') this.state = 'file';
    else if (isSpecial(u) && this.base !== null && this.base.scheme === scheme) {
      this.state = 'specialRelativeOrAuthority';
    } else if (isSpecial(u)) this.state = 'specialAuthoritySlashes';
    else if (this.rest()[0] === '/') {
      this.state = 'pathOrAuthority';
      this.i++;
    } else {
      u.opaque = '';
      this.state = 'opaquePath';
    }
    return undefined;
  }
  noScheme(c) {
    const { base, u } = this;
    if (base === null || (base.opaque !== null && c !== '#')) return false;
    if (base.opaque !== null) {
      u.scheme = base.scheme;
      u.opaque = base.opaque;
      u.query = base.query;
      u.fragment = '';
      this.state = 'fragment';
      return undefined;
    }
    return this.again(base.scheme === 'file:' ? 'file' : 'relative');
  }
  specialRelativeOrAuthority(c) {
    if (c === '/' && this.rest()[0] === '/') {
      this.i++;
      this.state = 'specialAuthorityIgnoreSlashes';
      return undefined;
    }
    return this.again('relative');
  }
  pathOrAuthority(c) {
    if (c === '/') {
      this.state = 'authority';
      return undefined;
    }
    return this.again('path');
  }
  relative(c) {
    const { u, base } = this;
    u.scheme = base.scheme;
    if (c === '/') {
      this.state = 'relativeSlash';
    } else if (isSpecial(u) && c === '\\') {
      this.state = 'relativeSlash';
    } else {
      copyInto(u, base, UP_TO_QUERY);
      if (c === '?') {
        u.query = '';
        this.state = 'query';
      } else if (c === '#') {
        u.fragment = '';
        this.state = 'fragment';
      } else if (c !== undefined) {
        u.query = null;
        shorten(u);
        return this.again('path');
      }
    }
    return undefined;
  }
  relativeSlash(c) {
    const { u, base } = this;
    if (isSpecial(u) && (c === '/' || c === '\\')) {
      this.state = 'specialAuthorityIgnoreSlashes';
    } else if (c === '/') {
      this.state = 'authority';
    } else {
      copyInto(u, base, AUTHORITY);
      return this.again('path');
    }
    return undefined;
  }
  specialAuthoritySlashes(c) {
    if (c === '/' && this.rest()[0] === '/') {
      this.i++;
      this.state = 'specialAuthorityIgnoreSlashes';
      return undefined;
    }
    return this.again('specialAuthorityIgnoreSlashes');
  }
  specialAuthorityIgnoreSlashes(c) {
    if (c !== '/' && c !== '\\') return this.again('authority');
    return undefined;
  }
  authority(c) {
    const u = this.u;
    if (c === '@') {
      if (this.at) this.buffer = `%40${this.buffer}`;
      this.at = true;
      for (let i = 0; i < this.buffer.length;) {
        const ch = fromCodePoint(codePoint(this.buffer, i));
        i += ch.length;
        if (ch === ':' && !this.passwordSeen) {
          this.passwordSeen = true;
          continue;
        }
        const e = encodeChar(ch, userinfoSet);
        if (this.passwordSeen) u.password += e;
        else u.username += e;
      }
      this.buffer = '';
      return undefined;
    }
    if (c === undefined || c === '/' || c === '?' || c === '#' ||
      (isSpecial(u) && c === '\\')) {
      if (this.at && this.buffer === '') return false;
      this.i -= this.buffer.length + 1;
      this.stay = true;
      this.buffer = '';
      this.state = 'host';
      return undefined;
    }
    this.buffer += c;
    return undefined;
  }
  host(c) {
    const u = this.u;
    if (this.setter && u.scheme === 'file:') return this.again('fileHost');
    if (c === ':' && !this.brackets) {
      if (this.buffer === '' || this.setter === 'hostname') return false;
      const host = parseHost(this.buffer, isSpecial(u));
      if (host === null) return false;
      u.host = host;
      this.buffer = '';
      this.state = 'port';
      return undefined;
    }
    if (c === undefined || c === '/' || c === '?' || c === '#' ||
      (isSpecial(u) && c === '\\')) {
      if (isSpecial(u) && this.buffer === '') return false;
      if (this.setter && this.buffer === '' &&
        (u.username !== '' || u.password !== '' || u.port !== '')) return false;
      const host = this.buffer === '' ? '' : parseHost(this.buffer, isSpecial(u));
      if (host === null) return false;
      u.host = host;
      this.buffer = '';
      if (this.setter) return true;
      return this.again('pathStart');
    }
    if (c === '[') this.brackets = true;
    if (c === ']') this.brackets = false;
    this.buffer += c;
    return undefined;
  }
  port(c) {
    const u = this.u;
    if (isDigit(c)) {
      this.buffer += c;
      return undefined;
    }
    if (c === undefined || c === '/' || c === '?' || c === '#' ||
      (isSpecial(u) && c === '\\') || this.setter) {
      if (this.buffer !== '') {
        const port = +this.buffer;
        if (port > 65535) return false;
        const text = `${port}`;
        u.port = text === specialPorts[u.scheme] ? '' : text;
        this.buffer = '';
        if (this.setter) return true;
      }
      if (this.setter) return false;
      return this.again('pathStart');
    }
    return false;
  }
  file(c) {
    const { u, base } = this;
    u.scheme = 'file:';
    u.host = '';
    if (c === '/' || c === '\\') {
      this.state = 'fileSlash';
    } else if (base !== null && base.scheme === 'file:') {
      u.host = base.host;
      u.path = copyPath(base.path);
      u.query = base.query;
      if (c === '?') {
        u.query = '';
        this.state = 'query';
      } else if (c === '#') {
        u.fragment = '';
        this.state = 'fragment';
      } else if (c !== undefined) {
        u.query = null;
        if (startsWithDrive(this.s, this.i)) u.path = [];
        else shorten(u);
        return this.again('path');
      }
    } else {
      return this.again('path');
    }
    return undefined;
  }
  fileSlash(c) {
    const { u, base } = this;
    if (c === '/' || c === '\\') {
      this.state = 'fileHost';
      return undefined;
    }
    if (base !== null && base.scheme === 'file:') {
      u.host = base.host;
      if (!startsWithDrive(this.s, this.i) && base.path.length > 0 &&
        test(/^[a-zA-Z]:$/, base.path[0]) !== null) push(u.path, base.path[0]);
    }
    return this.again('path');
  }
  fileHost(c) {
    const u = this.u;
    if (c === undefined || c === '/' || c === '\\' || c === '?' || c === '#') {
      if (!this.setter && driveLetter(this.buffer)) return this.again('path');
      if (this.buffer === '') {
        u.host = '';
        if (this.setter) return true;
        return this.again('pathStart');
      }
      let host = parseHost(this.buffer, true);
      if (host === null) return false;
      if (host === 'localhost') host = '';
      u.host = host;
      if (this.setter) return true;
      this.buffer = '';
      return this.again('pathStart');
    }
    this.buffer += c;
    return undefined;
  }
  pathStart(c) {
    const u = this.u;
    if (isSpecial(u)) {
      this.state = 'path';
      if (c !== '/' && c !== '\\') return this.again('path');
    } else if (!this.setter && c === '?') {
      u.query = '';
      this.state = 'query';
    } else if (!this.setter && c === '#') {
      u.fragment = '';
      this.state = 'fragment';
    } else if (c !== undefined) {
      this.state = 'path';
      if (c !== '/') return this.again('path');
    } else if (this.setter && u.host === null) {
      push(u.path, '');
    }
    return undefined;
  }
  path(c) {
    const u = this.u;
    const slash = c === '/' || (isSpecial(u) && c === '\\');
    if (c === undefined || slash || (!this.setter && (c === '?' || c === '#'))) {
      if (doubleDot(this.buffer)) {
        shorten(u);
        if (!slash) push(u.path, '');
      } else if (singleDot(this.buffer)) {
        if (!slash) push(u.path, '');
      } else {
        if (u.scheme === 'file:' && u.path.length === 0 && driveLetter(this.buffer)) {
          this.buffer = `${this.buffer[0]}:`;
        }
        push(u.path, this.buffer);
      }
      this.buffer = '';
      if (c === '?') {
        u.query = '';
        this.state = 'query';
      }
      if (c === '#') {
        u.fragment = '';
        this.state = 'fragment';
      }
      return undefined;
    }
    this.buffer += encodeChar(c, pathSet);
    return undefined;
  }
  opaquePath(c) {
    const u = this.u;
    if (c === '?') {
      u.query = '';
      this.state = 'query';
    } else if (c === '#') {
      u.fragment = '';
      this.state = 'fragment';
    } else if (c !== undefined) {
      u.opaque += encodeChar(c, []);
    }
    return undefined;
  }
  query(c) {
    const u = this.u;
    if (c === undefined || (!this.setter && c === '#')) {
      u.query += encodeText(this.buffer, isSpecial(u) ? specialQuerySet : querySet);
      this.buffer = '';
      if (c === '#') {
        u.fragment = '';
        this.state = 'fragment';
      }
      return undefined;
    }
    this.buffer += c;
    return undefined;
  }
  fragment(c) {
    if (c !== undefined) this.u.fragment += encodeChar(c, fragmentSet);
    return undefined;
  }
}

const cleanUrl = (input, trimEnds) => {
  let s = `${input}`;
  if (trimEnds) s = replace(s, /^[\0-\x20]+|[\0-\x20]+$/g, '');
  return replace(s, /[\t\n\r]+/g, '');
};

const parseUrl = (input, base) => {
  const u = newRecord();
  const parser = new UrlParser(cleanUrl(input, true), base, u, 'schemeStart', null);
  return parser.run() ? u : null;
};

const pathText = (u) => {
  if (u.opaque !== null) return u.opaque;
  let out = '';
  for (let i = 0; i < u.path.length; i++) out += `/${u.path[i]}`;
  return out;
};

const urlText = (u) => {
  let out = u.scheme;
  if (u.host !== null) {
    out += '//';
    if (u.username !== '' || u.password !== '') {
      out += u.username;
      if (u.password !== '') out += `:${u.password}`;
      out += '@';
    }
    out += u.host;
    if (u.port !== '') out += `:${u.port}`;
  } else if (u.opaque === null && u.path.length > 1 && u.path[0] === '') {
    out += '/.';
  }
  out += pathText(u);
  if (u.query !== null) out += `?${u.query}`;
  if (u.fragment !== null) out += `#${u.fragment}`;
  return out;
};

// --- URLSearchParams -----------------------------------------------------------

const plusToSpace = (s) => replace(s, /\+/g, ' ');
const formSafe = /^[a-zA-Z0-9*\-._]$/;

const formEncode = (s) => {
  let out = '';
  const bytes = binding.encode(s);
  for (let i = 0; i < bytes.length; i++) {
    const c = fromCharCode(bytes[i]);
    if (c === ' ') out += '+';
    else out += bytes[i] < 128 && test(formSafe, c) !== null ? c : percent(bytes[i]);
  }
  return out;
};

const parseForm = (s) => {
  const list = [];
  const parts = split(s, '&');
  for (let i = 0; i < parts.length; i++) {
    if (parts[i] === '') continue;
    const cut = indexOf(parts[i], '=');
    const name = cut === -1 ? parts[i] : slice(parts[i], 0, cut);
    const value = cut === -1 ? '' : slice(parts[i], cut + 1);
    push(list, [percentDecode(plusToSpace(name)), percentDecode(plusToSpace(value))]);
  }
  return list;
};

// Lone surrogates become U+FFFD, as a USVString's do.
const usv = (v) => decodeUtf8(binding.encode(`${v}`));

// Set by the two classes, which reach into each other.
let updateUrl;
let paramsOf;
let refillParams;
class URLSearchParams {
  #list = [];
  #url = null;
  static {
    paramsOf = (url, query) => {
      const p = new URLSearchParams();
      p.#url = url;
      p.#list = parseForm(query);
      return p;
    };
    refillParams = (p, query) => {
      p.#list = parseForm(query);
    };
  }
  constructor(init = '') {
    if (init !== null && (typeof init === 'object' || typeof init === 'function')) {
      const iterate = init[symbolIterator];
      if (iterate !== undefined && iterate !== null) {
        for (const pair of init) {
          const two = [...pair];
          if (two.length !== 2) {
            throw new TypeErrorCtor('Each query pair must be an iterable [name, value] tuple');
          }
          push(this.#list, [usv(two[0]), usv(two[1])]);
        }
      } else {
        for (const k of ownKeys(init)) {
          if (typeof k === 'string' && isEnumerable(init, k)) {
            this.set(k, init[k]);
          }
        }
      }
    } else {
      const s = usv(init);
      this.#list = parseForm(s[0] === '?' ? slice(s, 1) : s);
    }
  }
  #changed() {
    if (this.#url !== null) updateUrl(this.#url, this.toString());
  }
  get size() {
    return this.#list.length;
  }
  append(name, value) {
    push(this.#list, [usv(name), usv(value)]);
    this.#changed();
  }
  delete(name, value) {
    const n = usv(name);
    const v = value === undefined ? undefined : usv(value);
    const kept = [];
    for (let i = 0; i < this.#list.length; i++) {
      const p = this.#list[i];
      if (p[0] !== n || (v !== undefined && p[1] !== v)) push(kept, p);
    }
    this.#list = kept;
    this.#changed();
  }
  get(name) {
    const n = usv(name);
    for (let i = 0; i < this.#list.length; i++) {
      if (this.#list[i][0] === n) return this.#list[i][1];
    }
    return null;
  }
  getAll(name) {
    const n = usv(name);
    const out = [];
    for (let i = 0; i < this.#list.length; i++) {
      if (this.#list[i][0] === n) push(out, this.#list[i][1]);
    }
    return out;
  }
  has(name, value) {
    const n = usv(name);
    const v = value === undefined ? undefined : usv(value);
    for (let i = 0; i < this.#list.length; i++) {
      const p = this.#list[i];
      if (p[0] === n && (v === undefined || p[1] === v)) return true;
    }
    return false;
  }
  set(name, value) {
    const n = usv(name);
    const v = usv(value);
    const kept = [];
    let found = false;
    for (let i = 0; i < this.#list.length; i++) {
      const p = this.#list[i];
      if (p[0] !== n) push(kept, p);
      else if (!found) {
        found = true;
        push(kept, [n, v]);
      }
    }
    if (!found) push(kept, [n, v]);
    this.#list = kept;
    this.#changed();
  }
  sort() {
    sortArray(this.#list, (a, b) => (a[0] < b[0] ? -1 : a[0] > b[0] ? 1 : 0));
    this.#changed();
  }
  forEach(call, self) {
    for (let i = 0; i < this.#list.length; i++) {
      apply(call, self, [this.#list[i][1], this.#list[i][0], this]);
    }
  }
  *entries() {
    for (let i = 0; i < this.#list.length; i++) {
      yield [this.#list[i][0], this.#list[i][1]];
    }
  }
  *keys() {
    for (let i = 0; i < this.#list.length; i++) yield this.#list[i][0];
  }
  *values() {
    for (let i = 0; i < this.#list.length; i++) yield this.#list[i][1];
  }
  toString() {
    const out = [];
    for (let i = 0; i < this.#list.length; i++) {
      push(out, `${formEncode(this.#list[i][0])}=${formEncode(this.#list[i][1])}`);
    }
    return join(out, '&');
  }
}
defineProperty(URLSearchParams.prototype, symbolIterator, {
  value: URLSearchParams.prototype.entries,
  writable: true,
  configurable: true,
});
enumerate(URLSearchParams.prototype, [
  'size', 'append', 'delete', 'get', 'getAll', 'has', 'set', 'sort', 'forEach',
  'entries', 'keys', 'values', 'toString',
]);
tag(URLSearchParams, 'URLSearchParams');

// --- URL --------------------------------------------------------------------------

const invalidUrl = (input) => {
  const e = new TypeErrorCtor('Invalid URL');
  e.code = 'ERR_INVALID_URL';
  e.input = `${input}`;
  return e;
};

class URL {
  #u;
  #params = null;
  static {
    updateUrl = (url, query) => {
      url.#u.query = query === '' ? null : query;
    };
  }
  constructor(input, base) {
    let b = null;
    if (base !== undefined) {
      b = parseUrl(base, null);
      if (b === null) throw invalidUrl(base);
    }
    const u = parseUrl(input, b);
    if (u === null) throw invalidUrl(input);
    this.#u = u;
  }
  static canParse(input, base) {
    const b = base === undefined ? null : parseUrl(base, null);
    return (base === undefined || b !== null) && parseUrl(input, b) !== null;
  }
  #set(state, value, setter) {
    const copy = newRecord();
    for (const k of objectKeys(copy)) copy[k] = this.#u[k];
    copy.path = state === 'pathStart' ? [] : copyPath(this.#u.path);
    const s = cleanUrl(value, false);
    const parser = new UrlParser(s, null, copy, state, setter);
    if (parser.run()) this.#u = copy;
  }
  #cannotHaveCredentials() {
    const u = this.#u;
    return u.host === null || u.host === '' || u.scheme === 'file:';
  }
  get href() {
    return urlText(this.#u);
  }
  set href(value) {
    const u = parseUrl(value, null);
    if (u === null) throw invalidUrl(value);
    this.#u = u;
    if (this.#params !== null) refillParams(this.#params, u.query || '');
  }
  get origin() {
    const u = this.#u;
    if (u.scheme === 'blob:') {
      const inner = parseUrl(pathText(u), null);
      if (inner === null) return 'null';
      return inner.scheme === 'http:' || inner.scheme === 'https:'
        ? `${inner.scheme}//${inner.host}${inner.port === '' ? '' : `:${inner.port}`}`
        : 'null';
    }
    if (!isSpecial(u) || u.scheme === 'file:') return 'null';
    return `${u.scheme}//${this.host}`;
  }
  get protocol() {
    return this.#u.scheme;
  }
  set protocol(value) {
    this.#set('schemeStart', `${value}:`, 'protocol');
  }
  get username() {
    return this.#u.username;
  }
  set username(value) {
    if (!this.#cannotHaveCredentials()) {
      this.#u.username = encodeText(`${value}`, userinfoSet);
    }
  }
  get password() {
    return this.#u.password;
  }
  set password(value) {
    if (!this.#cannotHaveCredentials()) {
      this.#u.password = encodeText(`${value}`, userinfoSet);
    }
  }
  get host() {
    const u = this.#u;
    if (u.host === null) return '';
    return u.port === '' ? u.host : `${u.host}:${u.port}`;
  }
  set host(value) {
    if (this.#u.opaque === null) this.#set('host', value, 'host');
  }
  get hostname() {
    return this.#u.host === null ? '' : this.#u.host;
  }
  set hostname(value) {
    if (this.#u.opaque === null) this.#set('host', value, 'hostname');
  }
  get port() {
    return this.#u.port;
  }
  set port(value) {
    if (this.#cannotHaveCredentials()) return;
    if (`${value}` === '') this.#u.port = '';
    else this.#set('port', value, 'port');
  }
  get pathname() {
    return pathText(this.#u);
  }
  set pathname(value) {
    if (this.#u.opaque === null) this.#set('pathStart', value, 'pathname');
  }
  get search() {
    const q = this.#u.query;
    return q === null || q === '' ? '' : `?${q}`;
  }
  set search(value) {
    const s = `${value}`;
    if (s === '') {
      this.#u.query = null;
    } else {
      this.#u.query = '';
      this.#set('query', s[0] === '?' ? slice(s, 1) : s, 'search');
    }
    if (this.#params !== null) refillParams(this.#params, this.#u.query || '');
  }
  get searchParams() {
    if (this.#params === null) this.#params = paramsOf(this, this.#u.query || '');
    return this.#params;
  }
  get hash() {
    const f = this.#u.fragment;
    return f === null || f === '' ? '' : `#${f}`;
  }
  set hash(value) {
    const s = `${value}`;
    if (s === '') {
      this.#u.fragment = null;
    } else {
      this.#u.fragment = '';
      this.#set('fragment', s[0] === '#' ? slice(s, 1) : s, 'hash');
    }
  }
  toString() {
    return urlText(this.#u);
  }
  toJSON() {
    return urlText(this.#u);
  }
}
enumerate(URL.prototype, [
  'href', 'origin', 'protocol', 'username', 'password', 'host', 'hostname',
  'port', 'pathname', 'search', 'searchParams', 'hash', 'toString', 'toJSON',
]);
tag(URL, 'URL');
provide({ URL, URLSearchParams });
