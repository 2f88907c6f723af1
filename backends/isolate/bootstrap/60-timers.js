// setTimeout and its kin. The host sleeps until hooks.due() and then calls
// hooks.turn(); a timer keeps its program alive.

const waiting = []; // a heap by (when, number)
const active = new MapCtor();
let timerCount = 0;

const before = (a, b) => a.when < b.when || (a.when === b.when && a.id < b.id);

const heapAdd = (t) => {
  let i = waiting.length;
  waiting[i] = t;
  while (i > 0) {
    const up = (i - 1) >> 1;
    if (!before(t, waiting[up])) break;
    waiting[i] = waiting[up];
    i = up;
  }
  waiting[i] = t;
};

const heapTake = () => {
  const top = waiting[0];
  const t = waiting[waiting.length - 1];
  waiting.length--;
  const n = waiting.length;
  if (n === 0) return top;
  let i = 0;
  for (;;) {
    let down = 2 * i + 1;
    if (down >= n) break;
    if (down + 1 < n && before(waiting[down + 1], waiting[down])) down++;
    if (!before(waiting[down], t)) break;
    waiting[i] = waiting[down];
    i = down;
  }
  waiting[i] = t;
  return top;
};

const delayOf = (ms) => {
  const n = +ms;
  return n >= 1 && n <= 2147483647 ? n : 1;
};

const addTimer = (call, ms, again, args) => {
  if (typeof call !== 'function') {
    throw new TypeErrorCtor('The "callback" argument must be a function');
  }
  const every = delayOf(ms);
  const id = ++timerCount;
  const t = { __proto__: null, id, call, args, again, every, when: binding.now() + every };
  mapSet(active, id, t);
  heapAdd(t);
  return id;
};

const clearTimer = (id) => {
  const t = mapGet(active, typeof id === 'string' ? +id : id);
  if (t === undefined) return;
  t.call = null;
  mapDelete(active, t.id);
};

const dropCleared = () => {
  while (waiting.length > 0 && waiting[0].call === null) heapTake();
};

// Runs what is due now; microtasks run between timers, by the host.
const turn = () => {
  dropCleared();
  if (waiting.length === 0 || waiting[0].when > binding.now()) return;
  const t = heapTake();
  if (t.again) {
    t.when = binding.now() + t.every;
    heapAdd(t);
  } else {
    mapDelete(active, t.id);
  }
  apply(t.call, undefined, t.args);
};

const due = () => {
  dropCleared();
  return waiting.length === 0 ? -1 : waiting[0].when;
};

const thenOf = uncurry(PromiseCtor.prototype.then);

provide({
  setTimeout: function setTimeout(call, ms, ...args) {
    return addTimer(call, ms, false, args);
  },
  setInterval: function setInterval(call, ms, ...args) {
    return addTimer(call, ms, true, args);
  },
  setImmediate: function setImmediate(call, ...args) {
    return addTimer(call, 0, false, args);
  },
  clearTimeout: function clearTimeout(id) {
    clearTimer(id);
  },
  clearInterval: function clearInterval(id) {
    clearTimer(id);
  },
  clearImmediate: function clearImmediate(id) {
    clearTimer(id);
  },
  queueMicrotask: function queueMicrotask(call) {
    if (typeof call !== 'function') {
      throw new TypeErrorCtor('The "callback" argument must be a function');
    }
    thenOf(PromiseCtor.resolve(), () => call());
  },
});
