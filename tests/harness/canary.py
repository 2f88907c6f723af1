"""Decoys: files that nobody may touch, addresses that nobody may reach."""
import contextlib
import ctypes
import hashlib
import os
import pathlib
import secrets
import selectors
import shutil
import socket
import struct
import tempfile
import threading

from harness.space import METADATA_ADDRESS, libc

IN_ACCESS, IN_MODIFY, IN_ATTRIB, IN_OPEN = 0x1, 0x2, 0x4, 0x20
IN_CREATE, IN_DELETE, IN_MOVED = 0x100, 0x200, 0xC0
IN_DELETE_SELF, IN_NONBLOCK = 0x400, 0o4000
WATCHED = (IN_ACCESS | IN_MODIFY | IN_ATTRIB | IN_OPEN | IN_CREATE |
           IN_DELETE | IN_MOVED | IN_DELETE_SELF)

ADDRESSES = (
    (socket.AF_INET, "127.0.0.1"),
    (socket.AF_INET, METADATA_ADDRESS),
    (socket.AF_INET6, "::1"),
    (socket.AF_INET6, "::ffff:127.0.0.2"),
)


class Canaries:
    """Set out before the attack; `touched` names what was reached."""

    def __init__(self, state):
        self.secret = "canary-" + secrets.token_hex(16)
        self.folder = pathlib.Path(tempfile.mkdtemp(prefix="vulcan-test-c-"))
        self.files = [self.folder / "host-file",
                      self.folder / "root-only",
                      pathlib.Path(state) / "blobs-canary"]
        for path in self.files:
            path.write_text(self.secret + "\n")
        self.files[1].chmod(0o600)
        self.hash = self._hash()
        self.touched = []
        self._watch()
        self._listen()

    def _hash(self):
        h = hashlib.sha256()
        for path in self.files:
            st = path.lstat()
            h.update(f"{path} {st.st_mode} {st.st_uid} {st.st_mtime_ns} "
                     f"{st.st_size} {st.st_nlink}".encode())
        return h.hexdigest()

    def _watch(self):
        self.inotify = libc.inotify_init1(IN_NONBLOCK)
        if self.inotify < 0:
            raise OSError(ctypes.get_errno(), "inotify_init1")
        self.watches = {}
        for path in self.files:
            w = libc.inotify_add_watch(
                self.inotify, str(path).encode(), WATCHED)
            if w < 0:
                raise OSError(ctypes.get_errno(), f"watch {path}")
            self.watches[w] = path

    def _listen(self):
        self.selector = selectors.DefaultSelector()
        self.ports = {}
        for family, address in ADDRESSES:
            for kind in (socket.SOCK_STREAM, socket.SOCK_DGRAM):
                s = socket.socket(family, kind)
                if family == socket.AF_INET6:
                    s.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 0)
                s.bind((address, 0))
                self._keep(s, kind, f"{address} {kind.name}")
                self.ports[address, kind] = s.getsockname()[1]
        s = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        self.unix = str(self.folder / "unix")
        s.bind(self.unix)
        os.chmod(self.unix, 0o777)
        self._keep(s, socket.SOCK_STREAM, self.unix)
        s = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        self.abstract = "vulcan-canary-" + secrets.token_hex(8)
        s.bind("\0" + self.abstract)
        self._keep(s, socket.SOCK_STREAM, "@" + self.abstract)
        self.wake_r, self.wake_w = os.pipe()
        self.selector.register(self.wake_r, selectors.EVENT_READ, None)
        self.thread = threading.Thread(target=self._serve, daemon=True)
        self.thread.start()

    def _keep(self, s, kind, name):
        if kind == socket.SOCK_STREAM:
            s.listen(16)
        s.setblocking(False)
        self.selector.register(s, selectors.EVENT_READ, (kind, name))

    def _serve(self):
        while True:
            for key, _ in self.selector.select():
                if key.data is None:
                    return
                kind, name = key.data
                with contextlib.suppress(OSError):
                    if kind == socket.SOCK_STREAM:
                        key.fileobj.accept()[0].close()
                    else:
                        key.fileobj.recv(1)
                    self.touched.append(f"somebody reached {name}")

    def _file_events(self):
        with contextlib.suppress(BlockingIOError):
            data = os.read(self.inotify, 65536)
            while data:
                watch, mask, _, size = struct.unpack("iIII", data[:16])
                data = data[16 + size:]
                self.touched.append(
                    f"somebody touched {self.watches[watch]} ({mask:#x})")

    def complaints(self):
        self._file_events()
        out = list(self.touched)
        if self._hash() != self.hash:
            out.append("a decoy file changed")
        return out

    def remove(self):
        os.write(self.wake_w, b"x")
        self.thread.join(5)
        for key in list(self.selector.get_map().values()):
            if key.data is not None:
                key.fileobj.close()
        self.selector.close()
        for fd in (self.wake_r, self.wake_w, self.inotify):
            os.close(fd)
        for path in self.files:
            path.unlink(missing_ok=True)
        shutil.rmtree(self.folder, ignore_errors=True)
