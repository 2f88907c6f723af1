"""Clients: API by HTTP, raw bytes, server-sent events, browser-like forms."""
import html.parser
import http.client
import http.cookies
import json
import socket
import threading
import time
import urllib.parse

TERMINAL = ("completed", "failed", "killed")


class Answer:
    """One HTTP answer, read to its end."""

    def __init__(self, status, headers, body):
        self.status = status
        self.headers = headers
        self.body = body

    def header(self, name):
        return self.headers.get(name)

    @property
    def text(self):
        return self.body.decode("utf-8")

    def json(self):
        return json.loads(self.body)

    def __repr__(self):
        return f"<{self.status} {self.body[:400]!r}>"


class Http:
    """Requests over TCP; one kept connection for each thread."""

    def __init__(self, port, timeout=60):
        self.port = port
        self.timeout = timeout
        self.local = threading.local()

    def _connection(self):
        if getattr(self.local, "connection", None) is None:
            self.local.connection = http.client.HTTPConnection(
                "127.0.0.1", self.port, timeout=self.timeout)
        return self.local.connection

    def close(self):
        connection = getattr(self.local, "connection", None)
        if connection is not None:
            connection.close()
            self.local.connection = None

    def request(self, method, path, body=None, headers=None):
        for again in (True, False):
            connection = self._connection()
            fresh = connection.sock is None
            try:
                connection.request(method, path, body, headers or {})
                answer = connection.getresponse()
                content = answer.read()
                if answer.will_close:
                    self.close()
                return Answer(answer.status, answer.headers, content)
            except (http.client.RemoteDisconnected, ConnectionError):
                self.close()
                # Only a kept connection may have died of old age.
                if fresh or not again or method not in ("GET", "HEAD"):
                    raise
        raise AssertionError("not reached")


class Api:
    """API v1 as one user."""

    def __init__(self, port, key=None, timeout=60):
        self.port = port
        self.key = key
        self.http = Http(port, timeout)
        self.submitted = None  # a set that collects ids, when wanted

    def close(self):
        self.http.close()

    def call(self, method, path, body=None, headers=None, raw=None):
        sent = dict(headers or {})
        if self.key is not None:
            sent.setdefault("Authorization", "Bearer " + self.key)
        if body is not None:
            raw = json.dumps(body).encode()
            sent.setdefault("Content-Type", "application/json")
        if raw is not None and not sent.get("Content-Type"):
            sent["Content-Type"] = "application/json"
        answer = self.http.request(method, path, raw, sent)
        self._note(method, path, answer)
        return answer

    def _note(self, method, path, answer):
        if self.submitted is None or method != "POST":
            return
        if answer.status not in (200, 201, 202):
            return
        try:
            ident = answer.json().get("id")
        except (ValueError, AttributeError):
            return
        if isinstance(ident, str) and path.startswith("/v1/workloads"):
            self.submitted.add(ident)

    def get(self, path, **kw):
        return self.call("GET", path, **kw)

    def submit(self, code, headers=None, **fields):
        """Asynchronous submission; the record."""
        fields.setdefault("runtime", "javascript")
        body = {"code": code, **fields} if code is not None else fields
        answer = self.call("POST", "/v1/workloads/async", body, headers)
        if answer.status != 202:
            raise AssertionError(f"submission answered {answer!r}")
        return answer.json()

    def run(self, code, headers=None, patience=60, **fields):
        """Submits and waits for the settled record."""
        fields.setdefault("runtime", "javascript")
        body = {"code": code, **fields} if code is not None else fields
        answer = self.call("POST", "/v1/workloads", body, headers)
        if answer.status == 202:  # too many wait already
            return self.wait(answer.json()["id"], patience)
        if answer.status != 200:
            raise AssertionError(f"submission answered {answer!r}")
        record = answer.json()
        if record["status"] not in TERMINAL:
            return self.wait(record["id"], patience)
        return record

    def record(self, ident):
        answer = self.get(f"/v1/workloads/{ident}")
        if answer.status != 200:
            raise AssertionError(f"{ident} answered {answer!r}")
        return answer.json()

    def wait(self, ident, patience=60):
        """The settled record, by long polls."""
        end = time.monotonic() + patience
        while True:
            left = max(1, min(20, int(end - time.monotonic())))
            answer = self.get(f"/v1/workloads/{ident}?wait={left}")
            if answer.status != 200:
                raise AssertionError(f"{ident} answered {answer!r}")
            record = answer.json()
            if record["status"] in TERMINAL:
                return record
            if time.monotonic() > end:
                raise AssertionError(
                    f"{ident} is {record['status']} after {patience} s")
            if left > 1:
                continue
            time.sleep(0.02)

    def cancel(self, ident):
        return self.call("DELETE", f"/v1/workloads/{ident}")

    def events(self, ident, last_id=None, timeout=30):
        return EventStream(self.port, f"/v1/workloads/{ident}/logs",
                           self.key, last_id, timeout)


class Event:
    """One server-sent event with the time of its arrival."""

    def __init__(self, kind, data, ident):
        self.kind = kind
        self.data = data
        self.ident = ident
        self.at = time.monotonic()

    def json(self):
        return json.loads(self.data)

    def __repr__(self):
        return f"<{self.kind} {self.ident} {self.data[:120]!r}>"


def parse_events(text):
    """Whole events of a text, and what is left of it."""
    text = text.replace("\r\n", "\n")
    *blocks, rest = text.split("\n\n")
    events = []
    for block in blocks:
        kind, data, ident = "message", [], None
        for line in block.split("\n"):
            if line.startswith(":") or not line:
                continue
            name, _, value = line.partition(":")
            value = value[1:] if value.startswith(" ") else value
            if name == "event":
                kind = value
            elif name == "data":
                data.append(value)
            elif name == "id":
                ident = value
        if data or kind != "message":
            events.append(Event(kind, "\n".join(data), ident))
    return events, rest


class EventStream:
    """Follows one log by SSE."""

    def __init__(self, port, path, key, last_id=None, timeout=30):
        self.connection = http.client.HTTPConnection(
            "127.0.0.1", port, timeout=timeout)
        headers = {"Accept": "text/event-stream"}
        if key is not None:
            headers["Authorization"] = "Bearer " + key
        if last_id is not None:
            headers["Last-Event-ID"] = str(last_id)
        self.connection.request("GET", path, headers=headers)
        self.answer = self.connection.getresponse()
        self.status = self.answer.status
        self.rest = b""
        self.pending = []

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()

    def close(self):
        self.answer.close()
        self.connection.close()

    def __iter__(self):
        while True:
            while self.pending:
                yield self.pending.pop(0)
            data = self.answer.read1(65536)
            if not data:
                return
            text = (self.rest + data)
            cut = text.rfind(b"\n\n")
            crlf = text.rfind(b"\r\n\r\n")
            end = max(cut + 2 if cut >= 0 else 0, crlf + 4 if crlf >= 0 else 0)
            self.rest = text[end:]
            events, _ = parse_events(text[:end].decode("utf-8"))
            self.pending.extend(events)

    def until_done(self):
        """All events up to and with `done`."""
        got = []
        for event in self:
            got.append(event)
            if event.kind == "done":
                return got
        raise AssertionError(f"log ended without done: {got[-3:]}")


def raw_exchange(port, data, timeout=10):
    """Sends bytes as they are; everything that came back. The request should
    ask for `Connection: close`: the sending side stays open, for nginx takes
    its end for a client that has gone."""
    with socket.create_connection(("127.0.0.1", port), timeout) as s:
        try:
            s.sendall(data)
        except (BrokenPipeError, ConnectionResetError):
            pass  # refused before all was sent: the answer is what counts
        got = b""
        try:
            while True:
                more = s.recv(65536)
                if not more:
                    return got
                got += more
        except (ConnectionResetError, socket.timeout):
            return got


class Control:
    """An input, select, textarea or button of a form."""

    def __init__(self, tag, attributes):
        self.tag = tag
        self.attributes = attributes
        self.name = attributes.get("name")
        self.value = attributes.get("value", "")
        self.type = attributes.get("type", "text" if tag == "input" else tag)
        self.checked = "checked" in attributes
        self.disabled = "disabled" in attributes
        self.options = []  # of a select: (value, selected, disabled)


class Form:
    def __init__(self, attributes):
        self.action = attributes.get("action", "")
        self.method = attributes.get("method", "get").upper()
        self.enctype = attributes.get(
            "enctype", "application/x-www-form-urlencoded")
        self.attributes = attributes
        self.controls = []

    def control(self, name):
        for c in self.controls:
            if c.name == name:
                return c
        raise KeyError(name)

    def values(self):
        """What a browser would send if nobody touched the form."""
        out = {}
        for c in self.controls:
            if c.name is None or c.disabled:
                continue
            if c.type in ("checkbox", "radio"):
                if c.checked:
                    out[c.name] = c.value or "on"
            elif c.tag == "select":
                chosen = [o[0] for o in c.options if o[1]]
                usable = [o[0] for o in c.options if not o[2]]
                out[c.name] = (chosen or usable or [""])[0]
            elif c.type not in ("submit", "button", "file", "reset"):
                out[c.name] = c.value
        return out


class Page(html.parser.HTMLParser):
    """Forms, links, ids, text and structure of an HTML page."""

    VOID = {"area", "base", "br", "col", "embed", "hr", "img", "input",
            "link", "meta", "source", "track", "wbr"}

    def __init__(self, text):
        super().__init__(convert_charrefs=True)
        self.forms = []
        self.links = []
        self.elements = []  # (tag, attributes)
        self.texts = []
        self.stack = []
        self.option = None
        self.area = None
        self.source = text
        self.feed(text)
        self.close()

    def handle_starttag(self, tag, attrs):
        a = {k: v if v is not None else "" for k, v in attrs}
        self.elements.append((tag, a))
        if tag not in self.VOID:
            self.stack.append(tag)
        if tag == "a" and "href" in a:
            self.links.append(a["href"])
        if tag == "form":
            self.forms.append(Form(a))
        if not self.forms:
            return
        form = self.forms[-1]
        if tag in ("input", "select", "textarea", "button"):
            form.controls.append(Control(tag, a))
        if tag == "textarea":
            self.area = form.controls[-1]
            self.area.value = ""
        if tag == "option" and form.controls:
            self.option = [a.get("value"), "selected" in a, "disabled" in a]
            form.controls[-1].options.append(self.option)

    def handle_endtag(self, tag):
        if tag in self.stack:
            while self.stack.pop() != tag:
                pass
        if tag == "textarea" and self.area is not None:
            # A line end right after the tag is not part of the value.
            if self.area.value.startswith("\n"):
                self.area.value = self.area.value[1:]
            self.area = None

    def handle_data(self, data):
        if self.area is not None:
            self.area.value += data
        elif self.option is not None and "option" in self.stack[-1:]:
            if self.option[0] is None:
                self.option[0] = data.strip()
        self.texts.append((tuple(self.stack), data))

    @property
    def text(self):
        return "".join(t for s, t in self.texts
                       if "script" not in s and "style" not in s)

    def form_to(self, action):
        for form in self.forms:
            if urllib.parse.urlsplit(form.action).path == action:
                return form
        raise KeyError(f"no form to {action}; there are "
                       f"{[f.action for f in self.forms]}")


class Surfer:
    """A browser without JavaScript: cookies, forms, redirects."""

    def __init__(self, port):
        self.port = port
        self.origin = f"http://127.0.0.1:{port}"
        self.http = Http(port)
        self.cookies = {}

    def close(self):
        self.http.close()

    def send(self, method, path, body=None, headers=None):
        sent = {"Accept": "text/html", "Sec-Fetch-Site": "same-origin"}
        if self.cookies:
            sent["Cookie"] = "; ".join(
                f"{k}={v}" for k, v in self.cookies.items())
        if method != "GET":
            sent["Origin"] = self.origin
        sent.update(headers or {})
        sent = {k: v for k, v in sent.items() if v is not None}
        answer = self.http.request(method, path, body, sent)
        for line in answer.headers.get_all("Set-Cookie") or []:
            for name, morsel in http.cookies.SimpleCookie(line).items():
                if morsel.value and morsel["max-age"] != "0":
                    self.cookies[name] = morsel.value
                else:
                    self.cookies.pop(name, None)
        return answer

    def get(self, path, follow=True, **kw):
        answer = self.send("GET", path, **kw)
        return self._follow(answer) if follow else answer

    def _follow(self, answer):
        for _ in range(5):
            if answer.status not in (301, 302, 303, 307):
                return answer
            where = urllib.parse.urlsplit(answer.header("Location"))
            path = where.path + ("?" + where.query if where.query else "")
            answer = self.send("GET", path)
        raise AssertionError("redirects without end")

    def page(self, path):
        answer = self.get(path)
        if answer.status != 200:
            raise AssertionError(f"{path} answered {answer!r}")
        return Page(answer.text)

    def post(self, form, changes=None, follow=True, headers=None):
        """Sends a form with some values changed (None leaves one out)."""
        values = form.values()
        values.update(changes or {})
        values = {k: v for k, v in values.items() if v is not None}
        if form.enctype == "multipart/form-data":
            kind, body = multipart(values)
        else:
            kind = form.enctype
            body = urllib.parse.urlencode(values).encode()
        sent = {"Content-Type": kind, **(headers or {})}
        answer = self.send("POST", form.action, body, sent)
        return self._follow(answer) if follow else answer


def multipart(values, boundary="vulcan-test-boundary"):
    """Type and bytes of a multipart body.

    A value is text, bytes, or (file name, bytes) for a file.
    """
    out = []
    for name, value in values.items():
        head = f'Content-Disposition: form-data; name="{name}"'
        if isinstance(value, tuple):
            head += f'; filename="{value[0]}"'
            head += "\r\nContent-Type: application/octet-stream"
            value = value[1]
        if isinstance(value, str):
            value = value.encode()
        out.append(f"--{boundary}\r\n{head}\r\n\r\n".encode() + value +
                   b"\r\n")
    out.append(f"--{boundary}--\r\n".encode())
    return f"multipart/form-data; boundary={boundary}", b"".join(out)
