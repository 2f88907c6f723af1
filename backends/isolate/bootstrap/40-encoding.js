// TextEncoder, TextDecoder, atob and btoa.

const base64Digits =
  'ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/';
const digitValue = [];
for (let i = 0; i < 64; i++) digitValue[charCode(base64Digits, i)] = i;

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
const subarray = uncurry(Uint8Array.prototype.subarray);
const decodeUtf8 = (bytes) => binding.decode(bytes);
