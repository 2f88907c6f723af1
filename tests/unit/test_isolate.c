/* Programs on the isolate tier: what each of them leaves. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "isolate_fixture.h"
#include "poison.h"
#include "utf8.h"

static struct backend *backend;

struct expected {
	struct program program;
	enum reason reason;
	int32_t code;
	const char *out; /* NULL: not looked at */
	const char *output; /* "" none */
	const char *error; /* part of it; NULL: there is none */
};

static const struct expected cases[] = {
	{{.name = "script", .files = SCRIPT("console.log('hi', 1 + 1)")},
		.out = "hi 2\n"},
	{{.name = "handler by module.exports",
		 .files = SCRIPT("module.exports = (x, c) => [x.a, c.args, "
				 "c.env.KEY, c.stdin]"),
		 .input = "{\"a\":1}",
		 .standard_input = "text"},
		.output = "[1,[\"one\",\"two\"],\"value\",\"text\"]"},
	{{.name = "handler by default export",
		 .files = SCRIPT("export default async (x) => x.a + 1"),
		 .input = "{\"a\":41}"},
		.output = "42"},
	{{.name = "context is the global",
		 .files = SCRIPT("module.exports = (x, c) => c === vulcan && "
				 "Object.isFrozen(vulcan) && c.input === x")},
		.output = "true"},
	{{.name = "no result", .files = SCRIPT("module.exports = () => {}")},
		.out = ""},
	{{.name = "top-level await",
		 .files = SCRIPT("const x = await 5; console.log(x)")},
		.out = "5\n"},
	{{.name = "timers in order",
		 .files = SCRIPT("setTimeout(() => console.log(3), 9);"
				 "setTimeout(() => console.log(2), 3);"
				 "queueMicrotask(() => console.log(1));"
				 "const i = setInterval(() => {"
				 " clearInterval(i); console.log(0) }, 15)")},
		.out = "1\n2\n3\n0\n"},
	{{.name = "modules",
		 .files = {CODE("index.mjs",
				   "import { a } from './lib/a.mjs';"
				   "import d from './d.json';"
				   "const l = await import('./lib/late.mjs');"
				   "console.log(a, d.x, l.default,"
				   " import.meta.url)"),
			 CODE("lib/a.mjs",
				 "import b from '../b.cjs';"
				 "export const a = b.b + 1"),
			 CODE("b.cjs", "module.exports = { b: 1 }"),
			 CODE("lib/late.mjs", "export default 'late'"),
			 CODE("d.json", "{\"x\":[1]}")}},
		.out = "2 [ 1 ] late index.mjs\n"},
	{{.name = "require",
		 .files = {CODE("index.js",
				   "const a = require('./a');"
				   "console.log(a.n, require('./d').x,"
				   " require('./a') === a, __filename)"),
			 CODE("a.js", "exports.n = require('./f').f"),
			 CODE("f/index.js", "exports.f = 'f'"),
			 CODE("d.json", "{\"x\":2}")}},
		.out = "f 2 true index.js\n"},
	{{.name = "byte order mark and #!",
		 .files = SCRIPT("\xef\xbb\xbf#!/usr/bin/env node\n"
				 "console.log('ok')")},
		.out = "ok\n"},
	{{.name = "exit", .files = SCRIPT("vulcan.exit(7)")},
		.reason = REASON_EXIT, .code = 7},
	{{.name = "exit 0 ends timers",
		 .files = SCRIPT("setInterval(() => {}, 1);"
				 "setTimeout(() => vulcan.exit(0), 5)")},
		.out = ""},
	{{.name = "uncaught error",
		 .files = SCRIPT("function f() {\n  null.x;\n}\nf();")},
		.reason = REASON_EXIT, .code = 1,
		.error = "TypeError: Cannot read properties of null (reading "
			 "'x') (index.js:2:8)\nindex.js:2:8\n  null.x;\n"
			 "       ^\n"},
	{{.name = "syntax error", .files = SCRIPT("let x = ;")},
		.reason = REASON_EXIT, .code = 1,
		.error = "SyntaxError: Unexpected token ';' (index.js:1:9)"},
	{{.name = "thrown number", .files = SCRIPT("throw 42")},
		.reason = REASON_EXIT, .code = 1, .error = "Uncaught 42"},
	{{.name = "unhandled rejection",
		 .files = SCRIPT("Promise.reject(new RangeError('no'))")},
		.reason = REASON_EXIT, .code = 1, .error = "RangeError: no"},
	{{.name = "late handler is no failure",
		 .files = SCRIPT("const p = Promise.reject(1);"
				 "p.catch(() => console.log('caught'))")},
		.out = "caught\n"},
	{{.name = "error in a timer",
		 .files = SCRIPT("setTimeout(() => { throw new Error('t') })")},
		.reason = REASON_EXIT, .code = 1,
		.error = "Error: t (index.js:1:20)"},
	{{.name = "never settled",
		 .files = SCRIPT("await new Promise(() => {})")},
		.reason = REASON_EXIT, .code = 13,
		.error = "nothing was left to settle it"},
	{{.name = "b15 node module",
		 .files = SCRIPT("import fs from 'node:fs'")},
		.reason = REASON_EXIT, .code = 1,
		.error = "Cannot find module 'node:fs': only files"},
	{{.name = "b15 file address",
		 .files = SCRIPT("await import('file:///etc/passwd')")},
		.reason = REASON_EXIT, .code = 1,
		.error = "Cannot find module 'file:///etc/passwd'"},
	{{.name = "b15 above the root",
		 .files = SCRIPT("require('../../etc/passwd')")},
		.reason = REASON_EXIT, .code = 1,
		.error = "Cannot find module '../../etc/passwd'"},
	{{.name = "b17 bigint", .files = SCRIPT("module.exports = () => 1n")},
		.reason = REASON_EXIT, .code = 1,
		.error = "TypeError: The result cannot be written as JSON: Do "
			 "not know how to serialize a BigInt"},
	{{.name = "b17 cyclic",
		 .files = SCRIPT("module.exports = () => { const a = {};"
				 " a.a = a; return a }")},
		.reason = REASON_EXIT, .code = 1,
		.error = "TypeError: The result cannot be written as JSON: "
			 "Converting circular structure to JSON"},
	{{.name = "b17 function",
		 .files = SCRIPT("module.exports = () => () => 1")},
		.reason = REASON_EXIT, .code = 1,
		.error = "The result cannot be written as JSON: it is a "
			 "function"},
	{{.name = "b17 symbol",
		 .files = SCRIPT("module.exports = () => Symbol('x')")},
		.reason = REASON_EXIT, .code = 1, .error = "it is a symbol"},
	{{.name = "b06 deep recursion",
		 .files = SCRIPT(
			 "function f() { f() } try { f() } catch (e) {"
			 " console.log(e.name) }"
			 "let a = []; for (let i = 0; i < 1e5; i++) a = [a];"
			 "try { JSON.stringify(a) } catch (e) {"
			 " console.log(e.name) }")},
		.out = "RangeError\nRangeError\n"},
	{{.name = "b16 throwing proxy",
		 .files = SCRIPT("throw new Proxy({}, { get() { throw 1 } })")},
		.reason = REASON_EXIT, .code = 1, .error = "Uncaught {}"},
	{{.name = "b16 throwing getters",
		 .files = SCRIPT("const e = new Error('m');"
				 "Object.defineProperty(e, 'message',"
				 " { get() { throw 1 } });"
				 "Object.defineProperty(e, 'stack',"
				 " { get() { throw 2 } }); throw e")},
		.reason = REASON_EXIT, .code = 1, .error = "Error"},
	{{.name = "b07 prepareStackTrace",
		 .files =
			 SCRIPT("let n = 0; Error.prepareStackTrace = (e, s) =>"
				" { n++; return s };"
				"console.log(typeof new Error('x').stack, n)")},
		.out = "string 0\n"},
	{{.name = "b07 constructors",
		 .files = SCRIPT(
			 "const g = this.constructor.constructor("
			 "'return this')(); console.log(g === globalThis,"
			 " typeof g.process, typeof g.binding,"
			 " console.log.constructor === Function)")},
		.out = "true undefined undefined true\n"},
	{{.name = "b07 patched built-ins",
		 .files = SCRIPT("const all = [Array, Map, Promise, String,"
				 " RegExp, Object], own = Reflect.ownKeys;"
				 "for (let i = 0; i < 6; i++) {"
				 " const p = all[i].prototype, k = own(p);"
				 " for (let j = 0; j < k.length; j++)"
				 " if (k[j] !== 'constructor')"
				 " try { p[k[j]] = () => { throw 1 } } catch {}"
				 "} console.log('still', [1, { a: 2 }])")},
		.out = "still [ 1, { a: 2 } ]\n"},
	{{.name = "b14 no shared memory, coarse clock",
		 .files = SCRIPT("const n = performance.now() * 10;"
				 "console.log(typeof SharedArrayBuffer,"
				 " typeof Atomics, Math.abs(n - Math.round(n))"
				 " < 1e-6, Object.prototype.toString.call("
				 "new WebAssembly.Memory({ initial: 1,"
				 " maximum: 1, shared: true }).buffer))")},
		.out = "undefined undefined true [object ArrayBuffer]\n"},
	{{.name = "platform",
		 .files =
			 SCRIPT("console.log(btoa('hi'), atob('aGk='),"
				" new TextDecoder().decode(new TextEncoder()"
				".encode('\xc3\xa4')), structuredClone(new Map("
				"[[1, 2]])).get(1), crypto.randomUUID().length,"
				" crypto.getRandomValues(new Uint8Array(3))"
				".length, new URL('../b?x=1', 'http://h/a/c/d')"
				".href)")},
		.out = "aGk= hi \xc3\xa4 2 36 3 http://h/a/b?x=1\n"},
	{{.name = "standard error",
		 .files = SCRIPT("console.error('e'); console.log('o')")},
		.out = "o\n"},
	{{.name = "file without a module of that name",
		 .files = SCRIPT("import './lib'")},
		.reason = REASON_EXIT, .code = 1,
		.error = "Cannot find module './lib' imported from index.js"},
};

static bool
differs(const char *name, const char *what, const char *got, const char *want)
{
	if (strcmp(got, want) == 0)
		return false;
	print_error("%s: %s is '%s', not '%s'\n", name, what, got, want);
	return true;
}

/* Whether the outcome is another than expected; says how. */
static bool
wrong(const struct expected *x, const struct outcome *o)
{
	const char *name = x->program.name;
	const struct run_result *r = &o->left.result;
	const char *error = buf_text(&o->left.error);
	bool bad = differs(
		name, "reason", reason_text(r->reason), reason_text(x->reason));
	if (!r->exited || r->exit_code != x->code) {
		print_error("%s: exit code %d\n", name, r->exit_code);
		bad = true;
	}
	if (x->out != NULL)
		bad |= differs(name, "stdout", buf_text(&o->out), x->out);
	bad |= differs(name, "output", buf_text(&o->left.output),
		x->output != NULL ? x->output : "");
	if (x->error == NULL ? error[0] != '\0'
			     : strstr(error, x->error) == NULL) {
		print_error("%s: error is '%s'\n", name, error);
		bad = true;
	}
	return bad || !utf8_valid(error, o->left.error.len) || o->started != 1;
}

static void
test_programs(void **state)
{
	(void)state;
	if (backend == NULL)
		skip();
	size_t failed = 0;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct outcome o;
		tier_run(backend, &cases[i].program, 0, &o);
		failed += wrong(&cases[i], &o);
		outcome_done(&o);
	}
	assert_int_equal(failed, 0);
}

/* b16: a message of a megabyte is cut to a bounded text of whole characters. */
static void
test_long_errors(void **state)
{
	(void)state;
	if (backend == NULL)
		skip();
	static const struct program p = {.name = "long error",
		.files = SCRIPT("throw new Error('\xe2\x82\xac'.repeat(1e6))")};
	struct outcome o;
	tier_run(backend, &p, 0, &o);
	assert_int_equal(o.left.result.reason, REASON_EXIT);
	assert_true(o.left.error.len > 100 && o.left.error.len <= 65536);
	assert_true(utf8_valid(o.left.error.data, o.left.error.len));
	outcome_done(&o);
}

/* b07: exactly these names, beside those of the language itself. */
static void
test_global_names(void **state)
{
	(void)state;
	if (backend == NULL)
		skip();
	static const struct program p = {.name = "global names",
		.files =
			SCRIPT("const all = Reflect.ownKeys(globalThis);"
			       "console.log(all.slice(all.indexOf('isNaN') + 1)"
			       ".sort().join(' '))")};
	struct outcome o;
	tier_run(backend, &p, 0, &o);
	assert_string_equal(buf_text(&o.out),
		"DOMException TextDecoder TextEncoder URL URLSearchParams "
		"WebAssembly atob btoa clearImmediate clearInterval "
		"clearTimeout console crypto performance queueMicrotask "
		"setImmediate setInterval setTimeout structuredClone vulcan\n");
	outcome_done(&o);
}

/* b10: no two runs share their random numbers. */
static void
test_randomness(void **state)
{
	(void)state;
	if (backend == NULL)
		skip();
	static const struct program p = {.name = "random",
		.files = SCRIPT("console.log(Math.random(),"
				" crypto.randomUUID())")};
	enum { RUNS = 20 };
	char *seen[RUNS];
	for (int i = 0; i < RUNS; i++) {
		struct outcome o;
		tier_run(backend, &p, 0, &o);
		seen[i] = v_take_buf(&o.out);
		for (int k = 0; k < i; k++)
			assert_true(strncmp(seen[i], seen[k],
					    strcspn(seen[i], " ")) != 0);
		outcome_done(&o);
	}
	for (int i = 0; i < RUNS; i++)
		free(seen[i]);
}

/* b11: what one run leaves in its world, the next does not see. */
static void
test_no_traces(void **state)
{
	(void)state;
	if (backend == NULL)
		skip();
	static const struct program dirty = {.name = "dirty",
		.files = SCRIPT("globalThis.x = 1; Array.prototype.y = 2;"
				"Object.prototype.z = 3; JSON.parse = null;"
				"require.cache; Math.random = () => 4")};
	static const struct program clean = {.name = "clean",
		.files = SCRIPT("console.log(typeof x, [].y, ({}).z,"
				" typeof JSON.parse, Math.random() !== 4)")};
	for (int i = 0; i < 5; i++) {
		struct outcome o;
		tier_run(backend, &dirty, 0, &o);
		outcome_done(&o);
		tier_run(backend, &clean, 0, &o);
		assert_string_equal(buf_text(&o.out),
			"undefined undefined undefined function true\n");
		outcome_done(&o);
	}
}

static void
test_metadata(void **state)
{
	(void)state;
	if (backend == NULL)
		skip();
	static const struct program p = {
		.name = "metadata", .files = SCRIPT("1")};
	static const char *const keys[] = {"v8-version", "isolate-ready-us",
		"heap-limit-kib", "jit", "zygote-generation",
		"guest-heap-used-kib"};
	struct outcome o;
	tier_run(backend, &p, 0, &o);
	const struct run_result *r = &o.left.result;
	for (size_t k = 0; k < sizeof(keys) / sizeof(keys[0]); k++) {
		bool found = false;
		for (size_t i = 0; i < r->meta_count; i++)
			found = found || strcmp(r->meta[i].key, keys[k]) == 0;
		if (!found)
			fail_msg("no metadata '%s'", keys[k]);
	}
	assert_string_equal(r->engine, "v8");
	assert_true(r->wall_us > 0 && r->cpu_us > 0);
	assert_true(r->memory_peak_kib > 0);
	assert_true(r->phase_seen[PHASE_CREATE] && r->phase_seen[PHASE_EXEC]);
	outcome_done(&o);
}

static void
test_probe(void **state)
{
	(void)state;
	if (backend == NULL)
		skip();
	const struct sandbox_slot slot = {5, FIXTURE_UID + 5, "slot-5"};
	struct backend_caps caps;
	struct verr e;
	assert_int_equal(backend_probe(backend, &slot, &caps, &e), 1);
	assert_string_equal(caps.engine, "v8");
	assert_true(strncmp(caps.engine_version, "10.", 3) == 0);
}

static int
open_backend(void **state)
{
	(void)state;
	backend = tier_open(NULL);
	return 0;
}

static int
close_backend(void **state)
{
	(void)state;
	tier_close(backend);
	return 0;
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_programs),
		cmocka_unit_test(test_long_errors),
		cmocka_unit_test(test_global_names),
		cmocka_unit_test(test_randomness),
		cmocka_unit_test(test_no_traces),
		cmocka_unit_test(test_metadata),
		cmocka_unit_test(test_probe),
	};
	return cmocka_run_group_tests(tests, open_backend, close_backend);
}
