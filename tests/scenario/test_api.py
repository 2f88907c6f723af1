"""The API's routes and refusals through the real nginx."""
import concurrent.futures
import json
import re
import subprocess
import time

from harness.case import WRONG, VulcanCase, need
from harness.instance import await_true, rounds

NOBODY = "01ARZ3NDEKTSV4RRFFQ69G5FAV"
METHODS = ("GET", "HEAD", "POST", "PUT", "DELETE", "PATCH", "OPTIONS",
           "TRACE", "PROPFIND", "FOO")
# Every route with the methods it has; {} is the id of a workload.
ROUTES = {
    "/v1/workloads": {"GET", "HEAD", "POST"},
    "/v1/workloads/async": {"POST"},
    "/v1/workloads/{}": {"GET", "HEAD", "DELETE"},
    "/v1/workloads/{}/rerun": {"POST"},
    "/v1/workloads/{}/logs": {"GET", "HEAD"},
    "/v1/workloads/{}/logs/history": {"GET", "HEAD"},
    "/v1/workloads/{}/stdout": {"GET", "HEAD"},
    "/v1/workloads/{}/stderr": {"GET", "HEAD"},
    "/v1/backends": {"GET", "HEAD"},
    "/v1/stats": {"GET", "HEAD"},
    "/v1/nodes": {"GET", "HEAD"},
    "/healthz": {"GET", "HEAD"},
    "/metrics": {"GET", "HEAD"},
    "/openapi.json": {"GET", "HEAD"},
}


class TestRoutes(VulcanCase):
    def test_methods(self):
        ident = self.api.run("console.log(1)")["id"]
        for path, allowed in ROUTES.items():
            for method in METHODS:
                with self.subTest(method=method, path=path):
                    answer = self.api.call(method, path.format(ident))
                    if method in allowed:
                        self.assertNotIn(answer.status, (404, 405, 501))
                        self.assertLess(answer.status, 500)
                    else:
                        self.assertIn(answer.status, (400, 405, 501), answer)
                        if answer.status == 405 and \
                                answer.header("Allow") is not None:
                            told = set(answer.header("Allow").split(", "))
                            self.assertLessEqual(allowed, told)
                    if method == "HEAD":
                        self.assertEqual(answer.body, b"")

    def test_unknown(self):
        for path in ("/v1", "/v1/", "/v2/workloads", "/v1/workloads/",
                     "/v1//workloads", "/V1/workloads", "/v1/workloads/x",
                     f"/v1/workloads/{NOBODY.lower()}",
                     f"/v1/workloads/{NOBODY}x", "/v1/nope", "/nope",
                     f"/v1/workloads/{NOBODY}/nope", "/healthz/",
                     "/v1/workloads/async/x"):
            with self.subTest(path=path):
                answer = self.api.get(path)
                self.assertIn(answer.status, (404, 405), answer)
        for path in (f"/v1/workloads/{NOBODY}",
                     f"/v1/workloads/{NOBODY}/logs",
                     f"/v1/workloads/{NOBODY}/logs/history",
                     f"/v1/workloads/{NOBODY}/stdout"):
            self.problem(self.api.get(path), 404)
        self.problem(self.api.cancel(NOBODY), 404)

    def test_unknown_and_repeated_parameters(self):
        for query in ("nope=1", "limit=1&limit=2", "limit=0", "limit=201",
                      "limit=x", "status=nope", "isolation=x", "since=x",
                      "cursor=x", "STATUS=failed", "reason=none"):
            with self.subTest(query=query):
                body = self.problem(
                    self.api.get("/v1/workloads?" + query), WRONG)
                self.assertIn(query.split("=")[0], json.dumps(body))
        for path in ("/v1/backends?x=1", "/v1/stats?x=1", "/healthz?x=1"):
            self.assertIn(self.api.get(path).status, WRONG, path)

    def test_refused_fields(self):
        good = {"runtime": "javascript", "code": "1"}
        for change, field in (
                ({"runtime": "cobol"}, "runtime"), ({"runtime": 5}, "runtime"),
                ({"isolation": "none"}, "isolation"), ({"nope": 1}, "nope"),
                ({"code": 5}, "code"), ({"code": None}, "code"),
                ({"args": "x"}, "args"), ({"args": [1]}, "args"),
                ({"env": []}, "env"), ({"env": {"A": 1}}, "env"),
                ({"env": {"A=B": "x"}}, "env"), ({"env": {"": "x"}}, "env"),
                ({"labels": []}, "labels"), ({"labels": {"a": 1}}, "labels"),
                ({"limits": []}, "limits"), ({"limits": {"x": 1}}, "limits"),
                ({"limits": {"wall_ms": 10**9}}, "limits"),
                ({"stdin": 5}, "stdin"),
                ({"stdin_base64": "***"}, "stdin_base64"),
                ({"stdin": "a", "stdin_base64": "YQ=="}, "stdin"),
                ({"files": {}}, "files"), ({"files": []}, "code"),
                ({"files": [{"name": "a.js"}]}, "files"),
                ({"files": [{"name": "a", "content": "1", "x": 1}]},
                 "files"),
                ({"network": "open"}, "network"),
                ({"priority": "high"}, "priority"),
                ({"image": "busybox"}, "image"),
                ({"entrypoint": "/etc/passwd"}, "entrypoint")):
            body = {k: v for k, v in {**good, **change}.items()
                    if not (k == "code" and v is None)}
            if "files" in change and field == "code":
                del body["code"]
            with self.subTest(change=change):
                answer = self.api.call("POST", "/v1/workloads/async", body)
                told = self.problem(answer, WRONG)
                self.assertTrue(
                    told.get("field", "").startswith(field) or
                    field in told["detail"], told)

    def test_bodies_that_are_no_object(self):
        for raw in (b"", b"null", b"[]", b"1", b'"x"', b"{", b"{}",
                    b'{"code":"1","code":"2","runtime":"javascript"}',
                    b'{"runtime":"javascript","code":"1"} x',
                    b'\xef\xbb\xbf{"runtime":"javascript","code":"1"}',
                    b"{'runtime':'javascript'}"):
            with self.subTest(raw=raw):
                self.problem(self.api.call(
                    "POST", "/v1/workloads/async", raw=raw), (400, 411, 422))

    def test_absent_tiers_say_why(self):
        for tier in ("gvisor", "microvm"):
            answer = self.api.call("POST", "/v1/workloads/async", {
                "runtime": "javascript", "code": "1", "isolation": tier})
            if answer.status == 202:
                continue
            body = self.problem(answer, (400, 409, 422, 503))
            self.assertIn(tier, json.dumps(body))
        backends = self.api.get("/v1/backends").json()
        rows = backends if isinstance(backends, list) else \
            backends["backends"]
        self.assertEqual({b["isolation"] for b in rows},
                         {"isolate", "gvisor", "microvm"})
        for b in rows:
            if b["usable"]:
                self.assertTrue(b["engine"] and b["engine_version"])
            else:
                self.assertTrue(b["reason"])

    def test_headers_of_every_answer(self):
        for path in ("/v1/workloads", "/nope", "/healthz", "/metrics"):
            answer = self.api.get(path)
            self.assertEqual(answer.header("X-Content-Type-Options"),
                             "nosniff", path)
            self.assertNotIn("nginx/", answer.header("Server") or "")
            self.assertIsNone(answer.header("X-Powered-By"))


class TestSubmit(VulcanCase):
    def test_async_then_record(self):
        record = self.api.submit("setTimeout(() => console.log(1), 100)")
        self.assertIn(record["status"], ("pending", "running"))
        self.ends(self.api.wait(record["id"]), "completed")

    def test_wait_ends_with_its_time(self):
        record = self.api.submit("setTimeout(() => {}, 4000)",
                                 limits={"wall_ms": 10000})
        begin = time.monotonic()
        answer = self.api.get(f"/v1/workloads/{record['id']}?wait=1")
        took = time.monotonic() - begin
        self.assertEqual(answer.json()["status"], "running")
        self.assertGreater(took, 0.8)
        self.assertLess(took, 3)
        self.ends(self.api.wait(record["id"]), "completed")

    def test_waiting_is_bounded(self):
        """Beyond the places for waiting the answer is 202; others are
        served meanwhile."""
        places = int(self.v.settings["web_waiting"])
        body = {"runtime": "javascript", "code": "setTimeout(()=>{}, 1500)"}
        with concurrent.futures.ThreadPoolExecutor(places + 6) as pool:
            jobs = [pool.submit(self.v.api().call, "POST", "/v1/workloads",
                                body) for _ in range(places + 6)]
            begin = time.monotonic()
            self.assertEqual(self.v.api().get("/v1/stats").status, 200)
            self.assertLess(time.monotonic() - begin, 1.4)
            answers = [j.result() for j in jobs]
        codes = [a.status for a in answers]
        self.assertLessEqual(set(codes), {200, 202})
        self.assertGreaterEqual(codes.count(202), 1)
        for a in answers:
            self.ends(self.api.wait(a.json()["id"]), "completed")

    def test_idempotency(self):
        key = {"Idempotency-Key": "once-" + str(time.time())}
        first = self.api.submit("console.log(1)", headers=key)
        second = self.api.submit("console.log(1)", headers=key)
        self.assertEqual(first["id"], second["id"])
        answer = self.api.call("POST", "/v1/workloads/async", {
            "runtime": "javascript", "code": "console.log(2)"}, key)
        self.problem(answer, 409)
        answer = self.api.call("POST", "/v1/workloads", {
            "runtime": "javascript", "code": "console.log(1)"}, key)
        self.assertEqual(answer.json()["id"], first["id"])

    def test_idempotency_fifty_at_once(self):
        key = {"Idempotency-Key": "many-" + str(time.time())}
        with concurrent.futures.ThreadPoolExecutor(10) as pool:
            ids = set(pool.map(lambda _: self.v.api().submit(
                "console.log(1)", headers=key)["id"], range(50)))
        self.assertEqual(len(ids), 1)

    def test_idempotency_key_that_is_none(self):
        for key in ("", "x" * 129, "a\x7fb"):
            answer = self.api.call("POST", "/v1/workloads/async", {
                "runtime": "javascript", "code": "1"},
                {"Idempotency-Key": key})
            if key == "" and answer.status == 202:
                continue  # an empty header is none
            self.problem(answer, WRONG)

    def test_rerun(self):
        first = self.api.run("console.log(vulcan.args[0])", args=["again"],
                             labels={"a": "b"})
        answer = self.api.call("POST", f"/v1/workloads/{first['id']}/rerun")
        self.assertIn(answer.status, (200, 201, 202), answer)
        second = self.api.wait(answer.json()["id"])
        self.assertNotEqual(first["id"], second["id"])
        self.assertEqual(second["stdout"], "again\n")
        self.assertEqual(second["input_hash"], first["input_hash"])

    def test_raw_streams(self):
        record = self.api.run("vulcan.write('\u20ac\\n'); console.error('e')")
        for stream, text in (("stdout", "\u20ac\n"), ("stderr", "e\n")):
            answer = self.api.get(f"/v1/workloads/{record['id']}/{stream}")
            self.assertEqual(answer.body.decode(), text)

    def test_timeouts_within_two_seconds(self):
        begin = time.monotonic()
        record = self.api.run("while (true) {}", limits={"wall_ms": 500})
        self.struck(record, "timeout", "wall_ms")
        self.assertLess(time.monotonic() - begin, 2.5)


class TestList(VulcanCase):
    def pages(self, api, query, limit):
        seen, cursor = [], None
        for _ in range(100):
            path = f"/v1/workloads?limit={limit}{query}"
            if cursor:
                path += f"&cursor={cursor}"
            body = api.get(path).json()
            self.assertLessEqual(len(body["workloads"]), limit)
            seen += [w["id"] for w in body["workloads"]]
            cursor = body["next_cursor"]
            if not cursor:
                return seen, body["total"]
        raise AssertionError("pages without end")

    def test_paging_and_filters(self):
        _, api = self.v.user()
        good = [api.run("1", labels={"k": f"v{i % 2}"})["id"]
                for i in range(7)]
        bad = [api.run("throw 1")["id"] for _ in range(4)]
        slow = api.run("for (;;);", limits={"wall_ms": 100})["id"]
        typed = api.run("1", runtime="typescript")["id"]
        every = good + bad + [slow, typed]
        for limit in (1, 3, 200):
            seen, total = self.pages(api, "", limit)
            self.assertEqual(seen, sorted(every, reverse=True))
            self.assertEqual(total, len(every))
        for query, wanted in (
                ("&status=failed", bad + [slow]),
                ("&status=completed", good + [typed]),
                ("&reason=timeout", [slow]), ("&reason=exit", bad),
                ("&runtime=typescript", [typed]),
                ("&isolation=isolate", every), ("&isolation=gvisor", []),
                ("&status=failed&reason=timeout", [slow]),
                ("&label=k=v1", good[1::2]), (f"&q={slow}", [slow]),
                ("&since=2001-01-01T00:00:00Z", every),
                ("&until=2001-01-01T00:00:00Z", [])):
            with self.subTest(query=query):
                seen, total = self.pages(api, query, 2)
                self.assertEqual(sorted(seen), sorted(wanted))
                self.assertEqual(total, len(wanted))

    def test_new_rows_do_not_shift_a_page(self):
        _, api = self.v.user()
        old = [api.run("1")["id"] for _ in range(4)]
        first = api.get("/v1/workloads?limit=2").json()
        api.run("1")
        second = api.get("/v1/workloads?limit=2&cursor=" +
                         first["next_cursor"]).json()
        self.assertEqual([w["id"] for w in second["workloads"]],
                         sorted(old)[1::-1])


class TestFigures(VulcanCase):
    def test_metrics(self):
        self.api.run("1")
        self.api.run("throw 1")
        answer = self.api.get("/metrics")
        self.assertEqual(answer.status, 200)
        done = subprocess.run([need("promtool"), "check", "metrics"],
                              input=answer.body, capture_output=True,
                              check=False)
        self.assertEqual(done.returncode, 0,
                         done.stdout.decode() + done.stderr.decode())
        self.assertRegex(answer.text, r'(?m)^vulcan_\w+\{[^}]*completed')

    def test_metrics_count(self):
        def completed():
            text = self.api.get("/metrics").text
            return sum(float(m.group(1)) for m in re.finditer(
                r'(?m)^vulcan_workloads\w*\{[^}]*status="completed"[^}]*\} '
                r'(\S+)$', text))

        before = completed()
        for _ in range(3):
            self.api.run("1")
        self.assertEqual(completed(), before + 3)

    def test_stats_and_nodes(self):
        before = self.api.get("/v1/stats")
        self.assertEqual(before.status, 200)
        self.assertIsInstance(before.json(), dict)
        nodes = self.api.get("/v1/nodes").json()
        rows = nodes if isinstance(nodes, list) else nodes["nodes"]
        self.assertEqual(len(rows), 1)
        self.assertTrue(rows[0]["name"])

    def test_health(self):
        answer = self.v.anonymous().get("/healthz")
        self.assertEqual(answer.status, 200)

    def test_openapi(self):
        answer = self.api.get("/openapi.json")
        self.assertEqual(answer.status, 200)
        described = answer.json()
        self.assertTrue(described["openapi"].startswith("3."))
        for path in ROUTES:
            if path.startswith("/v1/"):
                name = path.replace("{}", "{id}")
                self.assertIn(name, described["paths"])


class TestSqlite(VulcanCase):
    """A person opens the history with sqlite3 and understands it."""

    def test_views(self):
        record = self.api.run("console.log('seen'); export default 5",
                              runtime="javascript")
        record = self.api.run("console.log('seen')")
        done = subprocess.run(
            [need("sqlite3"), "-readonly", str(self.v.state / "vulcan.db"),
             "SELECT status, stdout, code, user FROM v_workloads "
             f"WHERE id = '{record['id']}'; "
             f"SELECT phase FROM v_phases WHERE workload_id = "
             f"'{record['id']}' ORDER BY phase;"],
            capture_output=True, text=True, check=True)
        self.assertIn("completed|seen\n|console.log('seen')|admin",
                      done.stdout)
        self.assertIn("exec", done.stdout)


class TestWarmPool(VulcanCase):
    """Sandboxes made ahead follow demand and go when it is quiet."""

    own = True
    leaks = False
    settings = {"pool_idle_ms": 1500}

    def test_warm_then_empty(self):
        warmth = set()
        for _ in range(rounds(30)):
            warmth.add(self.api.run("1")["sandbox"])
            if warmth == {"cold", "warm"}:
                break
        self.assertIn("warm", warmth)
        await_true("the pool empties", 8,
                   lambda: not self.v.slot_processes())
