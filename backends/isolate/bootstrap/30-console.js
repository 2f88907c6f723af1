// console: what a program says goes to its stdout and stderr at once.

let muted = true; // until a program runs
const say = (toStderr, text) => {
  if (!muted) binding.write(toStderr, text);
};

let groupIndent = '';
const print = (toStderr, args) => {
  let text = format(args);
  if (groupIndent !== '') {
    text = groupIndent + join(split(text, '\n'), `\n${groupIndent}`);
  }
  say(toStderr, `${text}\n`);
};

const counts = new MapCtor();
const timers = new MapCtor();

const elapsed = (label) => {
  const began = mapGet(timers, label);
  if (began === undefined) {
    print(true, [`Warning: No such label '${label}'`]);
    return undefined;
  }
  const ms = binding.now() - began;
  return ms >= 1000
    ? `${label}: ${numberText(floor(ms) / 1000)}s`
    : `${label}: ${numberText(floor(ms * 1000) / 1000)}ms`;
};

const tableOf = (data, only) => {
  const rows = [];
  const columns = [];
  let values = false;
  for (const key of objectKeys(data)) {
    const v = data[key];
    const row = { __proto__: null };
    if (v !== null && typeof v === 'object') {
      for (const k of only === undefined ? objectKeys(v) : only) {
        let known = false;
        for (let i = 0; i < columns.length; i++) known ||= columns[i] === k;
        if (!known) push(columns, k);
        if (hasOwn(v, k)) row[k] = inspect(v[k], 0);
      }
    } else {
      values = true;
    }
    push(rows, { key, row, value: v });
  }
  const heads = ['(index)'];
  for (let i = 0; i < columns.length; i++) push(heads, columns[i]);
  if (values) push(heads, 'Values');
  const cells = [];
  for (let i = 0; i < rows.length; i++) {
    const { key, row, value } = rows[i];
    const line = [key];
    for (let j = 0; j < columns.length; j++) {
      push(line, row[columns[j]] === undefined ? '' : row[columns[j]]);
    }
    if (values) {
      push(line, value !== null && typeof value === 'object'
        ? ''
        : primitiveText(value));
    }
    push(cells, line);
  }
  return drawTable(heads, cells);
};

const drawTable = (heads, cells) => {
  const widths = [];
  for (let i = 0; i < heads.length; i++) {
    let w = heads[i].length;
    for (let j = 0; j < cells.length; j++) w = max(w, cells[j][i].length);
    widths[i] = w + 2;
  }
  const cell = (s, w) => ` ${padEnd(s, w - 1, ' ')}`;
  const line = (a, b, c) => {
    const parts = [];
    for (let i = 0; i < widths.length; i++) parts[i] = repeat('─', widths[i]);
    return a + join(parts, b) + c;
  };
  const rowText = (row) => {
    const parts = [];
    for (let i = 0; i < row.length; i++) parts[i] = cell(row[i], widths[i]);
    return `│${join(parts, '│')}│`;
  };
  const out = [line('┌', '┬', '┐'), rowText(heads), line('├', '┼', '┤')];
  for (let i = 0; i < cells.length; i++) push(out, rowText(cells[i]));
  push(out, line('└', '┴', '┘'));
  return join(out, '\n');
};

const consoleObject = {
  log(...args) {
    print(false, args);
  },
  info(...args) {
    print(false, args);
  },
  debug(...args) {
    print(false, args);
  },
  error(...args) {
    print(true, args);
  },
  warn(...args) {
    print(true, args);
  },
  trace(...args) {
    const e = { name: 'Trace', message: format(args) };
    ErrorCtor.captureStackTrace(e, consoleObject.trace);
    print(true, [e.stack]);
  },
  dir(value, options) {
    const depth = options === null || typeof options !== 'object'
      ? undefined
      : options.depth === null ? Infinity : options.depth;
    print(false, [inspect(value, depth)]);
  },
  table(data, only) {
    if (data === null || typeof data !== 'object') print(false, [data]);
    else print(false, [tableOf(data, only)]);
  },
  assert(ok, ...args) {
    if (ok) return;
    if (typeof args[0] === 'string') args[0] = `Assertion failed: ${args[0]}`;
    else splice(args, 0, 0, 'Assertion failed');
    print(true, args);
  },
  count(label = 'default') {
    const key = `${label}`;
    const n = (mapGet(counts, key) || 0) + 1;
    mapSet(counts, key, n);
    print(false, [`${key}: ${n}`]);
  },
  countReset(label = 'default') {
    mapDelete(counts, `${label}`);
  },
  group(...args) {
    if (args.length > 0) print(false, args);
    if (groupIndent.length < 100) groupIndent += '  ';
  },
  groupEnd() {
    groupIndent = slice(groupIndent, 2);
  },
  time(label = 'default') {
    mapSet(timers, `${label}`, binding.now());
  },
  timeLog(label = 'default', ...args) {
    const text = elapsed(`${label}`);
    if (text === undefined) return;
    splice(args, 0, 0, text);
    print(false, args);
  },
  timeEnd(label = 'default') {
    const text = elapsed(`${label}`);
    if (text !== undefined) print(false, [text]);
    mapDelete(timers, `${label}`);
  },
};
consoleObject.groupCollapsed = consoleObject.group;
consoleObject.dirxml = consoleObject.log;
defineProperty(consoleObject, toStringTag, {
  value: 'console',
  configurable: true,
});
provide({ console: consoleObject });
