"""The pages in a real Chromium, with and without JavaScript."""
import itertools
import pathlib
import re
import shutil
import tempfile
import time
import unittest

from selenium import webdriver
from selenium.common.exceptions import (NoAlertPresentException,
                                        WebDriverException)
from selenium.webdriver.chrome.service import Service
from selenium.webdriver.common.by import By
from selenium.webdriver.support.select import Select

from harness.case import VulcanCase, need
from harness.instance import TOP, await_true
from harness.payloads import XSS

SCREENS = TOP / "build/screens"
FLAGS = ("--headless=new", "--no-sandbox", "--disable-gpu",
         "--disable-quic", "--no-first-run",
         "--disable-background-networking", "--disable-component-update",
         "--disable-sync", "--disable-dev-shm-usage", "--mute-audio",
         "--window-size=1280,1000")


class BrowserCase(VulcanCase):
    build = "release"
    javascript = True
    leaks = False  # Chromium's own processes come and go
    seconds = 120

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.profile = tempfile.mkdtemp(prefix="vulcan-test-b-")
        options = webdriver.ChromeOptions()
        options.binary_location = need("chromium")
        for flag in FLAGS:
            options.add_argument(flag)
        options.add_argument("--user-data-dir=" + cls.profile)
        options.set_capability("goog:loggingPrefs", {"browser": "ALL"})
        if not cls.javascript:
            options.add_experimental_option("prefs", {
                "profile.managed_default_content_settings.javascript": 2,
                "profile.default_content_setting_values.javascript": 2})
        cls.browser = webdriver.Chrome(
            service=Service(need("chromedriver")), options=options)
        cls.browser.set_page_load_timeout(30)
        SCREENS.mkdir(parents=True, exist_ok=True)

    @classmethod
    def tearDownClass(cls):
        cls.browser.quit()
        shutil.rmtree(cls.profile, ignore_errors=True)
        super().tearDownClass()

    def setUp(self):
        super().setUp()
        self.browser.delete_all_cookies()
        self.browser.get_log("browser")  # what an earlier test left

    def open(self, path):
        self.browser.get(f"http://127.0.0.1:{self.v.port}{path}")

    def find(self, css):
        return self.browser.find_element(By.CSS_SELECTOR, css)

    def text(self, css):
        """The element's text; nothing while the page is being replaced."""
        try:
            return self.find(css).text
        except WebDriverException:
            return ""

    def all(self, css):
        return self.browser.find_elements(By.CSS_SELECTOR, css)

    def log_in(self):
        self.open(self.v.login_link("admin"))
        self.find("main form button").click()
        await_true("logged in", 10, lambda: "Log out" in
                   self.browser.page_source)

    def screen(self, name):
        self.browser.save_screenshot(str(SCREENS / f"{name}.png"))

    def fill(self, name, text):
        element = self.find(f"[name={name}]")
        element.clear()
        element.send_keys(text)

    def submit(self, code, runtime="typescript", **fields):
        """Fills in the form and presses Run; the workload's id."""
        self.open("/submit")
        Select(self.find("[name=runtime]")).select_by_value(runtime)
        self.fill("code", code)
        for name, text in fields.items():
            self.fill(name, text)
        self.screen("submit" if self.javascript else "submit-plain")
        self.find("form.submit button.main").click()
        await_true("the workload's page", 15, lambda: re.search(
            r"/workloads/[0-9A-Z]{26}", self.browser.current_url))
        ident = re.search(r"[0-9A-Z]{26}", self.browser.current_url).group(0)
        self.v.submitted.add(ident)
        return ident

    def console(self):
        """Errors of the page itself, such as violations of the policy."""
        return [entry["message"] for entry in self.browser.get_log("browser")
                if entry["level"] == "SEVERE" and
                "favicon" not in entry["message"]]

    LIVE = ("const wait = (ms: number) => "
            "new Promise<void>(r => setTimeout(r, ms));\n"
            "console.log('first line');\nawait wait(2500);\n"
            "console.log('last line');\nexport {};")


class TestWithJavaScript(BrowserCase):
    def test_submits_and_sees_live_output(self):
        self.log_in()
        ident = self.submit(self.LIVE)
        await_true("the first line appears", 8, lambda: "first line" in
                   self.text("#log"))
        self.assertNotIn("last line", self.text("#log"))
        self.assertEqual(self.api.record(ident)["status"], "running")
        self.screen("live")
        await_true("the last line appears", 10, lambda: "last line" in
                   self.text("#log"))
        await_true("the status changes without a click", 10, lambda:
                   "completed" in self.text("#status"))
        await_true("each line once, after the page loaded again", 5, lambda:
                   self.text("#log").count("first line") == 1)
        self.screen("result")
        self.assertEqual(self.console(), [])

    def test_log_joins_what_was_rendered(self):
        """A page opened midway shows every line once."""
        self.log_in()
        job = self.api.submit(
            "for (let i = 1; i <= 50; i++) { console.log('line ' + i + '.');"
            "await new Promise(r => setTimeout(r, 40)) }",
            limits={"wall_ms": 20000})
        await_true("some lines", 10, lambda: self.v.row(
            "SELECT count(*) FROM v_log WHERE workload_id = ?",
            job["id"])[0] >= 10)
        self.open(f"/workloads/{job['id']}")
        seen = []

        def last_line():
            """Kept as it was seen: at the end the page loads once more."""
            seen.append(self.text("#log"))
            return "line 50." in seen[-1]

        await_true("the last line", 15, last_line)
        self.assertEqual(re.findall(r"line (\d+)\.", seen[-1]),
                         [str(i) for i in range(1, 51)])

    def test_cancel(self):
        self.log_in()
        ident = self.submit("setTimeout(() => {}, 1e8); console.log('up')",
                            "javascript")
        self.find("button.stop").click()
        await_true("it is killed", 10, lambda: "killed" in
                   self.text("#status"))
        self.ends(self.api.record(ident), "killed", "cancelled")

    def test_pages_as_pictures(self):
        self.log_in()
        done = self.api.run(
            "console.log('out'); console.error('err'); "
            "export default x => ({a: [1, 2, x]})", input={"n": 1},
            runtime="typescript")
        failed = self.api.run("\nthrow new TypeError('of mine')")
        self.api.run("for (;;);", limits={"wall_ms": 100})
        for scheme in ("light", "dark"):
            self.browser.execute_cdp_cmd("Emulation.setEmulatedMedia", {
                "features": [{"name": "prefers-color-scheme",
                              "value": scheme}]})
            for name, path in (
                    ("home", "/"), ("list", "/workloads"),
                    ("form", "/submit"), ("keys", "/keys"),
                    ("tiers", "/backends"), ("missing", "/nope"),
                    ("detail", f"/workloads/{done['id']}"),
                    ("failure", f"/workloads/{failed['id']}")):
                self.open(path)
                self.screen(f"{name}-{scheme}")
                self.assertTrue(self.all("main"), path)
        # A telephone: nothing is wider than the screen.
        self.browser.execute_cdp_cmd("Emulation.setDeviceMetricsOverride", {
            "width": 320, "height": 700, "deviceScaleFactor": 1,
            "mobile": True})
        try:
            for path in ("/", "/workloads", "/submit",
                         f"/workloads/{done['id']}"):
                self.open(path)
                self.screen("narrow" + path.replace("/", "-")[:12])
                wide = self.browser.execute_script(
                    "return document.documentElement.scrollWidth")
                self.assertLessEqual(wide, 321, path)
        finally:
            self.browser.execute_cdp_cmd(
                "Emulation.clearDeviceMetricsOverride", {})

    def test_j09_cross_site_form(self):
        """A page of another origin cannot submit in the user's name."""
        self.log_in()
        before = self.v.row("SELECT count(*) FROM workloads")[0]
        target = f"http://127.0.0.1:{self.v.port}/submit"
        html = (f"<form id=f method=post action='{target}' "
                "enctype=multipart/form-data><input name=code value=1>"
                "<input name=runtime value=javascript></form>"
                "<script>f.submit()</script>")
        page = pathlib.Path(self.profile) / "evil.html"
        page.write_text(html)
        self.browser.get(page.as_uri())
        await_true("it was sent", 10, lambda: "/submit" in
                   self.browser.current_url or "403" in
                   self.browser.page_source)
        self.assertEqual(
            self.v.row("SELECT count(*) FROM workloads")[0], before)


class TestJ06Browser(BrowserCase):
    """Fifty payloads in code, output, names and input: Chromium runs none."""

    def trapped(self):
        try:
            self.browser.switch_to.alert.dismiss()
            return "an alert"
        except NoAlertPresentException:
            return self.browser.execute_script("return window.__x || null")

    def test_j06_no_payload_runs(self):
        self.log_in()
        texts = [t for t in XSS if "\0" not in t]
        self.assertGreaterEqual(len(texts), 50)
        records = []
        for some in (texts[:18], texts[18:36], texts[36:]):
            nasty = "\n".join(some)
            records.append(self.api.run(None, files=[
                {"name": "index.js", "content":
                 "vulcan.write(vulcan.stdin); console.error(vulcan.stdin);"
                 "throw new Error(vulcan.stdin) /* " +
                 nasty.replace("*/", "") + " */"},
                *({"name": "n" + re.sub(r"[\x00-\x1f\x7f/\\]", "", t)[:200],
                   "content": t} for t in some)],
                stdin=nasty, args=some, env={"A": nasty},
                input={nasty: some}, labels={"l": some[0][:60]}))
        live = self.api.submit(
            "await new Promise(r => setTimeout(r, 1500));"
            "for (const l of vulcan.input) { console.log(l);"
            "await new Promise(r => setTimeout(r, 5)) }"
            "console.log('the end')", input=texts,
            limits={"wall_ms": 20000})
        self.open(f"/workloads/{live['id']}")
        await_true("the payloads came live", 15, lambda: "the end" in
                   self.text("#log"))
        self.assertIsNone(self.trapped())
        self.assertIn("<svg onload=window.__x=1>", self.text("#log"))
        for record in records:
            self.open(f"/workloads/{record['id']}")
            for details in self.all("details:not([open]) > summary"):
                details.click()
            for element in self.all("a[href^='javascript']"):
                self.fail(element.get_attribute("outerHTML"))
            time.sleep(0.2)  # for handlers that would come late
            self.assertIsNone(self.trapped(), record["id"])
        for path in ("/workloads", "/", "/keys",
                     "/nope/%3Cscript%3Ewindow.__x=1%3C/script%3E",
                     "/login?next=javascript:window.__x=1",
                     "/workloads?status=%3Cimg src=x onerror=window.__x=1%3E"):
            self.open(path)
            self.assertIsNone(self.trapped(), path)


class TestWithoutJavaScript(BrowserCase):
    javascript = False

    def test_everything_by_forms(self):
        self.log_in()
        ident = self.submit(
            "console.log('plain ' + vulcan.args[0]);\n"
            "export default (i: {n: number}) => i.n * 2;",
            args="words", input='{"n": 21}')
        self.ends(self.api.wait(ident), "completed")
        self.open(f"/workloads/{ident}")
        text = self.text("main")
        self.assertIn("plain words", text)
        self.assertIn("42", text)
        self.assertIn("completed", text)
        self.screen("result-plain")

    def test_page_renews_itself(self):
        self.log_in()
        self.submit(self.LIVE)
        await_true("the first line", 10, lambda: "first line" in
                   self.text("main"))
        await_true("the end, without a click", 15, lambda: "completed" in
                   self.text("main"))
        self.assertIn("last line", self.text("main"))

    def test_no_script_ran(self):
        self.browser.get("data:text/html,<title>off</title>"
                         "<script>document.title='on'</script>")
        self.assertEqual(self.browser.title, "off")


class TestAccessible(BrowserCase):
    """What a checker of accessibility looks at first: names of controls,
    headings, landmarks, focus, language."""

    SCRIPT = """
const out = [];
const seen = e => e.getClientRects().length > 0;
for (const e of document.querySelectorAll('input,select,textarea')) {
  if (e.type === 'hidden') continue;
  const named = e.labels && e.labels.length || e.getAttribute('aria-label') ||
    e.getAttribute('aria-labelledby') || e.title;
  if (!named) out.push('no label: ' + e.outerHTML.slice(0, 80));
}
for (const e of document.querySelectorAll('button,a[href],summary')) {
  const name = (e.textContent || '').trim() || e.getAttribute('aria-label') ||
    e.title;
  if (!name) out.push('no name: ' + e.outerHTML.slice(0, 80));
}
let last = 0, first = 0;
for (const h of document.querySelectorAll('h1,h2,h3,h4,h5,h6')) {
  const n = Number(h.tagName[1]);
  if (n === 1) first++;
  if (n > last + 1) out.push('heading jumps to ' + h.outerHTML.slice(0, 60));
  last = n;
}
if (first !== 1) out.push(first + ' headings of the first level');
for (const l of ['header', 'nav', 'main', 'footer'])
  if (document.querySelectorAll('body ' + l).length < 1)
    out.push('no landmark ' + l);
if (document.querySelectorAll('main').length !== 1) out.push('not one main');
if (!document.documentElement.lang) out.push('no language');
if (!document.title) out.push('no title');
const ids = [...document.querySelectorAll('[id]')].map(e => e.id);
for (const id of new Set(ids))
  if (ids.filter(i => i === id).length > 1) out.push('id twice: ' + id);
for (const e of document.querySelectorAll(
    '[aria-describedby],[aria-labelledby],[for]'))
  for (const a of ['aria-describedby', 'aria-labelledby', 'for'])
    for (const id of (e.getAttribute(a) || '').split(/\\s+/).filter(x => x))
      if (!document.getElementById(id))
        out.push(a + ' names nothing: ' + id);
for (const e of document.querySelectorAll('img,svg'))
  if (seen(e) && !e.getAttribute('alt') && !e.getAttribute('aria-label') &&
      e.getAttribute('aria-hidden') !== 'true' && !e.closest('[aria-hidden]'))
    out.push('picture without text: ' + e.outerHTML.slice(0, 60));
for (const e of document.querySelectorAll('[tabindex]'))
  if (Number(e.getAttribute('tabindex')) > 0) out.push('tabindex above 0');
for (const e of document.querySelectorAll('th'))
  if (!e.scope) out.push('th without scope');
for (const e of document.querySelectorAll('[style],[onclick]'))
  out.push('style or handler in the page: ' + e.outerHTML.slice(0, 60));
return out;
"""

    def test_pages(self):
        self.log_in()
        record = self.api.run("console.log(1); throw new Error('x')",
                              input=1, args=["a"])
        for path in ("/", "/submit", "/workloads", "/keys", "/backends",
                     "/nope", f"/workloads/{record['id']}"):
            self.open(path)
            with self.subTest(path=path):
                self.assertEqual(
                    self.browser.execute_script(self.SCRIPT), [])
                self.assertEqual([m for m in self.console()
                                  if "404" not in m], [])
        self.browser.delete_all_cookies()
        self.open("/login")
        self.assertEqual(self.browser.execute_script(self.SCRIPT), [])

    def test_log_is_announced(self):
        self.log_in()
        record = self.api.run("console.log(1)")
        self.open(f"/workloads/{record['id']}")
        self.assertEqual(self.find("#log").get_attribute("role"), "log")

    def test_focus_is_seen(self):
        self.log_in()
        self.open("/submit")
        for css in ("[name=code]", "form.submit button.main", "nav a"):
            outline = self.browser.execute_script(
                "const e = document.querySelector(arguments[0]);"
                "e.focus({focusVisible: true});"
                "const s = getComputedStyle(e);"
                "return s.outlineStyle + ' ' + s.outlineWidth", css)
            self.assertNotRegex(outline, r"^none|^\S+ 0px", css)


def luminance(colour):
    parts = [int(colour[i:i + 2], 16) / 255 for i in (1, 3, 5)]
    linear = [c / 12.92 if c <= 0.04045 else ((c + 0.055) / 1.055) ** 2.4
              for c in parts]
    return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]


def contrast(one, two):
    a, b = sorted((luminance(one), luminance(two)), reverse=True)
    return (a + 0.05) / (b + 0.05)


class TestContrast(unittest.TestCase):
    """Colours of the stylesheet, light and dark, by WCAG 2.1, 1.4.3."""

    STATUSES = ("pending", "running", "completed", "failed", "killed")

    def palettes(self):
        text = (TOP / "static/vulcan.css").read_text()
        light = re.search(r"(?s):root \{(.*?)\n\}", text).group(1)
        dark = re.search(r"(?s)prefers-color-scheme: dark\) \{\s*:root \{"
                         r"(.*?)\n\t\}", text).group(1)
        pattern = re.compile(r"--([\w-]+): (#[0-9a-f]{6});")
        first = dict(pattern.findall(light))
        return {"light": first, "dark": {**first,
                                         **dict(pattern.findall(dark))}}

    def test_text_is_readable(self):
        for name, colours in self.palettes().items():
            pairs = [("ink", "paper"), ("ink", "raised"), ("ink", "sunken"),
                     ("soft", "paper"), ("soft", "raised"),
                     ("ember", "paper"), ("ember-ink", "ember")]
            pairs += [(s, s + "-wash") for s in self.STATUSES]
            pairs += itertools.product(self.STATUSES, ("paper", "raised"))
            for front, back in pairs:
                with self.subTest(scheme=name, front=front, back=back):
                    self.assertGreaterEqual(
                        contrast(colours[front], colours[back]), 4.5)

    def test_statuses_differ(self):
        for colours in self.palettes().values():
            shown = [colours[s] for s in self.STATUSES]
            self.assertEqual(len(shown), len(set(shown)))
