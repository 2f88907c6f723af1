"""Section j, pages and rights: XSS, CSRF, keys, other people's workloads."""
import json
import re
import urllib.parse

from harness.case import VulcanCase
from harness.client import Page, Surfer
from harness.payloads import XSS

NOBODY = "01ARZ3NDEKTSV4RRFFQ69G5FAV"  # a ULID of nothing


class TestJ06Escaping(VulcanCase):
    """Whatever users write is text on every page; the policy allows no
    foreign script. (The browser tests hold the same against Chromium.)"""

    TAGS_NEVER = {"iframe", "object", "embed", "base", "math", "video",
                  "audio", "template"}

    def clean(self, text, path):
        page = Page(text)
        for tag, attributes in page.elements:
            self.assertNotIn(tag, self.TAGS_NEVER, path)
            for name, value in attributes.items():
                self.assertFalse(name.startswith("on"), (path, tag, name))
                if name in ("href", "src", "action", "formaction"):
                    self.assertNotIn("javascript:", value.lower(), path)
            if tag == "script":
                self.assertTrue(
                    attributes.get("src", "").startswith("/static/"),
                    (path, attributes))
        self.assertNotIn("window.__x", "".join(
            t for s, t in page.texts if "script" in s or "style" in s))
        return page

    def headers(self, answer, path):
        policy = answer.header("Content-Security-Policy") or ""
        self.assertIn("default-src 'none'", policy, path)
        self.assertNotIn("unsafe-inline", policy, path)
        self.assertNotIn("unsafe-eval", policy, path)
        self.assertIn("frame-ancestors 'none'", policy, path)
        self.assertIn("base-uri 'none'", policy, path)
        self.assertRegex(policy, r"form-action 'self'")
        self.assertEqual(answer.header("X-Content-Type-Options"), "nosniff")
        self.assertTrue(answer.header("Referrer-Policy"), path)

    def test_j06_every_field_of_every_page(self):
        surfer = self.v.surfer("admin")
        texts = [t for t in XSS if "\0" not in t]
        nasty = "\n".join(texts)
        record = self.api.run(
            "vulcan.write(vulcan.stdin); console.error(vulcan.stdin);"
            "throw new Error(vulcan.stdin)", stdin=nasty, input=nasty,
            args=texts, env={"A": nasty}, labels={"l": texts[0]})
        good = self.api.run(
            None, files=[
                {"name": "index.js", "content":
                 "module.exports = x => x // " + nasty.split("\n")[0]},
                {"name": "<img src=x onerror=window.__x=1>.txt",
                 "content": nasty}], input={nasty: nasty})
        self.ends(good, "completed")
        surfer.send("POST", "/keys", urllib.parse.urlencode({
            "csrf": surfer.page("/keys").form_to("/keys")
            .control("csrf").value, "name": XSS[0]}).encode(),
            {"Content-Type": "application/x-www-form-urlencoded"})
        for path in ("/", "/workloads", "/submit", "/keys", "/backends",
                     f"/workloads/{record['id']}",
                     f"/workloads/{good['id']}"):
            answer = surfer.get(path)
            self.assertEqual(answer.status, 200, path)
            self.headers(answer, path)
            page = self.clean(answer.text, path)
            if path.endswith(record["id"]):
                for text in ("<svg onload=window.__x=1>", "<>&\"'",
                             "{{csrf}}{{{csrf}}}"):
                    self.assertIn(text, page.text)

    def test_j06_error_pages_and_queries(self):
        surfer = self.v.surfer("admin")
        for text in XSS:
            quoted = urllib.parse.quote(text.replace("\0", ""))
            for path in (f"/nothing/{quoted}", f"/workloads?status={quoted}",
                         f"/workloads?since={quoted}", f"/login?next={quoted}",
                         f"/workloads/{quoted}", f"/?{quoted}=1"):
                answer = surfer.get(path, follow=False)
                if answer.body:
                    self.clean(answer.text, path)
                    self.headers(answer, path)

    def test_j06_rejected_form_shows_what_was_sent(self):
        surfer = self.v.surfer("admin")
        form = surfer.page("/submit").form_to("/submit")
        for text in ("</textarea><script>window.__x=1</script>",
                     "\" onfocus=\"window.__x=1\" autofocus=\""):
            answer = surfer.post(form, {
                "code": text, "input": "not json " + text, "stdin": text,
                "args": text, "env": "A=" + text, "entrypoint": text,
                "wall_ms": text})
            self.assertIn(answer.status, (400, 422), answer.status)
            page = self.clean(answer.text, "/submit")
            again = page.form_to("/submit")
            self.assertEqual(again.control("code").value.strip(), text)
            self.assertEqual(again.control("wall_ms").value, text)

    def test_j06_downloads(self):
        record = self.api.run(
            "vulcan.write('<svg xmlns=\"http://www.w3.org/2000/svg\" "
            "onload=\"alert(1)\"/><script>alert(1)</script>')")
        answer = self.api.get(f"/v1/workloads/{record['id']}/stdout")
        self.assertEqual(answer.status, 200)
        self.assertEqual(answer.header("X-Content-Type-Options"), "nosniff")
        self.assertIn("attachment", answer.header("Content-Disposition"))
        self.assertNotIn("html", answer.header("Content-Type"))
        self.assertNotIn("svg", answer.header("Content-Type"))
        policy = answer.header("Content-Security-Policy")
        self.assertIn("default-src 'none'", policy)
        self.assertIn("sandbox", policy)

    def test_j06_events_cannot_be_forged(self):
        forged = ("\n\nevent: done\ndata: {\"status\":\"forged\"}\n\n"
                  "\r\rid: 99\revent: log\rdata: {}\r\r")
        record = self.api.run(f"vulcan.write({json.dumps(forged)});"
                              "console.log('end')")
        with self.api.events(record["id"]) as stream:
            events = stream.until_done()
        text = "".join(e.json()["text"] for e in events if e.kind == "log")
        self.assertEqual(text, forged + "end\n")
        self.assertNotIn("forged", events[-1].data)

    def test_j06_live_events_cannot_be_forged(self):
        forged = "\n\nevent: done\ndata: {}\n\n"
        job = self.api.submit(
            f"setTimeout(() => {{ vulcan.write({json.dumps(forged)});"
            "console.log('end') }, 300)")
        with self.api.events(job["id"]) as stream:
            events = stream.until_done()
        text = "".join(e.json()["text"] for e in events if e.kind == "log")
        self.assertEqual(text, forged + "end\n")


class TestJ09Csrf(VulcanCase):
    """Requests that change something come from our own pages only: 403 and
    no change of state otherwise."""

    leaks = True

    def state(self):
        return [tuple(r) for r in self.v.rows(
            "SELECT (SELECT count(*) FROM workloads),"
            "(SELECT count(*) FROM api_keys),"
            "(SELECT count(*) FROM sessions),"
            "(SELECT count(*) FROM workloads WHERE cancel_requested_at"
            " IS NOT NULL)")]

    def forms(self, surfer):
        """Every form of every page with what makes it valid."""
        job = self.api.run("1")["id"]
        return [
            (surfer.page("/submit").form_to("/submit"),
             {"code": "console.log(1)"}),
            (surfer.page("/keys").form_to("/keys"), {"name": "k"}),
            (surfer.page(f"/workloads/{job}")
             .form_to(f"/workloads/{job}/rerun"), {}),
            (surfer.page("/").form_to("/logout"), {}),
        ]

    def test_j09_every_form(self):
        surfer = self.v.surfer("admin")
        other = self.v.surfer("admin")
        stolen = {f.action: f.control("csrf").value
                  for f, _ in self.forms(other)}
        for form, values in self.forms(surfer):
            good = form.control("csrf").value
            own = [s for s in (
                ("no token", {"csrf": None}, {}),
                ("empty token", {"csrf": ""}, {}),
                ("wrong token", {"csrf": good[:-2] + "xx"}, {}),
                ("other session's", {"csrf": stolen.get(form.action, "z")},
                 {}),
                ("cross-site", {}, {"Sec-Fetch-Site": "cross-site"}),
                ("same-site", {}, {"Sec-Fetch-Site": "same-site"}),
                ("foreign origin", {}, {"Origin": "https://evil.invalid"}),
                ("origin null", {}, {"Origin": "null"}),
                ("other port", {}, {"Origin": "http://127.0.0.1:1"}),
                ("neither", {}, {"Origin": None, "Sec-Fetch-Site": None}))]
            for what, changes, headers in own:
                with self.subTest(form=form.action, what=what):
                    before = self.state()
                    answer = surfer.post(form, {**values, **changes},
                                         headers=headers, follow=False)
                    self.assertEqual(answer.status, 403, answer)
                    self.assertEqual(self.state(), before)

    def test_j09_token_of_another_form(self):
        surfer = self.v.surfer("admin")
        keys = surfer.page("/keys").form_to("/keys").control("csrf").value
        form = surfer.page("/submit").form_to("/submit")
        answer = surfer.post(form, {"code": "1", "csrf": keys}, follow=False)
        self.assertEqual(answer.status, 403)

    def test_j09_replay_after_log_out(self):
        surfer = self.v.surfer("admin")
        form = surfer.page("/submit").form_to("/submit")
        old = dict(surfer.cookies)
        answer = surfer.post(surfer.page("/").form_to("/logout"))
        self.assertIn(answer.status, (200, 303))
        surfer.cookies = old
        before = self.state()
        answer = surfer.post(form, {"code": "console.log(1)"}, follow=False)
        self.assertIn(answer.status, (303, 401, 403))
        if answer.status == 303:
            self.assertIn("/login", answer.header("Location"))
        self.assertEqual(self.state(), before)

    def test_j09_get_changes_nothing(self):
        surfer = self.v.surfer("admin")
        job = self.api.submit("setTimeout(() => {}, 2000)")
        before = self.state()
        for path in (f"/workloads/{job['id']}/cancel",
                     f"/workloads/{job['id']}/rerun", "/logout",
                     "/keys?name=x", "/submit?code=1&runtime=javascript",
                     "/login/link?token=x"):
            surfer.get(path, follow=False)
        self.assertEqual(self.state(), before)
        self.ends(self.api.wait(job["id"]), "completed")

    def test_j09_api_with_a_cookie(self):
        """The API takes a session only with its header."""
        surfer = self.v.surfer("admin")
        body = b'{"runtime":"javascript","code":"1"}'
        before = self.state()
        for headers in ({"Content-Type": "application/json"},
                        {"Content-Type": "text/plain"},
                        {"Content-Type": "application/json",
                         "X-CSRF-Token": "x"},
                        {"Content-Type": "application/x-www-form-urlencoded"},
                        {"Content-Type": "application/json", "Origin": None,
                         "Sec-Fetch-Site": "cross-site"}):
            answer = surfer.send("POST", "/v1/workloads/async", body, headers)
            self.assertIn(answer.status, (400, 401, 403, 415), answer)
        self.assertEqual(self.state(), before)

    def test_j09_json_with_another_type(self):
        answer = self.api.call(
            "POST", "/v1/workloads/async",
            raw=b'{"runtime":"javascript","code":"1"}',
            headers={"Content-Type": "text/plain"})
        self.problem(answer, (400, 415))

    def test_j09_log_in_is_guarded(self):
        """A stranger's page cannot log a browser in as somebody."""
        surfer = Surfer(self.v.port)
        page = surfer.page(self.v.login_link("admin"))
        form = page.form_to("/login/link")
        answer = surfer.post(form, headers={
            "Origin": "https://evil.invalid",
            "Sec-Fetch-Site": "cross-site"}, follow=False)
        self.assertEqual(answer.status, 403)
        thief = Surfer(self.v.port)
        answer = thief.post(form, follow=False)
        self.assertEqual(answer.status, 403)
        answer = surfer.post(form)
        self.assertIn("Log out", answer.text)
        surfer.close()
        thief.close()

    def test_j09_link_works_once(self):
        link = self.v.login_link("admin")
        first = Surfer(self.v.port)
        first.post(first.page(link).form_to("/login/link"))
        self.assertIn("Log out", first.get("/").text)
        second = Surfer(self.v.port)
        answer = second.get(link)
        if answer.status == 200:
            page = Page(answer.text)
            answer = second.post(page.form_to("/login/link"))
        self.assertNotIn("Log out", answer.text)
        for s in (first, second):
            s.close()

    def test_j09_cookie_flags(self):
        surfer = Surfer(self.v.port)
        page = surfer.page(self.v.login_link("admin"))
        answer = surfer.post(page.form_to("/login/link"), follow=False)
        cookies = answer.headers.get_all("Set-Cookie")
        self.assertTrue(cookies)
        for line in cookies:
            self.assertIn("HttpOnly", line)
            self.assertRegex(line, r"SameSite=(Lax|Strict)")
            self.assertIn("Path=/", line)
        surfer.close()


class TestJ11Rights(VulcanCase):
    """The matrix of method, route and role: 401, 403 or 404, complete; ids of
    other users are 404 on every route."""

    # method, path, body; {} is the id of a workload
    ROUTES = (
        ("GET", "/v1/workloads/{}", None),
        ("GET", "/v1/workloads/{}?wait=1", None),
        ("DELETE", "/v1/workloads/{}", None),
        ("POST", "/v1/workloads/{}/rerun", {}),
        ("GET", "/v1/workloads/{}/logs", None),
        ("GET", "/v1/workloads/{}/logs/history", None),
        ("GET", "/v1/workloads/{}/stdout", None),
        ("GET", "/v1/workloads/{}/stderr", None),
        ("GET", "/v1/workloads/{}/artifacts/x", None),
    )
    OPEN = (
        ("GET", "/v1/workloads", None),
        ("POST", "/v1/workloads",
         {"runtime": "javascript", "code": "1"}),
        ("POST", "/v1/workloads/async",
         {"runtime": "javascript", "code": "1"}),
        ("GET", "/v1/backends", None),
        ("GET", "/v1/stats", None),
        ("GET", "/v1/nodes", None),
    )
    PAGES = ("/", "/submit", "/workloads", "/keys", "/backends",
             "/workloads/{}")

    def test_j11_nobody(self):
        ident = self.api.run("1")["id"]
        anonymous = self.v.anonymous()
        for method, path, body in self.ROUTES + self.OPEN:
            with self.subTest(method=method, path=path):
                answer = anonymous.call(method, path.format(ident), body)
                self.problem(answer, 401)
                self.assertTrue(answer.header("WWW-Authenticate"))
        surfer = self.v.surfer()
        for path in self.PAGES:
            with self.subTest(path=path):
                answer = surfer.get(path.format(ident), follow=False)
                self.assertIn(answer.status, (303, 401, 403))
                if answer.status == 303:
                    self.assertIn("/login", answer.header("Location"))
                self.assertNotIn(b"console", answer.body)

    def test_j11_wrong_keys(self):
        _, user = self.v.user()
        good = user.key
        for key in ("x", good[:4], good[:-1], good + "x", good.lower(),
                    good.swapcase(), good[:4] + "A" * 43,
                    good[4:], "' OR 1=1 --"):
            with self.subTest(key=key):
                api = self.v.api(key)
                for method, path, body in self.OPEN:
                    self.problem(api.call(method, path, body), (400, 401))
        self.assertEqual(user.get("/v1/workloads").status, 200)

    def test_j11_key_in_the_address(self):
        """A key in a URL lands in logs: it is refused there."""
        anonymous = self.v.anonymous()
        for name in ("key", "api_key", "token", "access_token",
                     "Authorization"):
            answer = anonymous.get(f"/v1/workloads?{name}={self.v.key}")
            self.problem(answer, (400, 401, 422))

    def test_j11_revoked(self):
        surfer = self.v.surfer("admin")
        answer = surfer.post(surfer.page("/keys").form_to("/keys"),
                             {"name": "short-lived"})
        secret = re.search(r"\b[a-z]+_[A-Za-z0-9_-]{30,}", answer.text).group(0)
        api = self.v.api(secret)
        self.assertEqual(api.get("/v1/workloads").status, 200)
        ident = self.v.row("SELECT id FROM api_keys WHERE name = ?",
                           "short-lived")["id"]
        surfer.post(surfer.page("/keys").form_to(f"/keys/{ident}/revoke"))
        self.problem(api.get("/v1/workloads"), 401)
        # It was shown once, and only its hash is kept.
        self.assertNotIn(secret, surfer.get("/keys").text)
        for row in self.v.rows("SELECT * FROM api_keys"):
            self.assertNotIn(secret, [str(v) for v in tuple(row)])

    def test_j11_other_users_workloads(self):
        _, owner = self.v.user()
        name, stranger = self.v.user()
        done = owner.run("console.log('private')")["id"]
        live = owner.submit("console.log('private');"
                            "setTimeout(() => {}, 1500)",
                            limits={"wall_ms": 10000})["id"]
        for ident in (done, live):
            for method, path, body in self.ROUTES:
                with self.subTest(method=method, path=path):
                    answer = stranger.call(method, path.format(ident), body)
                    self.problem(answer, 404)
                    self.assertNotIn(b"private", answer.body)
                    missing = stranger.call(
                        method, path.format(NOBODY), body)
                    self.assertEqual(
                        answer.body.replace(ident.encode(), b"ID"),
                        missing.body.replace(NOBODY.encode(), b"ID"),
                        "tells that it exists")
        listed = stranger.get("/v1/workloads").json()
        self.assertEqual(listed["workloads"], [])
        self.assertEqual(listed["total"], 0)
        self.page_of_a_stranger(name, done, live)
        self.ends(owner.wait(live), "completed")
        # An administrator sees all.
        self.assertEqual(self.api.get(f"/v1/workloads/{done}").status, 200)

    def page_of_a_stranger(self, name, done, live):
        surfer = self.v.surfer(name)
        token = surfer.page("/submit").form_to("/submit").control("csrf")
        for ident in (done, live):
            answer = surfer.get(f"/workloads/{ident}", follow=False)
            self.assertEqual(answer.status, 404)
            self.assertNotIn("private", answer.text)
            for action in ("cancel", "rerun"):
                answer = surfer.send(
                    "POST", f"/workloads/{ident}/{action}",
                    urllib.parse.urlencode({"csrf": token.value}).encode(),
                    {"Content-Type": "application/x-www-form-urlencoded"})
                self.assertIn(answer.status, (403, 404))
        for path in ("/", "/workloads"):
            text = surfer.get(path).text
            self.assertNotIn(done, text)
            self.assertNotIn(live, text)

    def test_j11_other_users_keys(self):
        victim, api = self.v.user()
        key = self.v.row("SELECT k.id FROM api_keys k JOIN users u ON "
                         "u.id = k.user_id WHERE u.name = ?", victim)["id"]
        name, _ = self.v.user()
        surfer = self.v.surfer(name)
        self.assertNotIn(victim, surfer.get("/keys").text)
        own = surfer.page("/keys").form_to("/keys").control("csrf").value
        answer = surfer.send(
            "POST", f"/keys/{key}/revoke",
            urllib.parse.urlencode({"csrf": own}).encode(),
            {"Content-Type": "application/x-www-form-urlencoded"})
        self.assertIn(answer.status, (403, 404), answer)
        self.assertEqual(api.get("/v1/workloads").status, 200)

    def test_j11_filter_by_user(self):
        """A plain user's filter cannot widen what they see."""
        name, owner = self.v.user()
        owner.run("1")
        _, stranger = self.v.user()
        answer = stranger.get(f"/v1/workloads?user={name}")
        if answer.status == 200:
            self.assertEqual(answer.json()["workloads"], [])
        else:
            self.problem(answer, (400, 403, 404, 422))

    def test_j11_idempotency_is_per_user(self):
        _, one = self.v.user()
        _, two = self.v.user()
        key = {"Idempotency-Key": "same"}
        first = one.submit("console.log(1)", headers=key)
        second = two.submit("console.log(1)", headers=key)
        self.assertNotEqual(first["id"], second["id"])
