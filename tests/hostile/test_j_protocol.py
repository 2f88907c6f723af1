"""Section j, below the pages: FastCGI, sizes, multipart, encodings, paths."""
import contextlib
import gzip
import os
import pathlib
import random
import re
import signal
import socket
import threading
import time

from harness import fastcgi
from harness.case import WRONG, VulcanCase
from harness.client import EventStream, Http, multipart, raw_exchange
from harness.instance import TOP, await_true, rounds


class TestJ01FastCgi(VulcanCase):
    """FastCGI fuzz straight at the socket: no crash under sanitizers, the
    connection is dropped, memory stays bounded."""

    seconds = 120

    def setUp(self):
        super().setUp()
        self.socket = self.v.run / "fcgi.sock"
        self.pool = {p.pid for p in self.v.workers()}
        self.healthy = fastcgi.request(fastcgi.params_of("GET", "/healthz"))

    def send(self, data, **kw):
        with contextlib.suppress(socket.timeout):
            return fastcgi.exchange(self.socket, data, timeout=3, **kw)
        return b""

    def still_well(self):
        got = fastcgi.output(fastcgi.exchange(self.socket, self.healthy))
        status = re.search(rb"^Status: (\d+)", got, re.M)
        self.assertTrue(status is None or status.group(1) == b"200", got)
        self.assertIn(b"Content-Type", got)
        now = {p.pid for p in self.v.workers()}
        self.assertEqual(now, self.pool, "a worker died")

    def test_j01_lengths_that_lie(self):
        begin = fastcgi.begin()
        for name, value in ((0x7FFFFFFF, 0), (0, 0x7FFFFFFF),
                            (0x7FFFFFFF, 0x7FFFFFFF), (0x7FFFFFFE, 1),
                            (0x40000000, 0x40000000), (65535, 65535),
                            (1 << 24, 5), (127, 128), (0, 0)):
            with self.subTest(name=name, value=value):
                data = (fastcgi.length(name, True) +
                        fastcgi.length(value, True) + b"A" * 200)
                self.send(begin + fastcgi.record(fastcgi.PARAMS, data) +
                          fastcgi.record(fastcgi.PARAMS) +
                          fastcgi.record(fastcgi.STDIN))
        self.still_well()

    def test_j01_records_that_lie(self):
        begin = fastcgi.begin()
        whole = fastcgi.pairs(fastcgi.params_of("GET", "/healthz"))
        for what, data in {
                "version": fastcgi.record(fastcgi.BEGIN, b"\0\1\0\0\0\0\0\0",
                                          version=9),
                "id 0": fastcgi.begin(0) + fastcgi.record(
                    fastcgi.PARAMS, whole, 0),
                "id 65535": fastcgi.request(fastcgi.params_of(
                    "GET", "/healthz"), ident=65535),
                "role": fastcgi.begin(role=3),
                "no role": fastcgi.begin(role=77),
                "type": fastcgi.record(200, b"x" * 100),
                "abort": begin + fastcgi.record(fastcgi.ABORT),
                "abort in params": begin + fastcgi.record(
                    fastcgi.PARAMS, whole) + fastcgi.record(fastcgi.ABORT),
                "stdin first": begin + fastcgi.record(
                    fastcgi.STDIN, b"a=b") + fastcgi.record(fastcgi.STDIN),
                "two begins": begin + begin + fastcgi.record(
                    fastcgi.PARAMS, whole),
                "interleaved": fastcgi.begin(1) + fastcgi.begin(2) +
                fastcgi.record(fastcgi.PARAMS, whole, 2) +
                fastcgi.record(fastcgi.PARAMS, whole, 1),
                "padding": begin + fastcgi.record(
                    fastcgi.PARAMS, whole, padding=255),
                "short": begin + fastcgi.record(
                    fastcgi.PARAMS, whole, length=65535),
                "nothing": b"",
                "http": b"GET / HTTP/1.1\r\nHost: x\r\n\r\n",
                "zeros": b"\0" * 4096,
                "ones": b"\xff" * 4096,
                "values": fastcgi.record(
                    fastcgi.GET_VALUES, fastcgi.pair(b"FCGI_MAX_CONNS", b""),
                    0)}.items():
            with self.subTest(what=what):
                self.send(data)
        self.still_well()

    def test_j01_truncated_anywhere(self):
        whole = fastcgi.request(fastcgi.params_of(
            "POST", "/v1/workloads/async", body=b"{}"), b"{}")
        step = max(1, len(whole) // rounds(40))
        for end in range(0, len(whole), step):
            self.send(whole[:end])
        self.still_well()

    def test_j01_params_without_end(self):
        name = b"HTTP_X" + b"A" * 100
        flood = fastcgi.begin() + b"".join(
            fastcgi.record(fastcgi.PARAMS, b"".join(
                fastcgi.pair(name + b"%d" % (i * 100 + n), b"v" * 200)
                for n in range(100)))
            for i in range(60))
        before = max(p.rss_kib for p in self.v.workers())
        for _ in range(3):
            self.send(flood)
        after = max(p.rss_kib for p in self.v.workers())
        self.assertLess(after - before, 64 << 10)
        self.still_well()

    def test_j01_body_without_end(self):
        params = fastcgi.params_of("POST", "/v1/workloads/async")
        params["CONTENT_LENGTH"] = "10"
        params["CONTENT_TYPE"] = "application/json"
        head = (fastcgi.begin() +
                fastcgi.record(fastcgi.PARAMS, fastcgi.pairs(params)) +
                fastcgi.record(fastcgi.PARAMS))
        self.send(head + fastcgi.record(fastcgi.STDIN, b"x" * 65535) * 200)
        params["CONTENT_LENGTH"] = str(1 << 62)
        self.send(fastcgi.begin() +
                  fastcgi.record(fastcgi.PARAMS, fastcgi.pairs(params)) +
                  fastcgi.record(fastcgi.PARAMS) +
                  fastcgi.record(fastcgi.STDIN))
        self.still_well()

    def test_j01_random_bytes(self):
        seed = int.from_bytes(os.urandom(4), "big")
        generator = random.Random(seed)
        good = fastcgi.request(fastcgi.params_of("GET", "/healthz"))
        for _ in range(rounds(150)):
            data = bytearray(good)
            for _ in range(generator.randrange(1, 12)):
                at = generator.randrange(len(data))
                kind = generator.randrange(3)
                if kind == 0:
                    data[at] = generator.randrange(256)
                elif kind == 1:
                    del data[at:at + generator.randrange(1, 9)]
                else:
                    data[at:at] = generator.randbytes(
                        generator.randrange(1, 9))
                if not data:
                    break
            self.send(bytes(data))
        try:
            self.still_well()
        except AssertionError as e:
            raise AssertionError(f"seed {seed}: {e}") from e

    def test_j01_hostile_parameters(self):
        """What nginx would never send."""
        for params in (
                {"REQUEST_METHOD": "GET"},
                {"REQUEST_URI": "/"},
                fastcgi.params_of("GET", "relative"),
                fastcgi.params_of("GET", "/" + "a" * 70000),
                fastcgi.params_of("G\nET", "/"),
                fastcgi.params_of("GET", "/\0x"),
                fastcgi.params_of("GET", "/", CONTENT_LENGTH="-1"),
                fastcgi.params_of("POST", "/login", CONTENT_LENGTH="9" * 40),
                fastcgi.params_of("GET", "/", HTTP_COOKIE="a" * 60000),
                fastcgi.params_of("GET", "/", HTTP_COOKIE=b"\xff=\xfe;;;=;"),
                fastcgi.params_of("GET", "/", HTTP_AUTHORIZATION="Bearer"),
                fastcgi.params_of("GET", "/", HTTP_HOST="a\r\nX: y")):
            got = fastcgi.output(self.send(fastcgi.request(params)))
            self.assertNotIn(b"\r\nX: y", got)
        self.still_well()

    def test_j01_socket_is_nginx_only(self):
        self.assertEqual(self.socket.stat().st_mode & 0o777, 0o660)


class TestJ03Huge(VulcanCase):
    """Huge and lying requests: 413, 431, 414 or 400; no file is left, no
    worker held."""

    pulse = True

    def status_of(self, data, timeout=15):
        got = raw_exchange(self.v.port, data, timeout)
        found = re.match(rb"HTTP/1\.[01] (\d{3})", got)
        return int(found.group(1)) if found else 0

    def request(self, path, headers, body=b"", method="POST"):
        head = f"{method} {path} HTTP/1.1\r\nHost: x\r\nConnection: close\r\n"
        head += f"Authorization: Bearer {self.v.key}\r\n"
        for name, value in headers:
            head += f"{name}: {value}\r\n"
        return self.status_of(head.encode() + b"\r\n" + body)

    def test_j03_body(self):
        for path in ("/v1/workloads", "/v1/workloads/async", "/submit",
                     "/login"):
            with self.subTest(path=path):
                status = self.request(path, [
                    ("Content-Type", "application/json"),
                    ("Content-Length", str(1 << 30))], b"{")
                self.assertEqual(status, 413)

    def test_j03_real_body_above_the_limit(self):
        answer = self.v.api().call(
            "POST", "/v1/workloads/async", raw=b" " * (33 << 20) + b"{}")
        self.assertEqual(answer.status, 413)

    def test_j03_head(self):
        for what, wanted in (
                ("/" + "a" * (1 << 20), {414, 400}),
                ("/?q=" + "a" * 30000, {414, 400})):
            status = self.request(what, [], method="GET")
            self.assertIn(status, wanted)
        self.assertIn(self.request("/", [("X-Big", "a" * (1 << 20))],
                                   method="GET"), {400, 431, 494})
        self.assertIn(self.request("/", [("Cookie", "a=" + "b" * (1 << 20))],
                                   method="GET"), {400, 431, 494})

    def test_j03_long_query(self):
        """Below nginx's limit and above ours."""
        answer = self.api.get("/v1/workloads?q=" + "a" * 12000)
        self.problem(answer, (400, 413, 414, 422))

    def test_j03_many_fields(self):
        form = "&".join(f"f{i}=x" for i in range(100000)).encode()
        for path in ("/login", "/submit"):
            answer = self.v.anonymous().http.request(
                "POST", path, form,
                {"Content-Type": "application/x-www-form-urlencoded",
                 "Origin": self.v.url})
            self.assertIn(answer.status, (303, 400, 401, 403, 413, 415, 422),
                          answer)
        surfer = self.v.surfer("admin")
        form = surfer.page("/submit").form_to("/submit")
        values = form.values()
        values.update({f"f{i}": "x" for i in range(3000)})
        kind, body = multipart(values)
        answer = surfer.send("POST", "/submit", body, {"Content-Type": kind})
        self.assertIn(answer.status, (400, 413, 422), answer.status)

    def test_j03_many_files(self):
        surfer = self.v.surfer("admin")
        form = surfer.page("/submit").form_to("/submit")
        kind, body = multipart(form.values())
        end = b"--vulcan-test-boundary--\r\n"
        part = (b"--vulcan-test-boundary\r\nContent-Disposition: form-data; "
                b'name="files"; filename="f%d.js"\r\n\r\n1\r\n')
        body = body[:-len(end)] + b"".join(
            part % i for i in range(2000)) + end
        answer = surfer.send("POST", "/submit", body, {"Content-Type": kind})
        self.assertIn(answer.status, (400, 413, 422), answer.status)
        files = [{"name": f"f{i}.js", "content": "1"} for i in range(2000)]
        answer = self.api.call("POST", "/v1/workloads/async", {
            "runtime": "javascript", "files": files})
        self.problem(answer, (400, 413, 422))

    def test_j03_deep_and_wide_json(self):
        for text in (b"[" * 100000, b'{"a":' * 50000,
                     b'{"runtime":"javascript","code":"1","input":' +
                     b"[" * 5000 + b"]" * 5000 + b"}",
                     b'{"runtime":"javascript","code":"1","labels":{' +
                     b",".join(b'"k%d":"v"' % i for i in range(200000)) +
                     b"}}"):
            answer = self.api.call("POST", "/v1/workloads/async", raw=text)
            self.problem(answer, (400, 413, 422))

    def test_j03_lengths_that_lie(self):
        json_type = ("Content-Type", "application/json")
        for headers, body in (
                ([("Content-Length", "-1")], b""),
                ([("Content-Length", "1e3")], b"x"),
                ([("Content-Length", "0x10")], b"x"),
                ([("Content-Length", "5"), ("Content-Length", "6")],
                 b"hello"),
                ([("Content-Length", "99999999999999999999")], b"")):
            with self.subTest(headers=headers):
                status = self.request("/v1/workloads/async",
                                      [json_type, *headers], body)
                self.assertIn(status, (400, 413))

    def test_j03_chunked_and_compressed(self):
        body = b'{"runtime":"javascript","code":"console.log(1)"}'
        chunked = b"%x\r\n%s\r\n0\r\n\r\n" % (len(body), body)
        status = self.request("/v1/workloads/async", [
            ("Content-Type", "application/json"),
            ("Transfer-Encoding", "chunked")], chunked)
        self.assertIn(status, (202, 411))
        if status == 202:
            self.v.submitted |= {r[0] for r in self.v.rows(
                "SELECT id FROM workloads")}
        status = self.request("/v1/workloads/async", [
            ("Content-Type", "application/json"),
            ("Transfer-Encoding", "chunked")], b"zz\r\nhello\r\n")
        self.assertEqual(status, 400)
        answer = self.api.call(
            "POST", "/v1/workloads/async", raw=gzip.compress(body),
            headers={"Content-Encoding": "gzip",
                     "Content-Type": "application/json"})
        self.problem(answer, (400, 415))

    def test_j03_nothing_stays_on_disk(self):
        surfer = self.v.surfer("admin")
        form = surfer.page("/submit").form_to("/submit")
        kind, body = multipart({**form.values(), "files":
                                ("a.bin", os.urandom(9 << 20))})
        body = body.replace(b'name="csrf"', b'name="nope"')
        before = set(os.listdir(self.v.state / "blobs"))
        answer = surfer.send("POST", "/submit", body, {"Content-Type": kind})
        self.assertIn(answer.status, (400, 403, 422))
        self.assertEqual(set(os.listdir(self.v.state / "blobs")), before)
        await_true("nginx removed its body", 5, lambda: not [
            f for _, _, names in os.walk(self.v.state / "nginx")
            for f in names])


class TestJ04Multipart(VulcanCase):
    """Malformed multipart is 400 or a plain refusal, with no leak."""

    def setUp(self):
        super().setUp()
        self.surfer = self.v.surfer("admin")
        self.form = self.surfer.page("/submit").form_to("/submit")
        self.good_kind, self.good = multipart({
            **self.form.values(), "code": "console.log('sent')"})

    def send(self, body, kind):
        return self.surfer.send("POST", "/submit", body,
                                {"Content-Type": kind})

    def refused(self, body, kind):
        before = self.v.row("SELECT count(*) FROM workloads")[0]
        answer = self.send(body, kind)
        self.assertIn(answer.status, (400, 403, 413, 415, 422), answer)
        after = self.v.row("SELECT count(*) FROM workloads")[0]
        self.assertEqual(before, after)

    def test_j04_the_good_one_is_good(self):
        answer = self.send(self.good, self.good_kind)
        self.assertEqual(answer.status, 303, answer)

    def test_j04_boundaries(self):
        for kind in ("multipart/form-data", "multipart/form-data; boundary=",
                     "multipart/form-data; boundary=\"",
                     "multipart/form-data; boundary=" + "b" * 1000,
                     "multipart/form-data; boundary=a b",
                     "multipart/form-data; boundary=x\x7f",
                     "multipart/mixed; boundary=vulcan-test-boundary",
                     "multipart/form-data; boundary=other"):
            with self.subTest(kind=kind):
                self.refused(self.good, kind)

    def test_j04_heads(self):
        b = b"--vulcan-test-boundary"
        for head in (
                b"", b"Content-Type: text/plain",
                b"Content-Disposition: attachment; name=\"code\"",
                b"Content-Disposition: form-data",
                b"Content-Disposition: form-data; name=code\"",
                b"Content-Disposition: form-data; name=\"a\0b\"",
                b"Content-Disposition: form-data; name=\"" + b"n" * 70000,
                b"Content-Disposition: form-data; name=\"files\"; "
                b"filename*=UTF-8''%00x",
                b"Content-Disposition: form-data; name=\"files\"; "
                b"filename=\"a\0.js\"",
                b"Content-Disposition: form-data; name=\"files\"; "
                b"filename=\"../../x.js\"",
                b"Content-Disposition: form-data; name=\"code\"\r\n"
                b"Content-Transfer-Encoding: base64",
                b": x", b"no colon", b"X" * 100000):
            with self.subTest(head=head[:60]):
                body = (b + b"\r\n" + head + b"\r\n\r\nvalue\r\n" +
                        self.good)
                answer = self.send(body, self.good_kind)
                self.assertIn(answer.status, (303, 400, 413, 415, 422),
                              answer)
                if b"../" in head and answer.status == 303:
                    # A last part of a path may stand for the name.
                    names = [r[0] for r in self.v.rows(
                        "SELECT name FROM workload_files")]
                    self.assertFalse([n for n in names if ".." in n])

    def test_j04_truncated(self):
        step = max(1, len(self.good) // rounds(30))
        for end in range(0, len(self.good) - 2, step):
            with self.subTest(end=end):
                self.refused(self.good[:end], self.good_kind)

    def test_j04_duplicates(self):
        extra = (b"--vulcan-test-boundary\r\nContent-Disposition: form-data;"
                 b' name="code"\r\n\r\nconsole.log(2)\r\n')
        self.refused(extra + self.good, self.good_kind)

    def test_j04_nested(self):
        inner = (b"--vulcan-test-boundary\r\nContent-Disposition: form-data;"
                 b' name="x"\r\nContent-Type: multipart/mixed; boundary=in'
                 b"\r\n\r\n--in\r\n\r\na\r\n--in--\r\n")
        self.refused(inner + self.good, self.good_kind)


class TestJ05Encodings(VulcanCase):
    """Strange encodings give 400 or an exact round trip; what comes out is
    valid UTF-8."""

    PATHS = ("/%00", "/%2e%2e%2f", "/%252e%252e%252f", "/%c0%ae%c0%ae/",
             "/%ed%a0%80", "/%ff", "/%", "/%zz", "/+ADw-script+AD4-",
             "/workloads/%00", "/static/%00", "/v1/workloads/%2e%2e",
             "/v1/workloads/%c0%af")

    def test_j05_paths(self):
        surfer = self.v.surfer("admin")
        for path in self.PATHS:
            with self.subTest(path=path):
                got = raw_exchange(
                    self.v.port, f"GET {path} HTTP/1.1\r\nHost: x\r\n"
                    f"Authorization: Bearer {self.v.key}\r\n"
                    "Connection: close\r\n\r\n".encode())
                status = int(got.split()[1])
                self.assertIn(status, (400, 404), got[:300])
                got.decode("utf-8")
        self.assertEqual(surfer.get("/").status, 200)

    def test_j05_queries(self):
        for query in ("q=%00", "q=%ff", "q=%c0%ae", "q=%ed%a0%80", "q=%",
                      "q=%zz", "%00=1", "q=%f8%88%80%80%80"):
            with self.subTest(query=query):
                answer = self.api.get("/v1/workloads?" + query)
                self.problem(answer, WRONG)
                answer.body.decode("utf-8")

    def test_j05_round_trip(self):
        """Text of all kinds comes back as it was sent."""
        texts = ("<&>\"'", "a+b %20 %41", "\u2028\u2029", "\ufeffx",
                 "\U0001f600\u0301", "\x7f", "\t\r\n x", "\u202eabc",
                 "+ADw-script+AD4-", "]]>", "{{x}} {{{y}}}", "\\u003c")
        for text in texts:
            with self.subTest(text=text):
                record = self.api.run(
                    "export default x => { vulcan.write(vulcan.stdin + "
                    "vulcan.args.join('') + vulcan.env.A); return x }",
                    input={"t": text}, stdin=text, args=[text],
                    env={"A": text}, labels={"l": text[:50]})
                self.ends(record, "completed")
                self.assertEqual(record["stdout"], text * 3)
                self.assertEqual(record["output"], {"t": text})

    def test_j05_bytes_that_are_no_text(self):
        """A program cannot write wrong bytes as text, but stdin may be any."""
        record = self.api.run(
            "console.log(JSON.stringify(vulcan.stdin))",
            stdin_base64="/v+AwK/toIA=")
        self.ends(record, "completed")
        record["stdout"].encode("utf-8")

    def test_j05_lone_surrogates_of_a_program(self):
        record = self.api.run("console.log('a\\ud800b', '\\udfff')")
        self.ends(record, "completed")
        self.assertEqual(record["stdout"], "a\ufffdb \ufffd\n")


class TestJ14Paths(VulcanCase):
    """Traversal on every static, log and file route is 404 or 400."""

    def raw(self, path):
        got = raw_exchange(
            self.v.port, b"GET " + path.encode("latin-1") +
            b" HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer " +
            self.v.key.encode() + b"\r\nConnection: close\r\n\r\n")
        return int(got.split()[1]) if got else 0, got

    def test_j14_traversal(self):
        ident = self.api.run("console.log(1)")["id"]
        bases = ("/static", "/static/", "/", f"/v1/workloads/{ident}/",
                 f"/v1/workloads/{ident}/artifacts/",
                 f"/workloads/{ident}/", "/internal/live/", "/v1/")
        tails = ("../vulcan.db", "..%2fvulcan.db", "%2e%2e/vulcan.db",
                 "..%5cvulcan.db", "..;/vulcan.db", "%252e%252e/vulcan.db",
                 "../../etc/passwd", "..%2f..%2f..%2fetc%2fpasswd",
                 "....//vulcan.db", "%c0%ae%c0%ae/vulcan.db",
                 "../templates/head.html", ".git/config", "../.git/HEAD",
                 "vulcan.db", "admin-token", "../admin-token",
                 "x%00.css", "./../schema.sql")
        for base in bases:
            for tail in tails:
                path = base + tail
                with self.subTest(path=path):
                    status, got = self.raw(path)
                    self.assertIn(status, (400, 403, 404), got[:200])
                    self.assertNotIn(b"SQLite format", got)
                    self.assertNotIn(b"root:", got)
                    self.assertNotIn(self.v.key.encode(), got)

    def test_j14_alias_without_a_slash(self):
        for path in ("/static../vulcan.db", "/static..", "/static../",
                     "/static..%2fvulcan.db", "/staticx"):
            status, got = self.raw(path)
            self.assertIn(status, (400, 403, 404), got[:200])

    def test_j14_static_serves_what_it_should(self):
        for name in os.listdir(TOP / "static"):
            status, _ = self.raw("/static/" + name)
            self.assertEqual(status, 200, name)
        status, _ = self.raw("/static/")
        self.assertIn(status, (403, 404))

    def test_j14_internal_locations(self):
        ident = self.api.run("console.log('x')")["id"]
        for path in (f"/internal/live/{ident}", f"/internal/live-any/{ident}",
                     f"/publish/{ident}", f"/live/{ident}"):
            status, _ = self.raw(path)
            self.assertEqual(status, 404, path)

    def test_j14_configuration(self):
        text = (self.v.state / "nginx.conf").read_text()
        for at in re.finditer(r"location ([^{~]+?) *{[^}]*alias ([^;]+);",
                              text):
            self.assertTrue(at.group(1).endswith("/"), at.group(0))
            self.assertTrue(at.group(2).endswith("/"), at.group(0))


class TestJ16Workers(VulcanCase):
    """FastCGI processes killed, stopped and replaced under load: 502 or 504
    as a page, the pool is filled again, no row is half-written."""

    own = True
    leaks = False
    settings = {"web_workers": 4, "web_waiting": 2}

    def test_j16_killed_under_load(self):
        stop = threading.Event()
        seen = {}
        accepted = []

        def load():
            api = self.v.api()
            while not stop.is_set():
                try:
                    answer = api.call("POST", "/v1/workloads/async", {
                        "runtime": "javascript", "code": "1"})
                except OSError:
                    api.close()
                    continue
                seen[answer.status] = seen.get(answer.status, 0) + 1
                if answer.status == 202:
                    accepted.append(answer.json()["id"])
                elif answer.status not in (502, 503, 504):
                    seen["strange"] = repr(answer)

        threads = [threading.Thread(target=load) for _ in range(3)]
        for t in threads:
            t.start()
        try:
            for _ in range(rounds(12)):
                victims = self.v.workers()
                if victims:
                    random.choice(victims).kill()
                await_true("the pool is full again", 10,
                           lambda: len(self.v.workers()) == 4)
        finally:
            stop.set()
            for t in threads:
                t.join()
        self.assertNotIn("strange", seen, seen)
        self.assertGreater(len(accepted), 10)
        rows = {r[0] for r in self.v.rows("SELECT id FROM workloads")}
        self.assertEqual(set(accepted) - rows, set())
        files = self.v.rows(
            "SELECT w.id FROM workloads w LEFT JOIN workload_files f "
            "ON f.workload_id = w.id WHERE f.name IS NULL")
        self.assertEqual([r[0] for r in files], [])

    def test_j16_error_page_of_nginx(self):
        """All workers gone for good: a page that says so, not nginx's own."""
        self.v.main("fcgi").kill()
        for worker in self.v.workers():
            worker.kill()
        http = Http(self.v.port)
        answer = await_true("the page of a server that is away", 10, lambda: (
            lambda a: a if a.status in (502, 504) else None)(
                http.request("GET", "/")))
        self.assertIn("text/html", answer.header("Content-Type"))
        self.assertIn("Vulcan", answer.text)
        self.assertNotIn("nginx", answer.text)
        http.close()

    def test_j16_parent_ends_with_its_workers(self):
        workers = self.v.workers()
        self.v.main("fcgi").kill()
        await_true("no worker outlives the parent", 5,
                   lambda: not [w for w in workers if w.alive])

    def test_j16_one_stopped_worker(self):
        """The others answer."""
        victim = self.v.workers()[0]
        os.kill(victim.pid, signal.SIGSTOP)
        try:
            good = 0
            for _ in range(20):
                http = Http(self.v.port, timeout=2)
                with contextlib.suppress(OSError):
                    good += http.request("GET", "/healthz").status == 200
                http.close()
            self.assertGreaterEqual(good, 10)
        finally:
            os.kill(victim.pid, signal.SIGCONT)

    def test_j16_memory(self):
        surfer = self.v.surfer("admin")
        for _ in range(60):
            surfer.get("/workloads")
        before = max(p.rss_kib for p in self.v.workers())
        for _ in range(rounds(400)):
            surfer.get("/workloads")
        after = max(p.rss_kib for p in self.v.workers())
        self.assertLess(after - before, 32 << 10)


class TestJ17KeepConn(VulcanCase):
    """libfcgi starves behind kept connections: the setting is off."""

    def test_j17_off_everywhere(self):
        files = [self.v.state / "nginx.conf",
                 *pathlib.Path(TOP / "conf").glob("nginx*")]
        for path in files:
            text = path.read_text()
            for at in re.finditer(r"^\s*fastcgi_keep_conn\s+(\w+)", text,
                                  re.M):
                self.assertEqual(at.group(1), "off", path)
            self.assertNotRegex(text, r"(?m)^\s*keepalive\s+\d", path)

    def test_j17_more_clients_than_workers(self):
        """Idle kept connections of browsers hold no worker."""
        clients = [Http(self.v.port) for _ in range(40)]
        slowest = 0
        for _ in range(3):
            for c in clients:
                begin = time.monotonic()
                self.assertEqual(c.request("GET", "/healthz").status, 200)
                slowest = max(slowest, time.monotonic() - begin)
        for c in clients:
            c.close()
        self.assertLess(slowest, 2)


class TestJ18Watchers(VulcanCase):
    """Watchers that come and go: no worker is held, descriptors come back,
    Last-Event-ID resumes."""

    def test_j18_gone_watchers(self):
        job = self.api.submit("console.log('up'); setTimeout(() => {}, 2500)",
                              limits={"wall_ms": 10000})
        nginx = [p for p in self.v.ours().values()
                 if p.name == "nginx" and p.uid != 0]
        before = sum(p.descriptors() for p in nginx)
        for _ in range(rounds(60)):
            stream = self.api.events(job["id"])
            self.assertEqual(stream.status, 200)
            stream.close()
        self.assertEqual(self.v.api().get("/healthz").status, 200)
        await_true("nginx closed what was gone", 10, lambda: sum(
            p.descriptors() for p in nginx) <= before + 4)
        self.ends(self.api.wait(job["id"]), "completed")

    def test_j18_watchers_hold_no_worker(self):
        job = self.api.submit("console.log('up'); setTimeout(() => {}, 3000)",
                              limits={"wall_ms": 10000})
        count = int(self.v.settings["web_workers"]) * 3
        streams = [self.api.events(job["id"]) for _ in range(count)]
        begin = time.monotonic()
        for _ in range(5):
            self.assertEqual(self.v.api().get("/v1/stats").status, 200)
        self.assertLess(time.monotonic() - begin, 2)
        for stream in streams:
            self.assertEqual(stream.until_done()[-1].kind, "done")
            stream.close()

    def test_j18_resume(self):
        record = self.api.run(
            "for (let i = 1; i <= 9; i++) { console.log('line', i);"
            "await new Promise(r => setTimeout(r, 15)) }")
        with self.api.events(record["id"]) as stream:
            every = stream.until_done()
        logs = [e for e in every if e.kind == "log"]
        self.assertGreater(len(logs), 1)
        middle = logs[len(logs) // 2]
        with EventStream(self.v.port, f"/v1/workloads/{record['id']}/logs",
                         self.v.key, middle.ident) as stream:
            rest = [e.json()["seq"] for e in stream.until_done()
                    if e.kind == "log"]
        self.assertEqual(rest, [e.json()["seq"] for e in logs
                                if e.json()["seq"] > middle.json()["seq"]])

    def test_j18_large_output(self):
        """Megabytes reach a slow reader whole."""
        record = self.api.run(
            "for (let i = 0; i < 100; i++) console.log('x'.repeat(40000))",
            limits={"output_bytes": 8 << 20, "wall_ms": 30000})
        self.ends(record, "completed")
        with self.api.events(record["id"]) as stream:
            text = "".join(e.json()["text"] for e in stream.until_done()
                           if e.kind == "log")
        self.assertEqual(len(text), 100 * 40001)
