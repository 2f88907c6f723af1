"""Pages without JavaScript, as a person uses them."""
import concurrent.futures
import itertools
import json
import re
import sqlite3
import subprocess
import urllib.parse

from harness.case import VulcanCase
from harness.client import Page, multipart
from harness.instance import await_true


class TestPages(VulcanCase):
    def setUp(self):
        super().setUp()
        self.surfer = self.v.surfer("admin")

    def submit(self, follow=True, **values):
        form = self.surfer.page("/submit").form_to("/submit")
        answer = self.surfer.post(form, values, follow=follow)
        self.v.submitted |= {r[0] for r in self.v.rows(
            "SELECT id FROM workloads")}
        return answer

    def submitted(self, **values):
        """Sends the form; the id of the workload it became."""
        answer = self.submit(follow=False, **values)
        self.assertEqual(answer.status, 303, answer)
        return answer.header("Location").rsplit("/", 1)[1]

    def test_log_in_and_out(self):
        self.assertIn("admin", self.surfer.page("/").text)
        form = self.surfer.page("/").form_to("/logout")
        self.surfer.post(form)
        answer = self.surfer.get("/workloads", follow=False)
        self.assertEqual(answer.status, 303)
        self.assertIn("/login", answer.header("Location"))

    def test_log_in_by_password(self):
        name, _ = self.v.user()
        done = subprocess.run(
            [str(self.v.build / "bin/vulcan-admin"), "-f", str(self.v.conf),
             "user", "password", name, "--password-stdin"],
            input="correct horse battery\n",
            capture_output=True, text=True, check=False,
            env=self.v._inherited())
        self.assertEqual(done.returncode, 0, done.stderr)
        surfer = self.v.surfer()
        form = surfer.page("/login").form_to("/login")
        for wrong in ("", "correct horse", "correct horse battery "):
            answer = surfer.post(form, {"name": name, "password": wrong})
            self.assertNotIn("Log out", answer.text)
        form = surfer.page("/login").form_to("/login")
        answer = surfer.post(form, {"name": name,
                                    "password": "correct horse battery"})
        self.assertIn("Log out", answer.text)

    def test_submit_to_result(self):
        ident = self.submitted(
            runtime="typescript", input='{"n": 20}', args="one\ntwo",
            env="A=b\nC=d=e", stdin="read me",
            code="console.log(vulcan.args.join('+'), vulcan.env.C,"
                 "vulcan.stdin);\nexport default (i: {n: number}) => i.n + 1")
        record = self.api.wait(ident)
        self.ends(record, "completed")
        page = self.surfer.page(f"/workloads/{ident}")
        self.assertIn("one+two d=e read me", page.text)
        self.assertIn("21", page.text)
        self.assertIn("completed", page.text)
        for word in ("exec", "compile", "wall_ms", "isolate"):
            self.assertIn(word, page.source)
        self.assertIn(ident, self.surfer.page("/workloads").text)
        self.assertIn(ident, self.surfer.page("/").source)

    def test_wrong_forms_come_back_filled(self):
        for values, part in (
                ({"code": ""}, "code"), ({"code": "1", "input": "{"},
                                         "input"),
                ({"code": "1", "wall_ms": "0"}, "wall_ms"),
                ({"code": "1", "wall_ms": "x"}, "wall_ms"),
                ({"code": "1", "env": "no equals sign"}, "env"),
                ({"code": "1", "entrypoint": "../x"}, "entrypoint")):
            with self.subTest(values=values):
                answer = self.submit(stdin="kept", **values)
                self.assertIn(answer.status, (400, 422), answer.status)
                form = Page(answer.text).form_to("/submit")
                self.assertEqual(form.control("stdin").value.strip(), "kept")
                wrong = [c for c in form.controls
                         if "aria-invalid" in c.attributes]
                self.assertTrue(wrong or "class=\"wrong\"" in answer.text,
                                part)

    def test_absent_tiers_are_disabled_and_say_why(self):
        page = self.surfer.page("/submit")
        for c in page.form_to("/submit").controls:
            if c.name == "isolation" and c.value in ("gvisor", "microvm"):
                self.assertTrue(c.disabled)
        self.assertIn("Absent here", page.text)

    def test_detail_of_a_running_one(self):
        job = self.api.submit("console.log('first'); setTimeout(() => "
                              "console.log('second'), 1500)")
        await_true("it runs", 10, lambda: self.v.row(
            "SELECT 1 FROM v_log WHERE workload_id = ?", job["id"]))
        page = self.surfer.page(f"/workloads/{job['id']}")
        self.assertIn("first", page.text)
        self.assertNotIn("second", page.text.split("Log")[1][:80])
        self.assertIn('http-equiv="refresh"', page.source)
        self.ends(self.api.wait(job["id"]), "completed")
        page = self.surfer.page(f"/workloads/{job['id']}")
        self.assertIn("second", page.text)
        self.assertNotIn('http-equiv="refresh"', page.source)

    def test_cancel_button(self):
        job = self.api.submit("setTimeout(() => {}, 1e8)",
                              limits={"wall_ms": 60000})
        form = self.surfer.page(f"/workloads/{job['id']}").form_to(
            f"/workloads/{job['id']}/cancel")
        answer = self.surfer.post(form)
        self.assertEqual(answer.status, 200)
        self.ends(self.api.wait(job["id"]), "killed", "cancelled")
        page = self.surfer.page(f"/workloads/{job['id']}")
        self.assertIn("killed", page.text)
        with self.assertRaises(KeyError):
            page.form_to(f"/workloads/{job['id']}/cancel")

    def test_run_again_button(self):
        job = self.api.run("console.log('twice')")
        form = self.surfer.page(f"/workloads/{job['id']}").form_to(
            f"/workloads/{job['id']}/rerun")
        answer = self.surfer.post(form, follow=False)
        self.assertEqual(answer.status, 303)
        ident = answer.header("Location").rsplit("/", 1)[1]
        self.assertNotEqual(ident, job["id"])
        self.assertEqual(self.api.wait(ident)["stdout"], "twice\n")

    def test_list_pages_and_filters(self):
        name, api = self.v.user()
        done = [api.run("1")["id"] for _ in range(3)]
        failed = api.run("throw 1")["id"]
        surfer = self.v.surfer(name)
        text = surfer.page("/workloads").text
        for ident in (*done, failed):
            self.assertIn(ident, text)
        text = surfer.page("/workloads?status=failed").text
        self.assertIn(failed, text)
        self.assertNotIn(done[0], text)
        form = surfer.page("/workloads").form_to("/workloads")
        self.assertEqual(form.method, "GET")

    def test_list_walks_to_the_end(self):
        name, api = self.v.user()
        first = api.run("1")["id"]
        db = sqlite3.connect(self.v.state / "vulcan.db", timeout=10)
        with db:
            db.execute("CREATE TEMP TABLE one AS "
                       "SELECT * FROM workloads WHERE id = ?", (first,))
            for i in range(120):
                db.execute("UPDATE one SET attempt = 0, "
                           "id = substr(id, 1, 20) || printf('%06d', ?)",
                           (i,))
                db.execute("INSERT INTO workloads SELECT * FROM one")
        db.close()
        surfer = self.v.surfer(name)
        seen, path = set(), "/workloads"
        for _ in range(30):
            page = surfer.page(path)
            found = set(re.findall(r"/workloads/([0-9A-Z]{26})",
                                   page.source))
            self.assertEqual(seen & found, set())
            seen |= found
            older = [link for link in page.links if "cursor=" in link]
            if not older:
                break
            path = older[-1].replace("&amp;", "&")
        self.assertEqual(len(seen), 121)

    def test_upload_of_files(self):
        form = self.surfer.page("/submit").form_to("/submit")
        kind, body = multipart({
            **form.values(), "code": "", "runtime": "javascript",
            "files": ("index.mjs", b"console.log('uploaded')")})
        answer = self.surfer.send("POST", "/submit", body,
                                  {"Content-Type": kind})
        self.assertEqual(answer.status, 303, answer)
        ident = answer.header("Location").rsplit("/", 1)[1]
        self.assertEqual(self.api.wait(ident)["stdout"], "uploaded\n")

    def test_error_pages(self):
        for path, status in (("/nope", 404),
                             ("/workloads/01ARZ3NDEKTSV4RRFFQ69G5FAV", 404),
                             ("/workloads?status=nope", 200)):
            answer = self.surfer.get(path)
            self.assertIn(answer.status, (status, 400, 422))
            self.assertIn("text/html", answer.header("Content-Type"))
            self.assertIn("<h1", answer.text)


class TestProperty(VulcanCase):
    """Any field may hold <>&"' and wrong UTF-8: every page stays well formed,
    shows exactly that, and is valid UTF-8."""

    NASTY = "<b a='1' c=\"2\">&amp;&lt;{{x}}</b>"
    FIELDS = ("code", "input", "stdin", "args", "env", "entrypoint",
              "wall_ms", "cpu_ms", "memory_mib", "output_bytes", "runtime",
              "isolation")

    def setUp(self):
        super().setUp()
        self.surfer = self.v.surfer("admin")

    def well_formed(self, answer):
        text = answer.body.decode("utf-8")
        if "text/html" in (answer.header("Content-Type") or ""):
            page = Page(text)
            self.assertEqual(page.stack, [], "unclosed elements")
            self.assertNotIn("b", [t for t, _ in page.elements])
            return page
        return None

    def test_submit_fields(self):
        base = {"code": "1", "runtime": "javascript", "isolation": "auto"}
        for field in self.FIELDS:
            for text in (self.NASTY, "<", ">", "&", '"', "'", "<>&\"'"):
                with self.subTest(field=field, text=text):
                    form = self.surfer.page("/submit").form_to("/submit")
                    value = f"A={text}" if field == "env" else text
                    answer = self.surfer.post(form, {**base, field: value})
                    page = self.well_formed(answer)
                    if answer.status != 200 and field not in (
                            "runtime", "isolation"):
                        again = page.form_to("/submit").control(field)
                        self.assertEqual(again.value.strip(), value)

    def test_wrong_utf8_is_refused_by_name(self):
        for bad in (b"\xff", b"\xc0\xaf", b"\xed\xa0\x80", b"a\x80",
                    b"\xf4\x90\x80\x80", b"\xe2\x82"):
            for field in ("name", "password"):
                surfer = self.v.surfer()
                form = surfer.page("/login").form_to("/login")
                values = {k: v.encode() for k, v in form.values().items()}
                values.update({"name": b"x", "password": b"x", field: bad})
                body = urllib.parse.urlencode(values).encode()
                answer = surfer.send("POST", "/login", body, {
                    "Content-Type": "application/x-www-form-urlencoded"})
                self.assertIn(answer.status, (400, 422))
                self.well_formed(answer)
            for field in self.FIELDS:
                form = self.surfer.page("/submit").form_to("/submit")
                values = {"code": "1", **form.values(), field: bad}
                kind, body = multipart(values)
                answer = self.surfer.send("POST", "/submit", body,
                                          {"Content-Type": kind})
                self.assertIn(answer.status, (400, 422), (field, bad))
                self.well_formed(answer)
            quoted = "".join(f"%{b:02x}" for b in bad)
            for path in (f"/workloads?since={quoted}", f"/{quoted}",
                         f"/login?next={quoted}", f"/workloads/{quoted}"):
                answer = self.surfer.get(path)
                self.assertIn(answer.status, (400, 404, 422), path)
                self.well_formed(answer)

    def test_detail_page(self):
        wrong_bytes = "vulcan.write('ok')"
        record = self.api.run(
            "console.log(vulcan.stdin); console.error(vulcan.stdin);"
            "throw new Error(vulcan.stdin) //" + self.NASTY,
            stdin=self.NASTY, args=[self.NASTY], env={"N": self.NASTY},
            input=self.NASTY, labels={"n": self.NASTY})
        page = self.well_formed(
            self.surfer.get(f"/workloads/{record['id']}"))
        self.assertGreaterEqual(page.text.count(self.NASTY), 4)
        record = self.api.run(wrong_bytes, stdin_base64="//79gICA",
                              input={self.NASTY: [self.NASTY]})
        self.well_formed(self.surfer.get(f"/workloads/{record['id']}"))
        shown = json.dumps(self.api.record(record["id"]))
        self.assertIn("ok", shown)

    def test_names_of_files_and_keys(self):
        for text, tail in itertools.product(
                (self.NASTY.replace("/", ""), "<>&\"'"), (".js", "")):
            record = self.api.run(None, files=[
                {"name": "index.js", "content": "1"},
                {"name": "n" + text + tail, "content": text}])
            page = self.well_formed(
                self.surfer.get(f"/workloads/{record['id']}"))
            self.assertIn("n" + text + tail, page.text)
            form = self.surfer.page("/keys").form_to("/keys")
            page = self.well_formed(
                self.surfer.post(form, {"name": text}))
            self.assertIn(text, page.text)


class TestLogInCap(VulcanCase):
    """Password checks are expensive: few at once, and the rest is told."""

    def test_many_log_ins_at_once(self):
        name, _ = self.v.user()

        def one(_):
            surfer = self.v.surfer()
            form = surfer.page("/login").form_to("/login")
            return surfer.post(form, {"name": name, "password": "wrong"},
                               follow=False).status

        with concurrent.futures.ThreadPoolExecutor(6) as pool:
            codes = set(pool.map(one, range(12)))
        self.assertLessEqual(codes, {400, 401, 403, 422, 429, 503})
