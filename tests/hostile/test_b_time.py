"""Section b, time and memory: what a program may use up, and how that ends."""
import statistics

from harness.case import VulcanCase
from harness.instance import rounds

WASM_LOOP = ("const b = new Uint8Array([0,97,115,109,1,0,0,0,1,4,1,96,0,0,3,"
             "2,1,0,7,8,1,4,108,111,111,112,0,0,10,9,1,7,0,3,64,12,0,11,11]);"
             "new WebAssembly.Instance(new WebAssembly.Module(b))"
             ".exports.loop()")

ENDLESS = {
    "loop": "while (true) {}",
    "regex": "/(a+)+$/.test('a'.repeat(64) + 'b')",
    "microtasks": "const f = () => Promise.resolve().then(f); await f();"
                  "await new Promise(() => {})",
    "queued microtasks": "const f = () => queueMicrotask(f); f();",
    "getters": "let n = 0; const o = {get a() { return n++ }}; "
               "for (;;) ({...o})",
    "proxies": "const p = new Proxy({}, {get: (t, k, r) => "
               "{ for (;;) Reflect.ownKeys(t) }}); p.x",
    "wasm": WASM_LOOP,
    "generators": "function* g() { while (true) yield 1 } for (const x of g());",
    "timers": "const f = () => setTimeout(f, 0); f(); f(); f();",
    "sort": "for (;;) [1, 2, 3].sort(() => 1)",
    "finally": "for (;;) { try { throw 1 } catch {} finally { continue } }",
    "await loop": "for (;;) await null",
}


class TestB01Endless(VulcanCase):
    """Endless loops of every kind end at the wall limit."""

    pulse = True

    def test_b01_endless(self):
        for name, code in ENDLESS.items():
            with self.subTest(name=name):
                record = self.api.run(code, limits={
                    "wall_ms": 400, "cpu_ms": 20000})
                self.struck(record, "timeout", "wall_ms")
                self.assertLess(record["usage"]["wall_ms"], 2000)

    def test_b01_endless_import(self):
        record = self.api.run(
            None, files=[
                {"name": "index.mjs", "content": "import './b.mjs'"},
                {"name": "b.mjs", "content": "while (true) {}"}],
            limits={"wall_ms": 400, "cpu_ms": 20000})
        self.struck(record, "timeout", "wall_ms")

    def test_b01_endless_handler_and_json(self):
        for code in ("export default () => { while (true) {} }",
                     "export default async () => { for (;;) await 0 }",
                     "export default () => ({toJSON() { while (true) {} }})"):
            with self.subTest(code=code):
                record = self.api.run(code, limits={
                    "wall_ms": 400, "cpu_ms": 20000})
                self.struck(record, "timeout", "wall_ms")


class TestB02Builtins(VulcanCase):
    """Built-ins that V8 cannot interrupt end by SIGKILL at the limit."""

    build = "release"
    pulse = True
    VECTORS = {
        "fill": "new Array(1e8).fill(1)",
        "replace": "for (;;) 'a'.repeat(3e7).replace(/a/g, 'bb')",
        "bytes": "const b = new Uint8Array(5e8); for (;;) b.fill(7)",
        "split": "for (;;) 'a,'.repeat(2e6).split(',')",
        "parse": "const s = '[' + '1,'.repeat(4e6) + '1]';"
                 "for (;;) JSON.parse(s)",
        "source": "const s = 'x;'.repeat(8e6); for (;;) new Function(s)",
        "sort": "const a = new Float64Array(4e7).map(Math.random); a.sort();"
                "for (;;) a.sort()",
        "bigint": "let b = 3n ** 200000n; for (;;) b * b + b",
    }

    def test_b02_killed_at_the_limit(self):
        for name, code in self.VECTORS.items():
            with self.subTest(name=name):
                record = self.api.run(code, limits={
                    "wall_ms": 300, "cpu_ms": 20000, "memory_mib": 1500})
                self.ends(record, "failed", ("timeout", "memory"))
                if record["reason"] == "timeout":
                    self.struck(record, "timeout", "wall_ms")
                self.assertLess(record["usage"]["wall_ms"], 1000)

    def test_b02_overshoot_of_fill(self):
        over = []
        for _ in range(rounds(7)):
            record = self.api.run(
                "for (;;) new Array(1e7).fill(1)", limits={
                    "wall_ms": 250, "cpu_ms": 20000, "memory_mib": 1500})
            self.struck(record, "timeout", "wall_ms")
            over.append(record["usage"]["wall_ms"] - 250)
        self.assertLessEqual(statistics.median(over), 15, over)


class MemoryCase(VulcanCase):
    pulse = True

    def hogs(self, vectors, memory_mib=64):
        for name, code in vectors.items():
            with self.subTest(name=name):
                record = self.api.run(code, limits={
                    "wall_ms": 20000, "cpu_ms": 20000,
                    "memory_mib": memory_mib})
                self.ends(record, "failed", "memory")
                self.assertEqual(record["limit"]["name"], "memory_mib")
                self.assertLess(record["usage"]["memory_peak_kib"],
                                (memory_mib + 64) << 10)
        self.probe()


class TestB03Heap(MemoryCase):
    """Hogs of the JavaScript heap end as `memory`, also where V8 aborts."""

    def test_b03_heap_hogs(self):
        self.hogs({
            "arrays": "const a = []; for (;;) a.push(new Array(1000).fill(0))",
            "map": "const m = new Map(); for (let i = 0;; i++) m.set(i, {i})",
            "strings": "const a = []; for (let i = 0;; i++) "
                       "a.push(('' + i).repeat(2000).split('').join('-'))",
            "closures": "const a = []; for (;;) "
                        "{ const x = new Array(100).fill(a); a.push(() => x) }",
            "promises": "const a = []; for (;;) a.push(new Promise(() => {}))",
            "one array": "const a = new Array(3e7).fill(1.5); a.map(x => [x])",
            "concat": "let s = 'ab'; const a = []; for (;;) "
                      "{ a.push(s = s.slice(0, 1e6) + Math.random()); "
                      "a.push([...s]) }",
            "json": "JSON.stringify(new Array(2e7).fill('abcdefgh'))",
        })

    def test_b03_caught_is_not_survived(self):
        record = self.api.run(
            "const a = []; for (;;) "
            "{ try { a.push(new Array(1e5).fill({})) } catch {} }",
            limits={"memory_mib": 64, "wall_ms": 8000, "cpu_ms": 20000})
        self.ends(record, "failed", ("memory", "timeout"))


class TestB04Buffers(MemoryCase):
    """ArrayBuffers lie outside of V8's heap; a budget of their own holds."""

    def test_b04_buffer_hogs(self):
        self.hogs({
            "buffers": "const a = []; for (;;) "
                       "a.push(new ArrayBuffer(1 << 20))",
            "touched": "const a = []; for (;;) "
                       "a.push(new Uint8Array(1 << 20).fill(1))",
        })

    def test_b04_one_large_buffer(self):
        """A refused allocation is a RangeError that a program may catch."""
        record = self.api.run(
            "try { new ArrayBuffer(2e9); console.log('got it') } "
            "catch (e) { console.log(e.name) }",
            limits={"memory_mib": 64})
        if record["status"] == "completed":
            self.assertEqual(record["stdout"], "RangeError\n")
        else:
            self.ends(record, "failed", "memory")

    def test_b04_freed_buffers_count_no_more(self):
        self.prints("for (let i = 0; i < 400; i++) new Uint8Array(4 << 20);"
                    "console.log('fine')", "fine\n",
                    limits={"memory_mib": 128})


class TestB05Wasm(MemoryCase):
    """WebAssembly memory lies outside of the heap as well; thousands of
    instances reserve address space but may not use it."""

    MODULE = ("new WebAssembly.Module(new Uint8Array("
              "[0,97,115,109,1,0,0,0,5,3,1,0,1]))")

    def test_b05_memory(self):
        record = self.api.run(
            "const a = []; for (;;) { const m = new WebAssembly.Memory("
            "{initial: 160}); new Uint8Array(m.buffer).fill(1); a.push(m) }",
            limits={"memory_mib": 64, "wall_ms": 20000, "cpu_ms": 20000})
        # Refused as a RangeError, or ended by the kernel's limit.
        self.ends(record, "failed", ("memory", "exit"))
        if record["reason"] == "exit":
            self.assertIn("RangeError", record["error"])

    def test_b05_instances(self):
        record = self.api.run(
            f"const m = {self.MODULE}; const a = [];"
            "for (let i = 0; i < 10000; i++) "
            "a.push(new WebAssembly.Instance(m));",
            limits={"memory_mib": 64, "wall_ms": 10000, "cpu_ms": 20000})
        self.assertIn(record["reason"],
                      (None, "memory", "exit", "timeout", "signal"), record)
        if record["reason"] == "exit":
            self.assertIn("RangeError", record["error"])
        self.assertLess(record["usage"]["memory_peak_kib"], 128 << 10)

    def test_b05_wasm_works(self):
        self.prints(
            "const b = new Uint8Array([0,97,115,109,1,0,0,0,1,7,1,96,2,127,"
            "127,1,127,3,2,1,0,7,7,1,3,97,100,100,0,0,10,9,1,7,0,32,0,32,1,"
            "106,11]); const {instance} = await WebAssembly.instantiate(b);"
            "console.log(instance.exports.add(40, 2))", "42\n")


class TestB06Stack(VulcanCase):
    """Deep recursion of every kind is a RangeError, never a crash."""

    VECTORS = {
        "recursion": "const f = () => f() + 1; f()",
        "toString": "const a = []; a[0] = {toString() { return '' + this }};"
                    "'' + a[0]",
        "getter": "const o = {get x() { return this.x }}; o.x",
        "proxy": "let p = {}; for (let i = 0; i < 2e5; i++) "
                 "p = new Proxy(p, {}); p.x",
        "json out": "let o = {}; for (let i = 0; i < 2e5; i++) o = {o};"
                    "JSON.stringify(o)",
        "spread": "Math.max(...new Array(1e7).fill(1))",
        "apply": "String.fromCharCode.apply(null, new Array(1e7).fill(65))",
        "sort": "const f = () => [2, 1].sort(f); f()",
    }

    def test_b06_range_errors(self):
        for name, code in self.VECTORS.items():
            with self.subTest(name=name):
                record = self.api.run(
                    "try { " + code + "; console.log('none') } "
                    "catch (e) { console.log(e.name) }",
                    limits={"memory_mib": 512})
                self.ends(record, "completed")
                self.assertEqual(record["stdout"], "RangeError\n")

    def test_b06_parsers(self):
        """Nested text that a parser walks by recursion."""
        for name, code in {
                "brackets": "new Function('['.repeat(1e5))",
                "json": "JSON.parse('['.repeat(1e6))",
                "regex": "new RegExp('('.repeat(1e5) + ')'.repeat(1e5))",
                "ternary": "new Function('return ' + '1?'.repeat(1e5))",
        }.items():
            with self.subTest(name=name):
                record = self.api.run(
                    "try { " + code + "; console.log('none') } "
                    "catch (e) { console.log(e.name) }")
                self.ends(record, "completed")
                self.assertIn(record["stdout"].strip(),
                              ("RangeError", "SyntaxError", "none"))

    def test_b06_uncaught(self):
        for _ in range(rounds(10)):
            record = self.api.run("(function f() { f() })()")
            self.ends(record, "failed", "exit")
            self.assertIn("RangeError", record["error"])

    def test_b06_source_of_brackets(self):
        record = self.api.run("[" * 100000)
        self.ends(record, "failed", ("exit", "compile"))
        self.assertTrue(record["error"])
