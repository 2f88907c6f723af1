// structuredClone, crypto and performance.

function structuredClone(value, options) {
  if (arguments.length === 0) {
    throw new TypeErrorCtor('structuredClone() needs a value');
  }
  const moved = [];
  if (options !== undefined && options !== null && options.transfer !== undefined) {
    for (const item of options.transfer) {
      if (item === null || typeof item !== 'object' ||
        binding.kind(item) !== 'arraybuffer') {
        throw new DOMException('Only an ArrayBuffer can be transferred here',
          'DataCloneError');
      }
      push(moved, item);
    }
  }
  return binding.clone(value, moved);
}

const RANDOM_BYTES_MAX = 65536;

class Crypto {
  getRandomValues(array) {
    const name = array !== null && typeof array === 'object'
      ? typedName(array)
      : undefined;
    if (name === undefined || name === 'Float32Array' || name === 'Float64Array') {
      throw new DOMException('The data argument must be an integer-type TypedArray',
        'TypeMismatchError');
    }
    if (typedBytes(array) > RANDOM_BYTES_MAX) {
      throw new DOMException(
        `The requested length exceeds 65,536 bytes`, 'QuotaExceededError');
    }
    binding.random(array);
    return array;
  }
  randomUUID() {
    const b = new Uint8ArrayCtor(16);
    binding.random(b);
    b[6] = (b[6] & 0x0f) | 0x40;
    b[8] = (b[8] & 0x3f) | 0x80;
    let out = '';
    for (let i = 0; i < 16; i++) {
      if (i === 4 || i === 6 || i === 8 || i === 10) out += '-';
      out += padStart(numberText(b[i], 16), 2, '0');
    }
    return out;
  }
}
enumerate(Crypto.prototype, ['getRandomValues', 'randomUUID']);
tag(Crypto, 'Crypto');

// A tenth of a millisecond: too coarse to time a cache.
const CLOCK_STEP = 0.1;
let clockOrigin = 0;
let wallOrigin = 0;
const wallNow = Date.now;

class Performance {
  now() {
    return floor((binding.now() - clockOrigin) / CLOCK_STEP) * CLOCK_STEP;
  }
  get timeOrigin() {
    return wallOrigin;
  }
  toJSON() {
    return { timeOrigin: wallOrigin };
  }
}
enumerate(Performance.prototype, ['now', 'timeOrigin', 'toJSON']);
tag(Performance, 'Performance');

const startClock = () => {
  clockOrigin = binding.now();
  wallOrigin = wallNow();
};

provide({
  structuredClone,
  crypto: new Crypto(),
  performance: new Performance(),
});
