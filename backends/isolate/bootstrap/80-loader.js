// Scripts by require(), modules by import: files of the workload only.

const required = new MapCtor();

const folderOf = (name) => {
  const cut = lastIndexOf(name, '/');
  return cut === -1 ? '.' : slice(name, 0, cut);
};

const makeRequire = (from) => {
  const require = function require(specifier) {
    if (typeof specifier !== 'string') {
      throw new TypeErrorCtor('require() takes the name of a file');
    }
    return requireFile(binding.resolve(from, specifier, true));
  };
  return require;
};

const runScript = (name, script) => {
  const module = { exports: {}, id: name, filename: name, loaded: false };
  mapSet(required, name, module);
  const { exports } = module;
  try {
    binding.call(script, exports, exports, makeRequire(name), module, name,
      folderOf(name));
  } catch (e) {
    mapDelete(required, name);
    throw e;
  }
  module.loaded = true;
  return module;
};

const requireFile = (name) => {
  const known = mapGet(required, name);
  if (known !== undefined) return known.exports;
  if (endsWith(name, '.json')) {
    const module = { exports: parseJsonFile(name), loaded: true };
    mapSet(required, name, module);
    return module.exports;
  }
  const made = binding.compile(name, false);
  if (typeof made !== 'function') {
    throw new ErrorCtor(
      `require() of the module ${name} is not possible; use import()`);
  }
  return runScript(name, made).exports;
};

const parseJsonFile = (name) => {
  try {
    return jsonParse(binding.source(name));
  } catch (e) {
    throw new SyntaxErrorCtor(`${name}: ${e.message}`);
  }
};

const importModule = async (from, specifier) => {
  const number = binding.module(binding.resolve(from, specifier, false));
  await binding.evaluate(number);
  return binding.namespace(number);
};

// Runs the entry point; gives its handler, or undefined for a script.
const loadEntry = async (name, isModule) => {
  const made = binding.compile(name, isModule);
  if (typeof made === 'function') {
    const { exports } = runScript(name, made);
    if (typeof exports === 'function') return exports;
    const d = exports === null || typeof exports !== 'object' ||
      binding.kind(exports) === 'proxy'
      ? undefined
      : getOwnPropertyDescriptor(exports, 'default');
    return d !== undefined && typeof d.value === 'function'
      ? d.value
      : undefined;
  }
  await binding.evaluate(made);
  const found = binding.namespace(made).default;
  if (typeof found === 'function') return found;
  // A script that was bundled: module.exports = function.
  if (isModule && found !== null && typeof found === 'object' &&
    typeof found.default === 'function') {
    return found.default;
  }
  return undefined;
};
