"""Section b, the wall: what a program can see and reach."""
import concurrent.futures
import contextlib
import json
import os
import pathlib
import signal
import socket

from harness import jail
from harness.case import WRONG, VulcanCase
from harness.instance import await_true, rounds

# What a program finds in its global scope beside JavaScript's own. A name
# that is new here must be thought about before it is added.
GLOBALS = {
    "vulcan", "console", "TextEncoder", "TextDecoder", "URL",
    "URLSearchParams", "structuredClone", "crypto", "atob", "btoa",
    "performance", "setTimeout", "clearTimeout", "setInterval",
    "clearInterval", "queueMicrotask", "WebAssembly", "require", "module",
    "exports", "globalThis", "self", "setImmediate", "clearImmediate",
    "DOMException",
}
ECMASCRIPT = set("""
AggregateError Array ArrayBuffer Atomics BigInt BigInt64Array BigUint64Array
Boolean DataView Date Error EvalError FinalizationRegistry Float32Array
Float64Array Function Infinity Int16Array Int32Array Int8Array Intl JSON Map
Math NaN Number Object Promise Proxy RangeError ReferenceError Reflect RegExp
Set SharedArrayBuffer String Symbol SyntaxError TypeError URIError Uint16Array
Uint32Array Uint8Array Uint8ClampedArray WeakMap WeakRef WeakSet decodeURI
decodeURIComponent encodeURI encodeURIComponent escape eval globalThis
isFinite isNaN parseFloat parseInt undefined unescape
""".split())

ABSENT = """process Deno Bun global Buffer fetch XMLHttpRequest WebSocket
Worker SharedWorker EventSource navigator location document window
localStorage indexedDB importScripts __dirname __filename print load read
readline d8 quit os std Realm gc internalBinding primordials""".split()

ESCAPES = (
    "this.constructor.constructor('return process')()",
    "(function () {}).constructor('return process')().exit()",
    "(() => {}).constructor('return require')()('fs')",
    "(async () => {}).constructor('return process')()",
    "(function* () {}).constructor('return process')().next()",
    "globalThis.constructor.constructor('return process.env')()",
    "vulcan.constructor.constructor('return process')().mainModule",
    "vulcan.write.constructor('return process')()",
    "console.log.constructor('return process')()",
    "console.constructor.constructor('return process')()",
    "setTimeout.constructor('return process')()",
    "new Error().constructor.constructor('return process')()",
    "Reflect.construct(Function, ['return process'])()",
    "[].filter.constructor('return process')()",
    "Object.getPrototypeOf(function () {}).constructor('return process')()",
    "eval('process')",
    "new Function('return process')()",
    "Function('return this.process.binding(\"fs\")')()",
    "(0, eval)('process.mainModule.require(\"child_process\")')",
    "require('fs').readFileSync('/etc/passwd')",
    "require('child_process').execSync('id')",
    "require('node:fs')",
    "require('/etc/passwd')",
    "require('../../../../etc/passwd')",
    "await import('fs')",
    "await import('node:fs')",
    "await import('node:child_process')",
    "await import('file:///etc/passwd')",
    "await import('/etc/passwd')",
    "await import('../../../../../../etc/passwd')",
    "await import('http://127.0.0.1/x.js')",
    "await import('data:text/javascript,process')",
    "process.binding('spawn_sync')",
    "process.dlopen({exports: {}}, '/lib/x86_64-linux-gnu/libc.so.6')",
    "internalBinding('fs')",
    "importScripts('http://127.0.0.1/')",
    "new Worker('data:text/javascript,1')",
    "fetch('http://127.0.0.1/')",
    "new XMLHttpRequest()",
    "new WebSocket('ws://127.0.0.1/')",
    "new SharedArrayBuffer(8)",
    "Atomics.wait(new Int32Array(new SharedArrayBuffer(8)), 0, 0)",
    "console.log.caller.constructor('return process')()",
    "(function f() { return f.caller.constructor('return process')() })()",
    "(function () { return arguments.callee.caller"
    ".constructor('return process')() })()",
    "Error.prepareStackTrace = (e, f) => f.map(c => c.getThis()); "
    "new Error().stack[0].process.exit()",
    "Error.prepareStackTrace = (e, f) => f; const s = new Error().stack;"
    "s[s.length - 1].getFunction().constructor('return process')()",
    "Promise.prototype.then.constructor('return process')()",
    "new Proxy({}, {get: (t, k, r) => r.process})"
    ".x.constructor('return process')().pid",
    "Symbol.prototype[Symbol.toPrimitive].constructor('return process')()",
    "structuredClone(new Proxy({}, {})).process.exit()",
    "WebAssembly.Module.constructor('return process')()",
    "JSON.parse.constructor('return process')()",
    "Reflect.apply(Function, null, ['return process'])()",
    "Object.getOwnPropertyDescriptor(vulcan, 'write')"
    ".value.constructor('return process')()",
    "import.meta.url.process.exit()",
    "import.meta.constructor.constructor('return process')()",
    "new (class extends Function { constructor() { super('return process') }"
    "})()()",
    "queueMicrotask.call.constructor('return process')()",
    "vulcan.exit.apply.constructor('return process')()",
)

DIRTY = """
globalThis.left = 'behind'; var alsoLeft = 1;
Object.prototype.polluted = 'yes'; Array.prototype.push = () => 666;
JSON.stringify = () => 'forged'; console.log = () => {};
Promise.prototype.then = null; String.prototype.trim = () => 'x';
Math.random = () => 4; Date.now = () => 0;
setInterval(() => {}, 1); setTimeout(() => vulcan.write('late'), 5);
globalThis.w = new WeakRef({a: 1}); Symbol.for('shared');
try { vulcan.args.push('x') } catch {} try { vulcan.x = 1 } catch {}
try { Function.prototype.call = null } catch {}
vulcan.write('dirty\\n'); vulcan.exit(0);
"""
PRISTINE = """
const wrong = [];
if (typeof left !== 'undefined' || typeof alsoLeft !== 'undefined')
  wrong.push('globals');
if ({}.polluted !== undefined) wrong.push('prototype');
if ([].push(1) !== 1) wrong.push('push');
if (JSON.stringify({a: 1}) !== '{"a":1}') wrong.push('JSON');
if (' a '.trim() !== 'a') wrong.push('trim');
if (Math.random() === 4) wrong.push('random');
if (Date.now() === 0) wrong.push('Date');
if (typeof w !== 'undefined') wrong.push('WeakRef');
if (vulcan.args.length !== 0 || 'x' in vulcan) wrong.push('vulcan');
await null;
vulcan.write(wrong.length ? wrong.join() : 'pristine');
"""


class TestB07Escapes(VulcanCase):
    """No host object is reachable, and the global scope holds nothing but
    the documented names."""

    def test_b07_globals(self):
        record = self.api.run(
            "vulcan.write(JSON.stringify(Reflect.ownKeys(globalThis)"
            ".map(String)))")
        self.ends(record, "completed")
        names = set(json.loads(record["stdout"]))
        self.assertEqual(names - ECMASCRIPT - GLOBALS, set())
        for name in ("vulcan", "console", "TextEncoder", "URL",
                     "structuredClone", "crypto", "atob", "performance",
                     "setTimeout", "queueMicrotask"):
            self.assertIn(name, names)

    def test_b07_absent(self):
        code = ("console.log(" + json.dumps(ABSENT) +
                ".filter(n => { try { return (0, eval)('typeof ' + n) "
                "!== 'undefined' } catch { return false } }).join())")
        self.prints(code, "\n")

    def test_b07_reachable_objects(self):
        """A walk over everything that is reachable finds no function of the
        host that gives out more."""
        record = self.api.run("""
const seen = new Set(), found = [];
const words = /^(binding|dlopen|mainModule|execSync|spawn|readFileSync|env)$/;
function walk(o, path) {
  if (o === null || (typeof o !== 'object' && typeof o !== 'function') ||
      seen.has(o) || path.length > 12) return;
  seen.add(o);
  let keys;
  try { keys = Reflect.ownKeys(o) } catch { return }
  for (const k of keys) {
    let d;
    try { d = Reflect.getOwnPropertyDescriptor(o, k) } catch { continue }
    if (!d) continue;
    if (words.test(String(k)) && path[0] !== 'vulcan')
      found.push([...path, String(k)].join('.'));
    for (const v of [d.value, d.get, d.set]) walk(v, [...path, String(k)]);
  }
  try { walk(Reflect.getPrototypeOf(o), [...path, '__proto__']) } catch {}
}
walk(globalThis, []);
vulcan.write(JSON.stringify({count: seen.size, found}));""")
        self.ends(record, "completed")
        told = json.loads(record["stdout"])
        self.assertGreater(told["count"], 500)
        self.assertEqual(told["found"], [])

    def test_b07_vm_escapes(self):
        """Sixty known ways out of a JavaScript context, each an error."""
        code = """
const tries = %s;
const AsyncFunction = (async () => {}).constructor;
const out = [];
for (const t of tries) {
  let got;
  try {
    const v = await new AsyncFunction('return (' + t + ')')();
    got = 'got ' + typeof v;
  } catch (e) {
    got = 'no';
    if (e instanceof SyntaxError) {
      try { await new AsyncFunction(t)(); got = 'ran' } catch {}
    }
  }
  out.push([t, got]);
}
vulcan.write(JSON.stringify(out));
""" % json.dumps([e for e in ESCAPES if "import.meta" not in e])
        record = self.api.run(code)
        self.ends(record, "completed")
        wrong = [pair for pair in json.loads(record["stdout"])
                 if pair[1] != "no"]
        self.assertEqual(wrong, [])

    def test_b07_import_meta(self):
        for escape in (e for e in ESCAPES if "import.meta" in e):
            with self.subTest(escape=escape):
                record = self.api.run(
                    "export {}; " + escape)
                self.assertEqual(record["status"], "failed")
                self.assertEqual(record["reason"], "exit")

    def test_b07_polluted_hooks(self):
        """Patched prototypes do not reach what Vulcan itself runs."""
        for code in (
                "Object.prototype.toJSON = () => 'forged';"
                "export default () => ({a: 1})",
                "Promise.prototype.then = function () { return 7 };"
                "console.log('here')",
                "Array.prototype[Symbol.iterator] = null;"
                "console.log('a', 'b')",
                "Object.defineProperty(Object.prototype, 'status', "
                "{get() { throw new Error('x') }}); console.log('here')",
                "Error.prepareStackTrace = () => { throw 1 };"
                "throw new Error('plain')",
                "Object.defineProperty(Error.prototype, 'stack', "
                "{get() { while (0); throw 2 }}); throw new Error('x')"):
            with self.subTest(code=code):
                record = self.api.run(code, limits={"wall_ms": 3000})
                self.assertIn(record["status"], ("completed", "failed"))
                self.assertNotIn(record["reason"], ("platform", "timeout",
                                                    "signal"))


class SleeperCase(VulcanCase):
    """Holds one run that sleeps, to look at its process from outside."""

    CODE = "console.log('up'); setTimeout(() => {}, 60000)"

    @contextlib.contextmanager
    def sleeper(self, code=CODE, **fields):
        record = self.api.submit(
            code, limits={"wall_ms": 60000, "cpu_ms": 60000}, **fields)
        ident = record["id"]
        await_true("it runs", 10, lambda: self.v.row(
            "SELECT 1 FROM v_log WHERE workload_id = ?", ident))
        children = [p for p in self.v.slot_processes()
                    if "isolate" in p.name or "isolate" in
                    " ".join(p.command)]
        try:
            self.assertTrue(children, "no process of the run is there: "
                            f"{self.v.slot_processes()}")
            # Warm ones may wait beside it; any of them is jailed the same.
            yield ident, children
        finally:
            self.api.cancel(ident)
            self.api.wait(ident)


class TestB08Seccomp(SleeperCase):
    """The filter of a run, read back from the kernel and evaluated for all
    system call numbers of three ABIs: this list is the policy."""

    ALLOWED = {
        "read", "write", "mmap", "mprotect", "munmap", "madvise", "mremap",
        "brk", "futex", "clock_gettime", "clock_nanosleep", "nanosleep",
        "restart_syscall", "getrandom", "getpid", "gettid", "rt_sigreturn",
        "prlimit64", "exit", "exit_group", "sched_yield",
    }
    REFUSED = {"open", "openat", "stat", "newfstatat", "readlink", "access",
               "sched_getaffinity", "sysinfo"}
    NEVER = """open openat openat2 creat socket connect bind execve execveat
        ptrace process_vm_readv process_vm_writev io_uring_setup
        io_uring_enter io_uring_register bpf userfaultfd keyctl add_key
        request_key clone clone3 fork vfork unshare setns mount umount2
        pivot_root chroot kill tgkill tkill rt_sigqueueinfo
        rt_tgsigqueueinfo setuid setgid setresuid capset prctl seccomp
        memfd_create memfd_secret perf_event_open init_module
        finit_module kexec_load pidfd_open pidfd_getfd pidfd_send_signal
        name_to_handle_at open_by_handle_at sendmsg recvmsg sendto recvfrom
        socketpair dup dup2 dup3 fcntl ioctl flock pipe pipe2 eventfd2
        signalfd4 timerfd_create inotify_init1 fanotify_init shmget shmat
        semget msgget mq_open personality arch_prctl modify_ldt
        set_robust_list uselib acct swapon reboot sethostname iopl ioperm
        process_madvise move_pages mbind sched_setscheduler
        sched_setaffinity setpriority""".split()

    def test_b08_policy(self):
        numbers = jail.syscall_numbers()
        with self.sleeper() as (_, children):
            for child in children:
                self.policy(child.pid, numbers)

    def policy(self, pid, numbers):
        filters = jail.seccomp_filters(pid)
        self.assertTrue(filters)
        # Arguments as a plain use has them: the channel, anonymous memory.
        harmless = [(fd, 0, 0, 0x22, 2**64 - 1, 0) for fd in (0, 1, 2, 3)]
        names = {number: name for name, number in numbers.items()}
        allowed, refused = set(), set()
        for number in range(0, 520):
            words = {jail.verdict(filters, number, args=a) for a in harmless}
            name = names.get(number, str(number))
            if "allow" in words:
                allowed.add(name)
            elif "kill" not in words:
                refused.add(name)
        self.assertLessEqual(allowed, self.ALLOWED)
        self.assertLessEqual(refused, self.REFUSED)
        for name in ("write", "mmap", "futex", "exit_group"):
            self.assertIn(name, allowed)
        for name in self.NEVER:
            if name in numbers and name not in self.REFUSED:
                self.assertEqual(
                    jail.verdict(filters, numbers[name]), "kill", name)
        self.foreign(filters)
        self.arguments(filters, numbers)

    def foreign(self, filters):
        """x32 and 32-bit calls, and numbers beyond the end."""
        for number in range(0, 600):
            self.assertEqual(jail.verdict(filters, number, jail.ARCH_I386),
                             "kill", f"int80 {number}")
            self.assertEqual(
                jail.verdict(filters, jail.X32_BIT | number), "kill",
                f"x32 {number}")
        for number in (1000, 2**30 - 1, 2**31 - 1, 2**32 - 1):
            self.assertEqual(jail.verdict(filters, number), "kill", number)

    def arguments(self, filters, numbers):
        """A file mapped, a file made executable, another's limits."""
        shared_file = (0, 4096, 1, 1, 3, 0)
        private_file = (0, 4096, 5, 2, 3, 0)
        for args in (shared_file, private_file):
            self.assertEqual(
                jail.verdict(filters, numbers["mmap"], args=args), "kill")
        for fd in (0, 4, 5, 100, 2**32 - 1):
            for name in ("read", "write"):
                word = jail.verdict(filters, numbers[name],
                                    args=(fd, 0, 0, 0, 0, 0))
                if word == "allow":
                    self.assertIn(fd, self.channel_fds, (name, fd))
        self.assertEqual(jail.verdict(filters, numbers["prlimit64"],
                                      args=(1, 0, 0, 0, 0, 0)), "kill")

    channel_fds = (3,)

    def test_b08_killed_by_the_kernel(self):
        """A forbidden call made by the child itself kills it: SIGSYS."""
        with self.sleeper() as (_, children):
            self.assertEqual(jail.facts(children[0].pid)["Seccomp"], "2")


class TestB09Jail(SleeperCase):
    """After the jail: an empty root, no descriptors but the channel, an empty
    environment, no capabilities, no way to gain any, no core, own user."""

    def test_b09_facts(self):
        with self.sleeper() as (_, children):
            for child in children:
                with self.subTest(child=child):
                    self.look(child)

    def look(self, child):
        facts = jail.facts(child.pid)
        self.assertEqual(facts["NoNewPrivs"], "1")
        self.assertEqual(facts["Seccomp"], "2")
        for key in ("CapInh", "CapPrm", "CapEff", "CapBnd", "CapAmb"):
            if key == "CapBnd":
                continue  # is nothing without the right to exec
            self.assertEqual(int(facts[key], 16), 0, key)
        self.assertNotIn("0", facts["Uid"].split())
        self.assertNotIn("0", facts["Gid"].split())
        self.assertEqual(facts["Groups"], "")
        self.assertEqual(facts["Threads"], "1")
        base = pathlib.Path(f"/proc/{child.pid}")
        self.assertEqual((base / "environ").read_bytes().strip(b"\0"), b"")
        self.assertEqual(os.listdir(base / "root"), [])
        self.assertEqual(os.listdir(base / "cwd"), [])
        fds = os.listdir(base / "fd")
        self.assertLessEqual(len(fds), 4, [
            os.readlink(base / "fd" / f) for f in fds])
        for fd in fds:
            target = os.readlink(base / "fd" / fd)
            self.assertRegex(target, r"^(socket|pipe|/dev/null|/null|anon)")
            self.assertNotIn("vulcan.db", target)
        # Not dumpable: /proc/PID belongs to root, others cannot look.
        self.assertEqual(os.stat(base / "environ").st_uid, 0)
        own = {kind: os.readlink(f"/proc/self/ns/{kind}") for kind in
               ("mnt", "net", "pid", "ipc", "uts")}
        for kind in ("mnt", "net", "pid", "ipc"):
            self.assertNotEqual(os.readlink(base / "ns" / kind), own[kind],
                                f"shares the {kind} namespace")
        limits = (base / "limits").read_text()
        self.assertRegex(limits, r"Max core file size +0 +0")
        self.assertRegex(limits, r"Max processes +[0-9]")

    def test_b09_no_network_device(self):
        with self.sleeper() as (_, children):
            devices = pathlib.Path(
                f"/proc/{children[0].pid}/net/dev").read_text()
            names = {line.split(":")[0].strip()
                     for line in devices.splitlines()[2:]}
            self.assertLessEqual(names, {"lo"})

    def test_b09_two_runs_have_two_users(self):
        code = "console.log('up'); setTimeout(() => {}, 60000)"
        with self.sleeper(code), self.sleeper(code):
            users = [p.uid for p in self.v.slot_processes()
                     if "isolate" in p.name]
            self.assertGreaterEqual(len(users), 2)
            self.assertEqual(len(users), len(set(users)))


class TestB10Randomness(VulcanCase):
    """Two runs never see the same random numbers, forked ahead or not."""

    def test_b10_all_distinct(self):
        code = ("const b = crypto.getRandomValues(new Uint8Array(16));"
                "vulcan.write([Math.random(), b.join('-'),"
                "typeof crypto.randomUUID === 'function' ?"
                " crypto.randomUUID() : Math.random()].join(' '))")
        with concurrent.futures.ThreadPoolExecutor(4) as pool:
            records = list(pool.map(lambda _: self.api.run(code),
                                    range(rounds(60))))
        for column in range(3):
            values = [r["stdout"].split()[column] for r in records]
            self.assertEqual(len(values), len(set(values)), column)
        self.assertIn("warm", {r["sandbox"] for r in records})


class TestB11Pristine(VulcanCase):
    """What one run leaves (globals, timers, patched prototypes) the next
    does not see."""

    def test_b11_alternating(self):
        for _ in range(rounds(25)):
            self.prints(DIRTY, "dirty\n")
            self.prints(PRISTINE, "pristine")


class TestB12Zygote(VulcanCase):
    """The zygote killed or stopped under load: it is back at once, a run
    fails once or is tried again, nothing hangs."""

    own = True
    build = "check"
    leaks = False  # the zygote is another one afterwards

    def one(self):
        zygotes = self.v.zygotes()
        self.assertEqual(len(zygotes), 1, zygotes)
        return zygotes[0]

    def test_b12_killed_in_a_loop(self):
        with concurrent.futures.ThreadPoolExecutor(2) as pool:
            for _ in range(rounds(6)):
                jobs = [pool.submit(self.v.api().run, "console.log(1)")
                        for _ in range(4)]
                old = self.one()
                old.kill()
                for job in jobs:
                    record = job.result(60)
                    self.assertIn(record["status"], ("completed", "failed"))
                    if record["status"] == "failed":
                        self.assertEqual(record["reason"], "platform")
                await_true("a new zygote", 10, lambda: [
                    z for z in self.v.zygotes() if z.pid != old.pid])
        self.prints("console.log(2)", "2\n")

    def test_b12_stopped(self):
        """A host that stands still is replaced; nobody has to wake it."""
        old = self.one()
        os.kill(old.pid, signal.SIGSTOP)
        job = self.api.submit("console.log(1)")
        try:
            record = self.api.wait(job["id"], 45)
            self.assertIn(record["status"], ("completed", "failed"))
            self.prints("console.log(2)", "2\n")
            self.assertNotEqual(self.one().pid, old.pid)
        finally:
            with contextlib.suppress(ProcessLookupError):
                os.kill(old.pid, signal.SIGCONT)

    def guests(self):
        return [p for p in self.v.slot_processes() if "isolate" in p.name]

    def test_b12_child_killed(self):
        """Costs that run and no other; the record names the signal. (As the
        first process of its namespace it takes no other from outside.)"""
        for number in (signal.SIGKILL, signal.SIGKILL):
            job = self.api.submit("console.log('up'); setTimeout(()=>{}, 3e4)",
                                  limits={"wall_ms": 40000})
            await_true("it runs", 10, lambda i=job["id"]: self.v.row(
                "SELECT 1 FROM v_log WHERE workload_id = ?", i))
            await_true("no other sandbox waits", 10, lambda: len(
                self.guests()) == 1)
            self.guests()[0].kill(number)
            record = self.api.wait(job["id"])
            self.ends(record, "failed", ("signal", "platform"))
            if record["reason"] == "signal":
                self.assertEqual(record["signal"], number.name)
            self.prints("console.log(2)", "2\n")


class TestB12Idle(VulcanCase):
    """A sandbox that dies while it waits in the pool costs no run."""

    own = True
    leaks = False
    settings = {"pool_idle_ms": 30000}

    def _quiet(self):
        pass

    def test_b12_waiting_child_killed(self):
        await_true("sandboxes wait", 10, lambda: (
            self.api.run("1")["sandbox"] == "warm"))
        for _ in range(2):
            for p in self.v.slot_processes():
                if "isolate" in p.name:
                    p.kill()
            for _ in range(3):
                self.prints("console.log(1)", "1\n")


class TestB13Renewal(VulcanCase):
    """Thousands of runs through one zygote: it does not grow, and is renewed
    after its number of runs."""

    own = True
    build = "release"
    settings = {"zygote_renew_runs": 150}
    leaks = False
    seconds = 120

    def test_b13_flat_and_renewed(self):
        seen = {}
        with concurrent.futures.ThreadPoolExecutor(4) as pool:
            for _ in range(rounds(20)):
                records = list(pool.map(
                    lambda _: self.v.api().run("1"), range(25)))
                self.assertEqual({r["status"] for r in records},
                                 {"completed"})
                self._quiet()
                for z in self.v.zygotes():
                    with contextlib.suppress(OSError, KeyError):
                        seen.setdefault(z.pid, []).append(
                            (z.rss_kib, z.descriptors()))
        self.assertGreaterEqual(len(seen), 2, "the zygote was never renewed")
        for pid, looks in seen.items():
            sizes = [kib for kib, _ in looks]
            counts = [n for _, n in looks]
            self.assertLess(max(sizes) - min(sizes), 16 << 10, (pid, looks))
            self.assertLess(max(counts) - min(counts), 6, (pid, looks))
        await_true("one zygote is left", 10,
                   lambda: len(self.v.zygotes()) == 1)


class TestB14Clocks(VulcanCase):
    """Aids for Spectre are off: no shared memory, no threads, a coarse
    clock."""

    def test_b14_no_shared_memory(self):
        self.prints("console.log(typeof SharedArrayBuffer, typeof Worker)",
                    "undefined undefined\n")
        record = self.api.run(
            "let m; try { m = new WebAssembly.Memory({initial: 1,"
            " maximum: 1, shared: true}) } catch {}"
            "console.log(Object.prototype.toString.call(m && m.buffer))")
        self.assertNotIn("Shared", record["stdout"])

    def test_b14_coarse_clock(self):
        record = self.api.run("""
let least = Infinity, last = performance.now(), ticks = 0;
const stop = Date.now() + 300;
while (Date.now() < stop) {
  const t = performance.now();
  if (t !== last) { ticks++; least = Math.min(least, t - last); last = t }
}
vulcan.write(JSON.stringify({least, ticks}))""")
        told = json.loads(record["stdout"])
        self.assertGreater(told["ticks"], 10)
        self.assertGreaterEqual(told["least"], 0.0999, told)


class TestB15Source(VulcanCase):
    """Strange sources give a syntax error or a defined result; no file and
    no network is touched."""

    def test_b15_strange_but_fine(self):
        for name, code, out in (
                ("BOM", "\ufeffconsole.log(1)", "1\n"),
                ("shebang", "#!/usr/bin/env node\nconsole.log(2)", "2\n"),
                ("U+2028", "console.log('a\u2028b'.length)", "3\n"),
                ("CRLF", "console.log(1)\r\nconsole.log(2)\r\n", "1\n2\n"),
                ("CR", "console.log(1)\rconsole.log(2)", "1\n2\n"),
                ("source map", "console.log(1)\n//# sourceMappingURL="
                 "file:///etc/passwd\n//# sourceURL=/etc/passwd\n", "1\n"),
                ("astral", "const \U00020bb7 = '\U0001f600';"
                 "console.log(\U00020bb7)", "\U0001f600\n"),
                ("empty", " ", ""),
                ("comment", "// nothing", "")):
            with self.subTest(name=name):
                self.prints(code, out)

    def test_b15_long_line(self):
        code = "console.log('" + "x" * (10 << 20) + "'.length)"
        self.prints(code, f"{10 << 20}\n", limits={"memory_mib": 512})

    def test_b15_nul_and_surrogates(self):
        for raw in (b'"a\\u0000b"', b'"\\ud800"', b'"\xff\xfe"',
                    b'"\xed\xa0\x80"'):
            with self.subTest(raw=raw):
                body = b'{"runtime":"javascript","code":' + raw + b"}"
                answer = self.api.call("POST", "/v1/workloads", raw=body)
                self.problem(answer, WRONG)

    def test_b15_imports_outside(self):
        port = self.canaries.ports["127.0.0.1", socket.SOCK_STREAM]
        decoy = str(self.canaries.files[0])
        for what in (f"file://{decoy}", decoy, "../" * 12 + decoy[1:],
                     f"http://127.0.0.1:{port}/x.js",
                     f"https://169.254.169.254:{port}/latest/meta-data",
                     "fs", "node:fs", "node:child_process", "std", "os",
                     "data:text/javascript,export default 1",
                     "blob:null/1", "./missing.js", "", "\\u0000"):
            for form in ("import x from '%s'", "await import('%s')",
                         "const x = require('%s')", "export * from '%s'"):
                with self.subTest(form=form, what=what):
                    record = self.api.run(form % what)
                    self.ends(record, "failed", ("exit", "compile"))
                    self.assertTrue(record["error"])
                    self.assertNotIn(self.canaries.secret,
                                     json.dumps(record))

    def test_b15_typescript_imports_outside(self):
        decoy = str(self.canaries.files[0])
        for what in (decoy, f"file://{decoy}", "../" * 12 + decoy[1:],
                     "fs", "/etc/passwd", "./missing"):
            for form in ("import x from '%s'; console.log(x)",
                         "import x from '%s' assert {type: 'json'};"
                         "console.log(x)",
                         "/// <reference path='%s' />\nimport '%s'"):
                code = form.replace("%s", what)
                with self.subTest(code=code):
                    record = self.api.run(code, runtime="typescript")
                    self.ends(record, "failed", ("exit", "compile"))
                    self.assertNotIn(self.canaries.secret,
                                     json.dumps(record))

    def test_b15_compiler_settings_of_a_stranger(self):
        """Files that steer esbuild elsewhere must not steer it here."""
        decoy = str(self.canaries.files[0])
        record = self.api.run(None, runtime="typescript", files=[
            {"name": "index.ts", "content":
             "import x from 'decoy'; console.log(x)"},
            {"name": "tsconfig.json", "content": json.dumps(
                {"extends": decoy, "compilerOptions": {
                    "baseUrl": "/", "paths": {"decoy": [decoy]}}})},
            {"name": "package.json", "content": json.dumps(
                {"browser": {"decoy": decoy}, "imports": {"#x": decoy}})},
        ], entrypoint="index.ts")
        self.assertEqual(record["status"], "failed")
        self.assertNotIn(self.canaries.secret, json.dumps(record))


class TestB16Errors(VulcanCase):
    """Whatever is thrown becomes a bounded text of valid UTF-8."""

    VECTORS = {
        "null": "throw null",
        "undefined": "throw undefined",
        "number": "throw 42",
        "symbol": "throw Symbol('s')",
        "bigint": "throw 12n",
        "object": "throw {a: 1}",
        "bare": "throw Object.create(null)",
        "function": "throw () => 1",
        "proxy": "throw new Proxy({}, {get() { throw new Error('in') }})",
        "revoked": "const p = Proxy.revocable({}, {}); p.revoke();"
                   "throw p.proxy",
        "toString throws": "throw {toString() { throw 1 }}",
        "huge": "throw new Error('x'.repeat(5e7))",
        "surrogate": "throw new Error('a\\ud800b')",
        "getter": "const e = new Error('x'); Object.defineProperty(e, "
                  "'stack', {get() { throw new Error('no') }}); throw e",
        "message getter": "const e = new Error(); Object.defineProperty(e, "
                          "'message', {get() { return {} }}); throw e",
        "stack is no text": "const e = new Error('x'); e.stack = {}; throw e",
        "rejection": "Promise.reject(new Error('later'));"
                     "await new Promise(r => setTimeout(r, 10))",
        "late": "setTimeout(() => { throw new Error('timer') }, 5)",
        "cause": "throw new Error('a', {cause: new Error('b')})",
        "name": "const e = new Error('x'); e.name = '\\x1b[31m<b>'; throw e",
    }

    def test_b16_thrown(self):
        for name, code in self.VECTORS.items():
            with self.subTest(name=name):
                record = self.api.run(code, limits={"memory_mib": 512})
                self.ends(record, "failed", ("exit", "memory"))
                self.assertTrue(record["error"])
                self.assertLess(len(record["error"]), 5000)
                stored = self.v.row(
                    "SELECT length(error) AS a, length(error_detail) AS b, "
                    "CAST(error AS BLOB) AS t FROM runs "
                    "WHERE workload_id = ?", record["id"])
                self.assertLess(stored["a"], 5000)
                self.assertLess(stored["b"] or 0, 1 << 20)
                bytes(stored["t"]).decode("utf-8")

    def test_b16_loops_in_text(self):
        """Making the text is under the run's limits as well."""
        for code in ("throw {toString() { for (;;); }}",
                     "throw new Proxy({}, {get() { for (;;); }})",
                     "const e = new Error('x'); Object.defineProperty(e, "
                     "'message', {get() { for (;;); }}); throw e",
                     "console.log({toString() { for (;;); },"
                     "[Symbol.toPrimitive]() { for (;;); },"
                     "get a() { for (;;); }}); for (;;);"):
            with self.subTest(code=code):
                record = self.api.run(code, limits={
                    "wall_ms": 500, "cpu_ms": 20000})
                self.ends(record, "failed", ("timeout", "exit"))

    def test_b16_place_of_the_error(self):
        record = self.api.run(
            "function deep() {\n  throw new TypeError('of mine');\n}\n"
            "deep();\n")
        self.ends(record, "failed", "exit")
        self.assertIn("of mine", record["error"])
        detail = self.v.row(
            "SELECT error || coalesce(error_detail, '') AS t FROM runs "
            "WHERE workload_id = ?", record["id"])["t"]
        self.assertRegex(detail, r"index\.m?js:2")
        self.assertIn("deep", detail)


class TestB17Results(VulcanCase):
    """A result that is no JSON is an error that says so."""

    def result(self, body, **limits):
        return self.api.run("export default () => { " + body + " }",
                            limits=limits)

    def test_b17_not_serialisable(self):
        for body in ("return 12n", "const a = {}; a.a = a; return a",
                     "return {toJSON() { throw new Error('no') }}",
                     "return new Proxy({}, {ownKeys() { throw 1 }})"):
            with self.subTest(body=body):
                record = self.result(body)
                self.ends(record, "failed", "exit")
                self.assertTrue(record["error"])
                self.assertIsNone(record["output"])

    def test_b17_nothing(self):
        """What JSON.stringify leaves out is null or an error, never junk."""
        for body in ("return undefined", "return Symbol('x')",
                     "return () => 1", ""):
            with self.subTest(body=body):
                record = self.result(body)
                self.assertIn(record["status"], ("completed", "failed"))
                self.assertIsNone(record["output"])

    def test_b17_too_large(self):
        record = self.result("return 'x'.repeat(3e8)", memory_mib=2048)
        self.ends(record, "failed",
                  ("output", "memory", "exit"))
        self.assertTrue(record["error"])

    def test_b17_exact(self):
        for value in ("null", "0", "-0.5", '"\\ud83d\\ude00<>&\\""',
                      '[1,[2,{"a":null}]]', '{"":0,"a b":"\\u2028"}',
                      "1e300", '"\\u0000"'):
            with self.subTest(value=value):
                record = self.result("return " + value)
                self.ends(record, "completed")
                self.assertEqual(record["output"], json.loads(value))


class TestB18TypeScript(VulcanCase):
    """The compiler stands under the same limits as the run."""

    pulse = True

    def test_b18_large_source(self):
        lines = "".join(f"export const a{i}: number = {i};\n"
                        for i in range(120000))
        record = self.api.run(lines + "console.log('end');",
                              runtime="typescript",
                              limits={"memory_mib": 512, "wall_ms": 30000,
                                      "cpu_ms": 30000})
        self.assertNotEqual(record["reason"], "platform", record["error"])
        if record["status"] == "completed":
            self.assertEqual(record["stdout"], "end\n")

    def test_b18_type_bombs(self):
        """Types are removed, not evaluated."""
        self.prints(
            "type B<T extends unknown[]> = T['length'] extends 999 ? T : "
            "B<[...T, ...T, 1]>; type X = B<[1]>;\n" +
            "".join(f"type T{i} = T{i - 1 if i else 0} | `${{T{i}}}x`;\n"
                    for i in range(500)) + "console.log('typed');",
            "typed\n", runtime="typescript")

    def test_b18_nested_source(self):
        for code in ("const a = " + "[" * 20000 + "]" * 20000,
                     "type A = " + "Array<" * 20000 + "1" + ">" * 20000,
                     "const a = " + "(" * 50000,
                     "`${" * 20000):
            with self.subTest(code=code[:20]):
                record = self.api.run(code, runtime="typescript", limits={
                    "wall_ms": 5000, "cpu_ms": 5000, "memory_mib": 128})
                self.assertIn(record["reason"], (
                    None, "compile", "exit", "memory", "timeout", "cpu"),
                    record["error"])
        self.probe()

    def test_b18_compiler_is_jailed(self):
        """While it compiles, it runs as a slot's user behind a filter."""
        code = "".join(f"export const a{i}: number = {i};\n"
                       for i in range(100000))
        job = self.api.submit(code, runtime="typescript", limits={
            "wall_ms": 30000, "cpu_ms": 30000, "memory_mib": 1024})

        def compiler():
            for p in self.v.ours().values():
                if p.name.startswith("esbuild"):
                    with contextlib.suppress(OSError):
                        return p, jail.facts(p.pid)
            return None

        found = await_true("the compiler was seen", 15, compiler, 0.001)
        process, facts = found
        self.assertNotEqual(process.uid, 0)
        self.assertEqual(facts["NoNewPrivs"], "1")
        self.assertEqual(int(facts["CapEff"], 16), 0)
        self.api.wait(job["id"])
