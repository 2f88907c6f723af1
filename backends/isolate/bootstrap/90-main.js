// A program from its specification to its result, and how its failure is told.

// The bundle's source map, once it is needed; null: there is none.
let bundleName = null;
let bundleMap;

const MAP_MARK = '//# sourceMappingURL=data:application/json;base64,';

const readMap = () => {
  const text = binding.source(bundleName);
  const at = lastIndexOf(text, MAP_MARK);
  if (at === -1) return null;
  const map = jsonParse(decodeUtf8(decodeBase64(
    trim(slice(text, at + MAP_MARK.length)))));
  return {
    sources: map.sources,
    texts: map.sourcesContent || [],
    lines: decodeMappings(map.mappings),
  };
};

// Lines of [column, source, line, column] from the VLQ text (source map v3).
const decodeMappings = (text) => {
  const lines = [[]];
  let column = 0;
  const state = [0, 0, 0];
  let i = 0;
  const number = () => {
    let value = 0;
    let shift = 0;
    for (;;) {
      const d = digitValue[charCode(text, i++)];
      value += (d & 31) * pow(2, shift);
      if ((d & 32) === 0) break;
      shift += 5;
    }
    return value % 2 === 1 ? -floor(value / 2) : value / 2;
  };
  while (i < text.length) {
    const c = text[i];
    if (c === ';') {
      push(lines, []);
      column = 0;
      i++;
    } else if (c === ',') {
      i++;
    } else {
      column += number();
      const entry = [column];
      for (let k = 0; k < 3 && i < text.length; k++) {
        if (text[i] === ',' || text[i] === ';') break;
        state[k] += number();
        entry[k + 1] = state[k];
      }
      // A name may follow; it is not used.
      if (i < text.length && text[i] !== ',' && text[i] !== ';') number();
      if (entry.length === 4) push(lines[lines.length - 1], entry);
    }
  }
  return lines;
};

// Where a place (1-based line and column) came from.
const original = (file, line, column) => {
  const same = { file, line, column };
  if (bundleName === null || file !== bundleName) return same;
  if (bundleMap === undefined) bundleMap = readMap();
  if (bundleMap === null) return same;
  const row = bundleMap.lines[line - 1] || [];
  let best;
  for (let i = 0; i < row.length && row[i][0] <= column - 1; i++) best = row[i];
  if (best === undefined) return same;
  return {
    file: bundleMap.sources[best[1]],
    line: best[2] + 1,
    column: best[3] + 1,
    text: bundleMap.texts[best[1]],
  };
};

const siteText = (site) => {
  const file = site.getFileName();
  const line = site.getLineNumber();
  const column = site.getColumnNumber();
  if (site.isNative()) return 'native';
  if (typeof file !== 'string') {
    return site.isEval() ? 'eval' : '<anonymous>';
  }
  const at = original(file, line, column);
  return `${at.file}:${at.line}:${at.column}`;
};

const siteName = (site) => {
  const f = site.getFunctionName();
  if (site.isConstructor()) return `new ${f === null ? '<anonymous>' : f}`;
  const type = site.isToplevel() ? null : site.getTypeName();
  const method = site.getMethodName();
  let name = f;
  if (f !== null && type !== null && !startsWith(f, `${type}.`)) {
    name = `${type}.${f}`;
  }
  if (name !== null && method !== null && f !== method &&
    !endsWith(name, `.${method}`)) {
    name += ` [as ${method}]`;
  }
  return name === null ? null : `${site.isAsync() ? 'async ' : ''}${name}`;
};

// V8 asks for an error's stack when it is first read.
const formatStack = (error, sites) => {
  let title;
  try {
    title = errorTitle(error);
  } catch {
    title = 'Error';
  }
  let out = title;
  try {
    for (let i = 0; i < sites.length; i++) {
      const site = sites[i];
      const file = site.getFileName();
      if (file === 'vulcan:bootstrap') continue;
      const where = siteText(site);
      const name = siteName(site);
      out += name === null ? `\n    at ${where}` : `\n    at ${name} (${where})`;
    }
  } catch {
    out += '\n    at <unknown>';
  }
  return out;
};

// "file:line", the line itself and a mark under the place.
const placeText = (place) => {
  const at = original(place.file, place.line, place.column + 1);
  let source = place.source;
  if (at.text !== undefined) source = split(at.text, '\n')[at.line - 1];
  if (typeof source !== 'string') return `${at.file}:${at.line}\n`;
  let from = 0;
  if (source.length > 200) {
    from = max(0, at.column - 101);
    source = slice(source, from, from + 200);
  }
  const width = at.text !== undefined ? 1 : max(1, place.end - place.column);
  const lead = replace(slice(source, 0, at.column - 1 - from), /[^\t]/g, ' ');
  return `${at.file}:${at.line}:${at.column}\n${source}\n` +
    `${lead}${repeat('^', min(width, source.length - lead.length) || 1)}\n`;
};

const sentenceOf = (error) => {
  if (error !== null && typeof error === 'object' &&
    binding.kind(error) === 'error') {
    return errorTitle(error);
  }
  return `Uncaught ${inspect(error, 0)}`;
};

const oneLine = (text) => {
  let s = replace(text, /[\r\n\u2028\u2029]+/g, ' ');
  if (s.length > 500) s = `${slice(s, 0, 500)}...`;
  return s;
};

const reportText = (error) => {
  let text = 'The program failed with an error that cannot be shown';
  try {
    text = sentenceOf(error);
    text = oneLine(text);
    const place = binding.locate(error);
    let details = '';
    if (place !== undefined && typeof place.file === 'string' &&
      place.file !== 'vulcan:bootstrap' && place.line > 0) {
      const at = original(place.file, place.line, place.column + 1);
      text += ` (${at.file}:${at.line}:${at.column})`;
      details = placeText(place);
    }
    details += inspect(error);
    text += `\n${slice(details, 0, 30000)}`;
  } catch {
    // The sentence has to do.
  }
  return text;
};

// Ends the run with what went wrong.
const report = (error) => {
  binding.error(reportText(error));
  binding.exit(1);
};

// A handler's result as JSON; undefined is no result.
const resultText = (value) => {
  if (value === undefined) return undefined;
  let text;
  try {
    text = jsonStringify(value);
  } catch (e) {
    const message = binding.kind(e) === 'error' ? dataOf(e, 'message') : '';
    const why = split(`${message}`, '\n')[0];
    throw new TypeErrorCtor(`The result cannot be written as JSON: ${why}`);
  }
  if (text === undefined) {
    throw new TypeErrorCtor(
      `The result cannot be written as JSON: it is a ${typeof value}`);
  }
  return text;
};

const exitCode = (code) => {
  const n = code === undefined ? 0 : trunc(+code);
  return n >= 0 && n <= 255 ? n : n & 255;
};

const makeContext = (spec, input, stdin) => freeze({
  input,
  stdin: stdin === null ? '' : stdin,
  args: freeze(spec.args || []),
  env: freeze(spec.env || {}),
  write(text) {
    say(false, `${text}`);
  },
  exit(code) {
    binding.exit(exitCode(code));
  },
});

const runProgram = async (spec, isBundle, input, stdin) => {
  const context = makeContext(spec, input, stdin);
  if (!muted) {
    defineProperty(global, 'vulcan', { value: context, enumerable: false });
  }
  const handler = await loadEntry(spec.entrypoint, isBundle);
  if (handler === undefined) return;
  const text = resultText(await handler(input, context));
  if (text !== undefined && !muted) binding.output(text);
};

const mathRandom = Math.random;

const prepare = (specText, inputText) => {
  startClock();
  return [jsonParse(specText), inputText === null ? null : jsonParse(inputText)];
};

const run = (specText, compiled, inputText, stdin) => {
  muted = false;
  const [spec, input] = prepare(specText, inputText);
  const random = new Uint8ArrayCtor(1);
  binding.random(random);
  for (let i = random[0] & 63; i > 0; i--) mathRandom();
  if (compiled !== null) bundleName = spec.entrypoint;
  return runProgram(spec, compiled !== null, input, stdin);
};

// Sample programs for what most programs do; the host has their two files.
const runSample = async (name) => {
  const [spec, input] = prepare(
    `{"entrypoint":"${name}","args":["a"],"env":{"b":"c"}}`, '{"d":[1]}');
  await runProgram(spec, false, input, 'text');
  mapDelete(required, name);
};

// A function that ran hot is compiled by whoever calls it next: this loop
// stands apart so that no child is that one.
const spinUntil = (time) => {
  while (binding.now() < time);
};

const warm = async (rounds) => {
  await runSample('warm.cjs');
  for (let i = 0; i < rounds; i++) {
    await runSample('warm.cjs');
    await runSample('warm.mjs');
    addTimer(() => {}, 0, false, []);
    spinUntil(due());
    turn();
    reportText(new ErrorCtor('warm'));
    global.structuredClone({ a: [1, new MapCtor()] });
    global.crypto.randomUUID();
    global.atob(global.btoa('warm'));
    new global.TextDecoder().decode(new global.TextEncoder().encode('warm'));
    new global.URL('../a?b=c#d', 'https://user@example.com:81/e/f').searchParams.get('b');
  }
};

const hooks = {
  __proto__: null,
  run,
  turn,
  due,
  report,
  formatStack,
  importModule,
  require: requireFile,
  cloneError: (message) => new DOMException(message, 'DataCloneError'),
  warm,
};
return hooks;
