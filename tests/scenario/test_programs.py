"""What a program can do: scripts, handlers, streams, files, TypeScript."""
import base64
import json
import re
import secrets
import time

from harness.case import VulcanCase


class TestScripts(VulcanCase):
    def test_record(self):
        record = self.prints("console.log('hello')", "hello\n",
                             labels={"a": "b"})
        self.assertRegex(record["id"], r"^[0-9A-HJKMNP-TV-Z]{26}$")
        for name, value in (
                ("reason", None), ("isolation", "isolate"), ("engine", "v8"),
                ("exit_code", 0), ("signal", None), ("stderr", ""),
                ("stdout_truncated", False), ("stdout_bytes", 6),
                ("output", None), ("error", None), ("limit", None),
                ("isolation_requested", "auto"), ("runtime", "javascript"),
                ("labels", {"a": "b"}), ("user", "admin"),
                ("network", "none"), ("artifacts", [])):
            self.assertEqual(record[name], value, name)
        self.assertTrue(record["routing"])
        self.assertIn(record["sandbox"], ("cold", "warm"))
        self.assertLessEqual({"queued", "create", "exec", "collect"},
                             set(record["phases"]))
        for ms in record["phases"].values():
            self.assertGreaterEqual(ms, 0)
        for name in ("cpu_ms", "wall_ms", "memory_peak_kib"):
            self.assertGreater(record["usage"][name], 0, name)
        for name in ("created_at", "started_at", "finished_at"):
            self.assertRegex(
                record[name], r"^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z$")
        self.assertLessEqual(record["created_at"], record["started_at"])
        self.assertLessEqual(record["started_at"], record["finished_at"])
        self.assertEqual(record, self.api.record(record["id"]))

    def test_metadata(self):
        record = self.prints("1", "")
        told = record["metadata"]
        text = json.dumps(told)
        self.assertIn("10.2", text, "V8's version is not told")
        for part in ("heap", "jit", "ready"):
            self.assertTrue([k for k in told if part in k], (part, told))
        for key, value in told.items():
            self.assertRegex(key, r"^[a-z0-9-]+$")
            self.assertIsInstance(value, (str, int, float, bool))

    def test_streams_apart_and_in_order(self):
        record = self.api.run(
            "console.log('1'); console.error('2'); console.log('3');"
            "console.warn('4'); console.info('5'); console.debug('6')")
        self.assertEqual(record["stdout"], "1\n3\n5\n6\n")
        self.assertEqual(record["stderr"], "2\n4\n")
        lines = self.api.get(f"/v1/workloads/{record['id']}/logs/history"
                             ).json()["lines"]
        joined = "".join(line["text"] for line in lines)
        self.assertEqual(joined, "1\n2\n3\n4\n5\n6\n")

    def test_given_things(self):
        record = self.api.run(
            "console.log(JSON.stringify([vulcan.args, vulcan.env,"
            " vulcan.stdin, vulcan.input]))",
            args=["a b", "", "\u20ac"], env={"X": "1", "Y_2": "z=z"},
            stdin="line\nline", input={"n": [1, None, "x"]})
        self.assertEqual(json.loads(record["stdout"]), [
            ["a b", "", "\u20ac"], {"X": "1", "Y_2": "z=z"}, "line\nline",
            {"n": [1, None, "x"]}])

    def test_frozen_context(self):
        self.prints("try { vulcan.args = 1 } catch {} try { vulcan.n = 1 } "
                    "catch {} console.log(Object.isFrozen(vulcan),"
                    " vulcan.args.length)", "true 0\n")

    def test_interfaces(self):
        self.prints("""
const assert = (name, ok) => { if (!ok) throw new Error(name) };
assert('utf8', new TextEncoder().encode('\u20ac').join() === '226,130,172');
assert('decode', new TextDecoder().decode(new Uint8Array([226, 130, 172]))
       === '\u20ac');
const u = new URL('../x?a=1&b=%20#h', 'https://user@example.org:8080/a/b/');
assert('url', u.href === 'https://user@example.org:8080/a/x?a=1&b=%20#h');
assert('url parts', u.port === '8080' && u.searchParams.get('a') === '1');
const m = structuredClone(new Map([[1, {d: new Date(0)}]]));
assert('clone', m.get(1).d.getTime() === 0);
assert('random', crypto.getRandomValues(new Uint8Array(32)).some(x => x));
assert('base64', btoa('abc') === 'YWJj' && atob('YWJj') === 'abc');
assert('clock', performance.now() >= 0 &&
       Math.abs(Date.now() - performance.timeOrigin - performance.now())
       < 60000 || performance.timeOrigin === undefined);
const order = [];
setTimeout(() => order.push('timer 2'), 2);
setTimeout((a, b) => order.push(a + b), 1, 'timer', ' 1');
const t = setTimeout(() => order.push('never'), 1); clearTimeout(t);
queueMicrotask(() => order.push('micro'));
order.push('now');
await new Promise(r => setTimeout(r, 30));
assert('order', order.join() === 'now,micro,timer 1,timer 2');
let n = 0;
await new Promise(r => { const i = setInterval(() => {
  if (++n === 3) { clearInterval(i); r() } }, 1) });
console.log('all');""", "all\n")

    def test_wall_clock_is_right(self):
        record = self.api.run("console.log(Date.now())")
        self.assertLess(abs(int(record["stdout"]) / 1000 - time.time()), 60)

    def test_uncaught_error(self):
        record = self.api.run("\nthrow new RangeError('of mine')")
        self.ends(record, "failed", "exit")
        self.assertNotEqual(record["exit_code"], 0)
        self.assertIn("of mine", record["error"])

    def test_syntax_error(self):
        record = self.api.run("let a = 1;\nlet let = ;")
        self.assertEqual(record["status"], "failed")
        self.assertIn("SyntaxError", record["error"])
        self.assertIn("index", json.dumps(record))

    def test_top_level_await(self):
        self.prints("const x = await Promise.resolve(7); console.log(x)",
                    "7\n")

    def test_common_js(self):
        self.prints("module.exports = undefined; console.log(typeof require,"
                    " typeof module)", "function object\n")


class TestHandlers(VulcanCase):
    def output(self, code, wanted, **fields):
        record = self.api.run(code, **fields)
        self.ends(record, "completed")
        self.assertEqual(record["output"], wanted)
        return record

    def test_kinds(self):
        for code in ("export default input => ({got: input})",
                     "export default async input => ({got: await input})",
                     "export default function (input) { "
                     "return {got: input} }",
                     "module.exports = input => ({got: input})",
                     "module.exports = async input => ({got: input})",
                     "exports.default = 1; module.exports = "
                     "function h(input) { return {got: input} }"):
            with self.subTest(code=code):
                self.output(code, {"got": [1, "x"]}, input=[1, "x"])

    def test_no_input(self):
        record = self.api.run("export default x => ({t: typeof x})")
        self.ends(record, "completed")
        self.assertIn(record["output"]["t"], ("undefined", "object"))

    def test_context(self):
        self.output("export default (i, c) => ({same: c === vulcan, "
                    "args: c.args})", {"same": True, "args": ["a"]},
                    args=["a"])

    def test_output_and_streams(self):
        record = self.output("export default () => { console.log('said');"
                             "return 5 }", 5)
        self.assertEqual(record["stdout"], "said\n")

    def test_throws(self):
        record = self.api.run("export default () => { throw new Error('no') }")
        self.ends(record, "failed", "exit")
        self.assertIn("no", record["error"])

    def test_numbers_are_exact(self):
        answer = self.api.call(
            "POST", "/v1/workloads",
            raw=b'{"runtime":"javascript","code":"export default x => x",'
                b'"input":{"a":9007199254740991,"b":0.1,"c":1e21}}')
        self.assertEqual(answer.json()["output"],
                         {"a": 9007199254740991, "b": 0.1, "c": 1e21})


class TestFiles(VulcanCase):
    def run_files(self, files, wanted, **fields):
        record = self.api.run(None, files=[
            {"name": n, "content": c} for n, c in files.items()], **fields)
        self.ends(record, "completed")
        self.assertEqual(record["stdout"], wanted)

    def test_imports(self):
        self.run_files({
            "index.mjs": "import {a} from './lib/a.mjs'; import b from "
                         "'./lib/b.mjs'; console.log(a, b)",
            "lib/a.mjs": "import b from './b.mjs'; export const a = 'a' + b",
            "lib/b.mjs": "export default 'b'"}, "ab b\n")

    def test_cycle(self):
        self.run_files({
            "index.mjs": "import {f} from './a.mjs'; console.log(f(2))",
            "a.mjs": "import {g} from './b.mjs';"
                     "export const f = n => n ? g(n - 1) : 'end'",
            "b.mjs": "import {f} from './a.mjs'; export const g = n => f(n)",
        }, "end\n")

    def test_json_module(self):
        self.run_files({
            "index.mjs": "import d from './d.json' assert {type: 'json'};"
                         "console.log(d.x)",
            "d.json": '{"x": [1, 2]}'}, "[ 1, 2 ]\n")

    def test_require(self):
        self.run_files({
            "index.js": "const a = require('./a'); const d = "
                        "require('./d.json'); console.log(a.x, d.y)",
            "a.js": "exports.x = 1", "d.json": '{"y": 2}'}, "1 2\n")

    def test_dynamic_import(self):
        self.run_files({
            "index.mjs": "const m = await import('./m.mjs');"
                         "console.log(m.default)",
            "m.mjs": "export default 9"}, "9\n")

    def test_entrypoint(self):
        self.run_files({"index.js": "console.log('index')",
                        "other.js": "console.log('other')"}, "other\n",
                       entrypoint="other.js")

    def test_base64(self):
        record = self.api.run(None, files=[{
            "name": "index.js", "encoding": "base64",
            "content": base64.b64encode(b"console.log('b')").decode()}])
        self.assertEqual(record["stdout"], "b\n")

    def test_large_file_goes_to_the_blob_store(self):
        self.run_files({
            "index.mjs": "import d from './d.json' assert {type: 'json'};"
                         "console.log(d.length)",
            "d.json": json.dumps("y" * 300000)}, "300000\n")

    def test_refused_names(self):
        for name in ("../x.js", "/x.js", "a/../b.js", "", "a\\b.js", ".",
                     "a//b.js", "a/./b.js", "x" * 300, "a\nb.js"):
            with self.subTest(name=name):
                answer = self.api.call("POST", "/v1/workloads/async", {
                    "runtime": "javascript", "files": [
                        {"name": name, "content": "1"}]})
                self.problem(answer, (400, 422))

    def test_missing_entrypoint(self):
        answer = self.api.call("POST", "/v1/workloads/async", {
            "runtime": "javascript", "entrypoint": "nope.js", "files": [
                {"name": "index.js", "content": "1"}]})
        self.problem(answer, (400, 422), "entrypoint")


class TestTypeScript(VulcanCase):
    def ts(self, code, wanted, **fields):
        return self.prints(code, wanted, runtime="typescript", **fields)

    def test_single(self):
        record = self.ts(
            "enum E { A = 3 }\ninterface I { x: number }\n"
            "const f = <T extends I>(i: T): number => i.x as number;\n"
            "console.log(f({x: E.A}) satisfies number)"
            .replace(" satisfies number", ""), "3\n")
        self.assertIn("compile", record["phases"])

    def test_second_time_from_the_cache(self):
        code = f"const x: string = '{secrets.token_hex(8)}'; console.log(x)"
        text = re.search(r"'(\w+)'", code).group(1)
        first = self.ts(code, text + "\n")
        second = self.ts(code, text + "\n")
        self.assertGreater(first["phases"]["compile"], 0)
        self.assertLess(second["phases"].get("compile", 0),
                        max(1.0, first["phases"]["compile"] / 2))

    def test_several_files(self):
        record = self.api.run(None, runtime="typescript", files=[
            {"name": "index.ts", "content":
             "import {twice} from './lib/twice'; import d from './d.json';"
             "import type {N} from './types'; const n: N = d.n;"
             "console.log(twice(n))"},
            {"name": "lib/twice.ts", "content":
             "export const twice = (n: number): number => n * 2"},
            {"name": "types.ts", "content": "export type N = number"},
            {"name": "d.json", "content": '{"n": 21}'}])
        self.ends(record, "completed")
        self.assertEqual(record["stdout"], "42\n")

    def test_handler(self):
        record = self.api.run(
            "export default (i: {n: number}): {d: number} => ({d: i.n * 2})",
            runtime="typescript", input={"n": 4})
        self.ends(record, "completed")
        self.assertEqual(record["output"], {"d": 8})

    def test_top_level_await(self):
        self.ts("const x: number = await Promise.resolve(3); console.log(x);"
                "export {};", "3\n")

    def test_compile_error(self):
        for _ in range(2):  # a failure is not kept in the cache as a success
            record = self.api.run("const a: number = ;\nconsole.log(a)",
                                  runtime="typescript")
            self.ends(record, "failed", "compile")
            self.assertIn("index.ts", json.dumps(record))
            self.assertTrue(record["error"])

    def test_missing_import(self):
        record = self.api.run("import x from './nope'; console.log(x)",
                              runtime="typescript")
        self.ends(record, "failed", ("compile", "exit"))
        self.assertIn("nope", json.dumps(record))

    def test_stack_is_of_the_source(self):
        record = self.api.run(
            "interface A { x: number }\n\ninterface B { y: number }\n\n"
            "function thrower(a: A): never {\n"
            "  throw new Error('mapped ' + a.x);\n}\n\nthrower({x: 1});\n",
            runtime="typescript")
        self.ends(record, "failed", "exit")
        row = self.v.row("SELECT error || ' ' || coalesce(error_detail, '')"
                         " AS t FROM runs WHERE workload_id = ?",
                         record["id"])
        self.assertRegex(row["t"], r"index\.ts:6")
        self.assertRegex(row["t"], r"index\.ts:9")

    def test_first_run_costs_at_most_three_times(self):
        js = min(self.api.run("1")["duration_ms"] for _ in range(5))
        ts = min(self.api.run(f"const a: number = 1; //{secrets.token_hex(8)}",
                              runtime="typescript")["duration_ms"]
                 for _ in range(5))
        # Told by the bench in the release build; here it must not run away.
        self.assertLess(ts, 10 * js + 300)
