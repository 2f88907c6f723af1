"""FastCGI records as bytes, right ones and wrong ones."""
import socket
import struct

BEGIN, ABORT, END, PARAMS, STDIN, STDOUT = 1, 2, 3, 4, 5, 6
STDERR, DATA, GET_VALUES = 7, 8, 9


def record(kind, content=b"", ident=1, version=1, padding=0, length=None):
    return struct.pack(">BBHHBB", version, kind, ident,
                       len(content) if length is None else length,
                       padding, 0) + content + b"\0" * padding


def begin(ident=1, role=1, flags=0):
    return record(BEGIN, struct.pack(">HB5x", role, flags), ident)


def length(n, long=False):
    if n < 128 and not long:
        return bytes([n])
    return struct.pack(">I", n | 0x80000000)


def pair(name, value):
    return length(len(name)) + length(len(value)) + name + value


def pairs(params):
    return b"".join(pair(k.encode(), v.encode() if isinstance(v, str) else v)
                    for k, v in params.items())


def params_of(method, path, query="", body=b"", **more):
    out = {
        "REQUEST_METHOD": method, "REQUEST_URI":
        path + ("?" + query if query else ""), "QUERY_STRING": query,
        "SCRIPT_NAME": "", "PATH_INFO": path, "SERVER_PROTOCOL": "HTTP/1.1",
        "GATEWAY_INTERFACE": "CGI/1.1", "REMOTE_ADDR": "127.0.0.1",
        "CONTENT_LENGTH": str(len(body)) if body else "",
    }
    out.update(more)
    return out


def request(params, body=b"", ident=1):
    out = begin(ident)
    head = pairs(params)
    for at in range(0, len(head), 32768):
        out += record(PARAMS, head[at:at + 32768], ident)
    out += record(PARAMS, b"", ident)
    for at in range(0, len(body), 32768):
        out += record(STDIN, body[at:at + 32768], ident)
    return out + record(STDIN, b"", ident)


def exchange(path, data, timeout=5, pieces=None):
    """Sends bytes to the socket; what came back, b"" when it was dropped."""
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as s:
        s.settimeout(timeout)
        s.connect(str(path))
        got = b""
        try:
            for piece in pieces or [data]:
                s.sendall(piece)
            s.shutdown(socket.SHUT_WR)
            while True:
                more = s.recv(65536)
                if not more:
                    break
                got += more
        except (BrokenPipeError, ConnectionResetError):
            pass
        return got


def output(data):
    """The STDOUT stream of an answer."""
    out = b""
    while len(data) >= 8:
        _, kind, _, size, padding, _ = struct.unpack(">BBHHBB", data[:8])
        if kind == STDOUT:
            out += data[8:8 + size]
        data = data[8 + size + padding:]
    return out
