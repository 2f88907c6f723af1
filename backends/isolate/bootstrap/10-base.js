// The bootstrap script is the files of this folder, in the order of their
// names, as the body of one function of (binding, global). It runs once, before
// any program; programs may change every built-in afterwards, so what is used
// later is taken here.
'use strict';

const { apply, ownKeys, construct } = Reflect;
const uncurry = (f) => Function.prototype.call.bind(f);

const {
  defineProperty,
  freeze,
  getOwnPropertyDescriptor,
  getPrototypeOf,
  is,
  keys: objectKeys,
  setPrototypeOf,
  create,
} = Object;
const hasOwn = uncurry(Object.prototype.hasOwnProperty);
const isEnumerable = uncurry(Object.prototype.propertyIsEnumerable);
const { isArray } = Array;
const { isFinite: numberIsFinite, isInteger, isNaN: numberIsNaN } = Number;
const { floor, max, min, pow, trunc } = Math;
const { parse: jsonParse, stringify: jsonStringify } = JSON;
const PromiseCtor = Promise;

const push = uncurry(Array.prototype.push);
const join = uncurry(Array.prototype.join);
const splice = uncurry(Array.prototype.splice);
const sortArray = uncurry(Array.prototype.sort);
const charCode = uncurry(String.prototype.charCodeAt);
const codePoint = uncurry(String.prototype.codePointAt);
const slice = uncurry(String.prototype.slice);
const indexOf = uncurry(String.prototype.indexOf);
const lastIndexOf = uncurry(String.prototype.lastIndexOf);
const startsWith = uncurry(String.prototype.startsWith);
const endsWith = uncurry(String.prototype.endsWith);
const lower = uncurry(String.prototype.toLowerCase);
const upper = uncurry(String.prototype.toUpperCase);
const normalize = uncurry(String.prototype.normalize);
const replace = uncurry(String.prototype.replace);
const repeat = uncurry(String.prototype.repeat);
const padStart = uncurry(String.prototype.padStart);
const padEnd = uncurry(String.prototype.padEnd);
const split = uncurry(String.prototype.split);
const trim = uncurry(String.prototype.trim);
const fromCharCode = String.fromCharCode;
const fromCodePoint = String.fromCodePoint;
const toStringOf = uncurry(Object.prototype.toString);
const functionText = uncurry(Function.prototype.toString);
const test = uncurry(RegExp.prototype.exec);
const regexpText = uncurry(RegExp.prototype.toString);
const dateText = uncurry(Date.prototype.toISOString);
const dateTime = uncurry(Date.prototype.getTime);
const numberText = uncurry(Number.prototype.toString);
const symbolText = uncurry(Symbol.prototype.toString);
const bigintText = uncurry(BigInt.prototype.toString);
const numberValue = uncurry(Number.prototype.valueOf);
const stringValue = uncurry(String.prototype.valueOf);
const booleanValue = uncurry(Boolean.prototype.valueOf);
const bigintValue = uncurry(BigInt.prototype.valueOf);
const symbolValue = uncurry(Symbol.prototype.valueOf);
const mapGet = uncurry(Map.prototype.get);
const mapSet = uncurry(Map.prototype.set);
const mapDelete = uncurry(Map.prototype.delete);
const MapCtor = Map;
const typedPrototype = getPrototypeOf(Uint8Array.prototype);
const getter = (o, k) => uncurry(getOwnPropertyDescriptor(o, k).get);
const mapSize = getter(Map.prototype, 'size');
const setSize = getter(Set.prototype, 'size');
const typedLength = getter(typedPrototype, 'length');
const typedName = getter(typedPrototype, Symbol.toStringTag);
const bufferLength = getter(ArrayBuffer.prototype, 'byteLength');
const viewLength = getter(DataView.prototype, 'byteLength');
const viewOffset = getter(DataView.prototype, 'byteOffset');
const viewBuffer = getter(DataView.prototype, 'buffer');
const typedBytes = getter(typedPrototype, 'byteLength');
const typedOffset = getter(typedPrototype, 'byteOffset');
const typedBuffer = getter(typedPrototype, 'buffer');
const { iterator: symbolIterator, toStringTag } = Symbol;
const {
  Error: ErrorCtor,
  TypeError: TypeErrorCtor,
  RangeError: RangeErrorCtor,
  SyntaxError: SyntaxErrorCtor,
  Uint8Array: Uint8ArrayCtor,
  ArrayBuffer: ArrayBufferCtor,
  DataView: DataViewCtor,
} = global;

// Adds globals as the platform has them: writable, not enumerable.
const provide = (values) => {
  for (const name of ownKeys(values)) {
    defineProperty(global, name, {
      value: values[name],
      writable: true,
      enumerable: false,
      configurable: true,
    });
  }
};

// Methods of a class are enumerable where Web IDL says so.
const enumerate = (prototype, names) => {
  for (const name of names) {
    const d = getOwnPropertyDescriptor(prototype, name);
    d.enumerable = true;
    defineProperty(prototype, name, d);
  }
};
const tag = (c, name) => {
  defineProperty(c.prototype, toStringTag, {
    value: name,
    configurable: true,
  });
};

class DOMException extends ErrorCtor {
  #name;
  constructor(message = '', name = 'Error') {
    super(`${message}`);
    this.#name = `${name}`;
  }
  get name() {
    return this.#name;
  }
  get code() {
    const code = {
      __proto__: null,
      InvalidCharacterError: 5,
      NotSupportedError: 9,
      SyntaxError: 12,
      TypeMismatchError: 17,
      QuotaExceededError: 22,
      DataCloneError: 25,
    }[this.#name];
    return code === undefined ? 0 : code;
  }
}
tag(DOMException, 'DOMException');
provide({ DOMException });
delete global.SharedArrayBuffer;
delete global.Atomics;
