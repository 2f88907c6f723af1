// Values as text, in the manner of Node's console.log. Bounded in depth, in
// items and in characters; no getter, proxy trap or method of the program runs.

const INSPECT_DEPTH = 2;
const INSPECT_ITEMS = 100;
const INSPECT_STRING = 10000;
const INSPECT_WIDTH = 72;
const INSPECT_TOTAL = 1 << 20;

const identifier = /^[a-zA-Z_][a-zA-Z_0-9]*$/;

const quote = (s) => {
  let q = "'";
  if (indexOf(s, "'") !== -1) {
    if (indexOf(s, '"') === -1) q = '"';
    else if (indexOf(s, '`') === -1 && indexOf(s, '${') === -1) q = '`';
  }
  let out = q;
  for (let i = 0; i < s.length; i++) {
    const c = s[i];
    const code = charCode(s, i);
    if (c === q || c === '\\') out += '\\' + c;
    else if (c === '\n') out += '\\n';
    else if (c === '\t') out += '\\t';
    else if (c === '\r') out += '\\r';
    else if (c === '\b') out += '\\b';
    else if (c === '\f') out += '\\f';
    else if (c === '\v') out += '\\v';
    else if (code < 0x20 || code === 0x7f) {
      out += '\\x' + padStart(upper(numberText(code, 16)), 2, '0');
    } else if (code >= 0xd800 && code <= 0xdfff) {
      const next = i + 1 < s.length ? charCode(s, i + 1) : 0;
      if (code < 0xdc00 && next >= 0xdc00 && next <= 0xdfff) out += c + s[++i];
      else out += '\\u' + upper(numberText(code, 16));
    } else out += c;
  }
  return out + q;
};

const stringText = (s) =>
  s.length > INSPECT_STRING
    ? quote(slice(s, 0, INSPECT_STRING)) +
      `... ${s.length - INSPECT_STRING} more characters`
    : quote(s);

const primitiveText = (v) => {
  switch (typeof v) {
    case 'string':
      return stringText(v);
    case 'number':
      return is(v, -0) ? '-0' : `${v}`;
    case 'bigint':
      return `${bigintText(v)}n`;
    case 'symbol':
      return symbolText(v);
    default:
      return `${v}`;
  }
};

const keyText = (k) => {
  if (typeof k === 'symbol') return `[${symbolText(k)}]`;
  return test(identifier, k) !== null ? k : quote(k);
};

// The name of the constructor, read without running anything.
const constructorName = (v) => {
  for (let o = v, i = 0; o !== null && i < 1000; i++) {
    if (binding.kind(o) === 'proxy') return null;
    const d = getOwnPropertyDescriptor(o, 'constructor');
    if (d !== undefined && typeof d.value === 'function') {
      const n = getOwnPropertyDescriptor(d.value, 'name');
      if (n !== undefined && typeof n.value === 'string' && n.value !== '') {
        return n.value;
      }
    }
    o = getPrototypeOf(o);
  }
  return null;
};

const tagOf = (v) => {
  for (let o = v, i = 0; o !== null && i < 1000; i++) {
    if (binding.kind(o) === 'proxy') return '';
    const d = getOwnPropertyDescriptor(o, toStringTag);
    if (d !== undefined) return typeof d.value === 'string' ? d.value : '';
    o = getPrototypeOf(o);
  }
  return '';
};

class Inspector {
  seen = [];
  circular = [];
  left = INSPECT_TOTAL;
  indent = 0;
  constructor(depth) {
    this.depth = depth;
  }

  value(v, level) {
    if (v === null || (typeof v !== 'object' && typeof v !== 'function')) {
      return this.count(primitiveText(v));
    }
    if (this.left <= 0) return '...';
    while (binding.kind(v) === 'proxy') {
      const t = binding.proxyTarget(v);
      if (t === null || t === undefined) return '<Revoked Proxy>';
      v = t;
    }
    for (let i = 0; i < this.seen.length; i++) {
      if (this.seen[i] === v) return `[Circular *${this.reference(v)}]`;
    }
    return this.object(v, level);
  }

  count(s) {
    this.left -= s.length;
    return s;
  }

  reference(v) {
    for (let i = 0; i < this.circular.length; i++) {
      if (this.circular[i] === v) return i + 1;
    }
    return push(this.circular, v);
  }

  object(v, level) {
    const kind = binding.kind(v);
    const name = constructorName(v);
    const shape = this.shape(v, kind, name);
    if (level > this.depth && !shape.leaf) {
      return this.count(`[${shape.short}]`);
    }
    push(this.seen, v);
    this.indent += 2;
    const entries = shape.entries === undefined ? [] : shape.entries(level);
    this.properties(v, shape, entries, level);
    this.indent -= 2;
    this.seen.length--;
    let prefix = shape.prefix;
    for (let i = 0; i < this.circular.length; i++) {
      if (this.circular[i] === v) {
        prefix = `<ref *${i + 1}>${prefix === '' ? '' : ` ${prefix}`}`;
      }
    }
    return this.assemble(prefix, shape, entries);
  }

  properties(v, shape, entries, level) {
    const names = ownKeys(v);
    let shown = 0;
    for (let i = 0; i < names.length; i++) {
      const k = names[i];
      if (shape.skip !== undefined && shape.skip(k)) continue;
      const d = getOwnPropertyDescriptor(v, k);
      if (d === undefined || !d.enumerable) continue;
      if (++shown > INSPECT_ITEMS || this.left <= 0) {
        push(entries, '...');
        break;
      }
      push(entries, `${keyText(k)}: ${this.property(d, level)}`);
    }
  }

  property(d, level) {
    if (d.get !== undefined) {
      return d.set !== undefined ? '[Getter/Setter]' : '[Getter]';
    }
    if (d.set !== undefined) return '[Setter]';
    return this.value(d.value, level + 1);
  }

  assemble(prefix, shape, entries) {
    const open = shape.braces[0];
    const close = shape.braces[1];
    if (entries.length === 0) {
      if (shape.bare) return this.count(prefix);
      return this.count(`${prefix === '' ? '' : `${prefix} `}${open}${close}`);
    }
    const head = prefix === '' ? open : `${prefix} ${open}`;
    let rows = entries;
    if (shape.list && entries.length > 6) rows = this.columns(entries);
    if (rows === entries) {
      let total = entries.length + head.length + this.indent;
      let flat = true;
      for (let i = 0; i < entries.length; i++) {
        total += entries[i].length;
        if (indexOf(entries[i], '\n') !== -1) flat = false;
      }
      if (flat && total <= INSPECT_WIDTH + 4) {
        return `${head} ${join(entries, ', ')} ${close}`;
      }
    }
    const gap = repeat(' ', this.indent);
    return `${head}\n${gap}  ${join(rows, `,\n${gap}  `)}\n${gap}${close}`;
  }

  // Long lists of short items in columns, numbers to the right.
  columns(entries) {
    let extra = 0;
    let count = entries.length;
    if (startsWith(entries[count - 1], '... ')) {
      extra = 1;
      count--;
    }
    const lengths = [];
    let total = 0;
    let longest = 0;
    for (let i = 0; i < count; i++) {
      lengths[i] = entries[i].length;
      total += lengths[i] + 2;
      longest = max(longest, lengths[i]);
      if (indexOf(entries[i], '\n') !== -1) return entries;
    }
    const actual = longest + 2;
    if (actual * 3 + this.indent >= 80) return entries;
    if (!(total / actual > 5 || longest <= 6)) return entries;
    const bias = pow(actual - total / entries.length, 0.5);
    const width = max(actual - 3 - bias, 1);
    const columns = min(
      floor(pow(2.5 * width * count, 0.5) / width + 0.5),
      floor((80 - this.indent) / actual),
      12,
    );
    if (columns <= 1) return entries;
    const widths = [];
    for (let i = 0; i < columns; i++) {
      let w = 0;
      for (let j = i; j < count; j += columns) w = max(w, lengths[j]);
      widths[i] = w + 2;
    }
    let pad = padStart;
    for (let i = 0; i < count; i++) {
      const c = entries[i][0];
      if (!((c >= '0' && c <= '9') || c === '-')) pad = padEnd;
    }
    const rows = [];
    for (let i = 0; i < count; i += columns) {
      const end = min(i + columns, count);
      let row = '';
      for (let j = i; j < end - 1; j++) {
        row += pad(`${entries[j]}, `, widths[j - i], ' ');
      }
      row += pad === padStart
        ? padStart(entries[end - 1], widths[end - 1 - i] - 2, ' ')
        : entries[end - 1];
      push(rows, row);
    }
    if (extra === 1) push(rows, entries[count]);
    return rows;
  }

  // What a kind of object is shown as: prefix, braces, entries beside its
  // properties. `leaf` is shown at any depth.
  shape(v, kind, name) {
    const label = name === null ? '[Object: null prototype]' : name;
    if (typeof v === 'function') return this.functionShape(v, name);
    if (isArray(v)) return this.arrayShape(v, name);
    const make = shapes[kind];
    if (make !== undefined) return make(this, v, label);
    const t = tagOf(v);
    const shown = t !== '' && t !== name ? `${label} [${t}]` : label;
    const plain = shown === 'Object';
    return {
      prefix: plain ? '' : shown,
      short: shown,
      braces: ['{', '}'],
    };
  }

  functionShape(v, name) {
    const d = getOwnPropertyDescriptor(v, 'name');
    const own = d !== undefined && typeof d.value === 'string' ? d.value : '';
    let text;
    if (startsWith(functionText(v), 'class')) {
      text = `[class ${own === '' ? '(anonymous)' : own}`;
      const parent = getPrototypeOf(v);
      const up = parent === null || binding.kind(parent) === 'proxy'
        ? undefined
        : getOwnPropertyDescriptor(parent, 'name');
      if (up !== undefined && typeof up.value === 'string' && up.value !== '') {
        text += ` extends ${up.value}`;
      }
      text += ']';
    } else {
      const type = name === null ? 'Function (null prototype)' : name;
      text = own === '' ? `[${type} (anonymous)]` : `[${type}: ${own}]`;
    }
    return { prefix: text, short: text, bare: true, braces: ['{', '}'] };
  }

  arrayShape(v, name) {
    const label = name === 'Array'
      ? ''
      : `${name === null ? '[Array: null prototype]' : name}(${v.length})`;
    return {
      prefix: label,
      short: name === null ? 'Array' : name,
      braces: ['[', ']'],
      list: true,
      entries: (level) => this.items(v, v.length, level),
      skip: isIndex,
    };
  }

  items(v, length, level) {
    const out = [];
    let holes = 0;
    const flush = () => {
      if (holes > 0) {
        push(out, `<${holes} empty item${holes > 1 ? 's' : ''}>`);
      }
      holes = 0;
    };
    let i = 0;
    for (; i < length && out.length < INSPECT_ITEMS && this.left > 0; i++) {
      const d = getOwnPropertyDescriptor(v, i);
      if (d === undefined) {
        if (++holes > 100000) {
          holes += length - i - 1;
          i = length;
        }
        continue;
      }
      flush();
      push(out, this.property(d, level));
    }
    flush();
    if (i < length) push(out, moreItems(length - i));
    return out;
  }
}

const isIndex = (k) => {
  if (typeof k !== 'string') return false;
  const n = +k;
  return isInteger(n) && n >= 0 && n < 4294967295 && `${n}` === k;
};

const moreItems = (n) => `... ${n} more item${n > 1 ? 's' : ''}`;

const braced = (prefix, short, entries) => ({
  prefix,
  short,
  braces: ['{', '}'],
  entries,
});

const boxed = (name, value) => (inspector, v) => {
  const text = `[${name}: ${primitiveText(value(v))}]`;
  return {
    prefix: text,
    short: text,
    bare: true,
    leaf: true,
    braces: ['{', '}'],
    skip: name === 'String' ? isIndex : undefined,
  };
};

const pairs = (inspector, v, level, isMap) => {
  const flat = binding.entries(v);
  const out = [];
  const step = isMap ? 2 : 1;
  const count = flat.length / step;
  for (let i = 0; i < min(count, INSPECT_ITEMS); i++) {
    const first = inspector.value(flat[i * step], level + 1);
    push(out, isMap
      ? `${first} => ${inspector.value(flat[i * 2 + 1], level + 1)}`
      : first);
  }
  if (count > INSPECT_ITEMS) push(out, moreItems(count - INSPECT_ITEMS));
  return out;
};

const shapes = {
  __proto__: null,
  error: (inspector, v) => errorShape(inspector, v),
  regexp: (inspector, v) => {
    const text = regexpText(v);
    return { prefix: text, short: text, bare: true, leaf: true, braces: ['{', '}'] };
  },
  date: (inspector, v) => {
    const text = numberIsNaN(dateTime(v)) ? 'Invalid Date' : dateText(v);
    return { prefix: text, short: text, bare: true, leaf: true, braces: ['{', '}'] };
  },
  map: (inspector, v, label) =>
    braced(`${label}(${mapSize(v)})${label === 'Map' ? '' : ' [Map]'}`, label,
      (level) => pairs(inspector, v, level, true)),
  set: (inspector, v, label) =>
    braced(`${label}(${setSize(v)})${label === 'Set' ? '' : ' [Set]'}`, label,
      (level) => pairs(inspector, v, level, false)),
  mapiterator: (inspector, v) =>
    braced('[Map Iterator]', 'Map Iterator',
      (level) => pairs(inspector, v, level, false)),
  setiterator: (inspector, v) =>
    braced('[Set Iterator]', 'Set Iterator',
      (level) => pairs(inspector, v, level, false)),
  weakmap: (inspector, v, label) =>
    braced(label, label, () => ['<items unknown>']),
  weakset: (inspector, v, label) =>
    braced(label, label, () => ['<items unknown>']),
  promise: (inspector, v, label) =>
    braced(label, label, (level) => {
      const settled = binding.promise(v);
      if (settled[0] === 0) return ['<pending>'];
      const text = inspector.value(settled[1], level + 1);
      return [settled[0] === 1 ? text : `<rejected> ${text}`];
    }),
  typedarray: (inspector, v, label) => {
    const length = typedLength(v);
    return {
      prefix: `${typedName(v)}(${length})`,
      short: typedName(v),
      braces: ['[', ']'],
      list: true,
      skip: isIndex,
      entries: () => {
        const out = [];
        for (let i = 0; i < min(length, INSPECT_ITEMS); i++) {
          push(out, primitiveText(v[i]));
        }
        if (length > INSPECT_ITEMS) push(out, moreItems(length - INSPECT_ITEMS));
        return out;
      },
    };
  },
  arraybuffer: (inspector, v, label) =>
    braced(label, label, () => {
      const bytes = new Uint8ArrayCtor(v);
      let hex = '';
      const n = bufferLength(v);
      for (let i = 0; i < min(n, 50); i++) {
        hex += `${i > 0 ? ' ' : ''}${padStart(numberText(bytes[i], 16), 2, '0')}`;
      }
      if (n > 50) hex += ` ... ${n - 50} more byte${n > 51 ? 's' : ''}`;
      return [`[Uint8Contents]: <${hex}>`, `byteLength: ${n}`];
    }),
  dataview: (inspector, v, label) =>
    braced(label, label, (level) => [
      `byteLength: ${viewLength(v)}`,
      `byteOffset: ${viewOffset(v)}`,
      `buffer: ${inspector.value(viewBuffer(v), level + 1)}`,
    ]),
  module: (inspector, v) =>
    braced('[Module: null prototype]', 'Module'),
  generator: (inspector, v) => braced('Object [Generator]', 'Generator'),
  arguments: (inspector, v) => ({
    prefix: '[Arguments]',
    short: 'Arguments',
    braces: ['[', ']'],
    list: true,
    skip: isIndex,
    entries: (level) => {
      const d = getOwnPropertyDescriptor(v, 'length');
      return inspector.items(v, d === undefined ? 0 : d.value, level);
    },
  }),
  number: boxed('Number', numberValue),
  string: boxed('String', stringValue),
  boolean: boxed('Boolean', booleanValue),
  bigint: boxed('BigInt', bigintValue),
  symbol: boxed('Symbol', symbolValue),
  external: () => braced('[External]', 'External'),
};

// A data property of an object or of its prototypes; no getter runs.
const dataOf = (v, key) => {
  for (let o = v, i = 0; o !== null && i < 1000; i++) {
    if (binding.kind(o) === 'proxy') return undefined;
    const d = getOwnPropertyDescriptor(o, key);
    if (d !== undefined) return d.value;
    o = getPrototypeOf(o);
  }
  return undefined;
};

const errorTitle = (v) => {
  const name = dataOf(v, 'name');
  const message = dataOf(v, 'message');
  const n = typeof name === 'string' ? name : 'Error';
  const m = typeof message === 'string' ? message : '';
  if (n === '') return m;
  return m === '' ? n : `${n}: ${m}`;
};

const errorShape = (inspector, v) => {
  const stack = getOwnPropertyDescriptor(v, 'stack');
  let text = stack !== undefined && typeof stack.value === 'string' &&
    stack.value !== '' ? stack.value : `[${errorTitle(v)}]`;
  if (text.length > INSPECT_STRING) {
    text = `${slice(text, 0, INSPECT_STRING)}...`;
  }
  if (inspector.indent > 0) {
    const gap = repeat(' ', inspector.indent);
    text = join(split(text, '\n'), `\n${gap}`);
  }
  const entries = (level) => {
    const out = [];
    const cause = getOwnPropertyDescriptor(v, 'cause');
    if (cause !== undefined && 'value' in cause) {
      push(out, `[cause]: ${inspector.value(cause.value, level + 1)}`);
    }
    const errors = getOwnPropertyDescriptor(v, 'errors');
    if (errors !== undefined && isArray(errors.value)) {
      push(out, `[errors]: ${inspector.value(errors.value, level + 1)}`);
    }
    return out;
  };
  return {
    prefix: text,
    short: errorTitle(v),
    bare: true,
    leaf: true,
    braces: ['{', '}'],
    entries,
    skip: (k) => k === 'stack' || k === 'message' || k === 'cause' ||
      k === 'errors' || k === 'name',
  };
};

const inspect = (v, depth = INSPECT_DEPTH) => new Inspector(depth).value(v, 0);

const formatNumber = (v, whole) => {
  if (typeof v === 'bigint') return `${bigintText(v)}n`;
  if (typeof v === 'symbol' || (typeof v === 'object' && v !== null)) return 'NaN';
  return primitiveText(whole ? trunc(+v) : +v);
};

// One %-directive and its argument; undefined when it is none.
const directive = (c, v) => {
  switch (c) {
    case 's':
      if (typeof v === 'string') return v;
      return typeof v === 'object' && v !== null ? inspect(v, 0) : primitiveText(v);
    case 'd':
      return formatNumber(v, false);
    case 'i':
      return typeof v === 'bigint' ? formatNumber(v) : formatNumber(v, true);
    case 'f':
      return typeof v === 'symbol' ? 'NaN' : formatNumber(v, false);
    case 'j':
      try {
        return `${jsonStringify(v)}`;
      } catch {
        return '[Circular]';
      }
    case 'o':
      return inspect(v, 4);
    case 'O':
      return inspect(v);
    case 'c':
      return '';
    default:
      return undefined;
  }
};

// console.log's joining of its arguments.
const format = (args) => {
  let out = '';
  let used = 0;
  const first = args[0];
  if (typeof first === 'string') {
    used = 1;
    if (args.length === 1) return first;
    let last = 0;
    for (let i = 0; i < first.length - 1; i++) {
      if (first[i] !== '%') continue;
      const c = first[i + 1];
      if (c === '%') {
        out += slice(first, last, i + 1);
        last = ++i + 1;
        continue;
      }
      if (used >= args.length) continue;
      const text = directive(c, args[used]);
      if (text === undefined) continue;
      used++;
      out += slice(first, last, i) + text;
      last = ++i + 1;
    }
    out += slice(first, last);
  }
  for (; used < args.length; used++) {
    const v = args[used];
    if (used > 0) out += ' ';
    out += typeof v === 'string' ? v : inspect(v);
  }
  return out;
};
