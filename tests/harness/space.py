"""Private namespaces for a whole test run.

Everything the tests start lives in a pid, mount, network and IPC namespace of
its own: /proc then shows nothing that is not ours, so a leak is seen exactly;
nothing can outlive the run; and no packet can leave the machine, for the
network has a loopback only (with 169.254.169.254 on it, as a decoy).
"""
import ctypes
import fcntl
import os
import pathlib
import signal
import socket
import shutil
import stat
import struct
import sys
import tempfile

CLONE_NEWNS = 0x00020000
CLONE_NEWIPC = 0x08000000
CLONE_NEWPID = 0x20000000
CLONE_NEWNET = 0x40000000
MS_NOSUID, MS_NODEV, MS_NOEXEC = 2, 4, 8
MS_BIND, MS_REC, MS_PRIVATE = 0x1000, 0x4000, 0x40000
PR_SET_PDEATHSIG = 1
SIOCSIFADDR, SIOCSIFNETMASK, SIOCSIFFLAGS = 0x8916, 0x891C, 0x8914
IFF_UP, IFF_RUNNING, IFF_LOOPBACK = 0x1, 0x40, 0x8

TOP = pathlib.Path(__file__).resolve().parents[2]

METADATA_ADDRESS = "169.254.169.254"

libc = ctypes.CDLL(None, use_errno=True)


def _check(result, what):
    if result != 0:
        code = ctypes.get_errno()
        raise OSError(code, f"{what}: {os.strerror(code)}")


def _loopback_up():
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as s:
        def address(name, ip):
            return struct.pack("16sHH4s8x", name, socket.AF_INET, 0,
                               socket.inet_aton(ip))

        flags = IFF_UP | IFF_RUNNING | IFF_LOOPBACK
        fcntl.ioctl(s, SIOCSIFFLAGS, struct.pack("16sh14x", b"lo", flags))
        fcntl.ioctl(s, SIOCSIFADDR, address(b"lo:1", METADATA_ADDRESS))
        fcntl.ioctl(s, SIOCSIFNETMASK, address(b"lo:1", "255.255.255.255"))


def _own_tmp():
    """A /tmp of our own on a real disk: a folder bound over the old one."""
    folder = tempfile.mkdtemp(prefix="vulcan-tests-", dir="/var/tmp")
    os.chmod(folder, 0o1777)
    _check(libc.mount(folder.encode(), b"/tmp", None, MS_BIND, None),
           "mount --bind over /tmp")
    return folder


def _hidden_behind():
    """The folder that keeps others, or us with our own /tmp, from the tree."""
    for parent in reversed(TOP.parents):
        if str(parent) == "/tmp":
            return parent
        if not parent.stat().st_mode & stat.S_IXOTH:
            return parent
    return None


def _keep_tree():
    """Holds the tree aside while a folder above it is covered."""
    _check(libc.mount(b"none", b"/mnt", b"tmpfs", 0, b"mode=755"),
           "mount a tmpfs on /mnt")
    os.mkdir("/mnt/tree")
    _check(libc.mount(str(TOP).encode(), b"/mnt/tree", None,
                      MS_BIND | MS_REC, None), "mount --bind the tree aside")


def _put_tree_back():
    TOP.mkdir(mode=0o755, parents=True, exist_ok=True)
    _check(libc.mount(b"/mnt/tree", str(TOP).encode(), None,
                      MS_BIND | MS_REC, None), "mount --bind the tree back")


def _place():
    """A /tmp of our own, and the tree at its path where anyone may enter.

    The processes under test run as users of their own. They could not reach
    a tree below a folder such as /root, nor one below the /tmp that we cover.
    """
    behind = _hidden_behind()
    if behind is not None:
        _keep_tree()
    folder = _own_tmp()
    if behind is not None:
        if str(behind) != "/tmp":
            _check(libc.mount(b"none", str(behind).encode(), b"tmpfs", 0,
                              b"mode=755"), f"mount a tmpfs on {behind}")
        _put_tree_back()
        os.chdir(TOP)
    return folder


def _reap_until(main, folder):
    """Process 1: collects orphans until the tests themselves have ended."""
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda n, _: os.kill(main, n))
    while True:
        pid, status = os.wait()
        if pid == main:
            shutil.rmtree(folder, ignore_errors=True)
            os._exit(os.waitstatus_to_exitcode(status) & 0xFF)


def enter():
    """Goes on in the new namespaces; the caller's process only waits."""
    if os.geteuid() != 0:
        sys.exit("tests: run as root; Vulcan's runner makes namespaces")
    sys.stdout.flush()
    _check(libc.unshare(CLONE_NEWPID | CLONE_NEWNS | CLONE_NEWNET |
                        CLONE_NEWIPC), "unshare")
    child = os.fork()
    if child != 0:
        for number in (signal.SIGTERM, signal.SIGINT):
            signal.signal(number, lambda n, _: os.kill(child, n))
        _, status = os.waitpid(child, 0)
        os._exit(os.waitstatus_to_exitcode(status) & 0xFF)
    libc.prctl(PR_SET_PDEATHSIG, signal.SIGKILL)
    _check(libc.mount(b"none", b"/", None, MS_REC | MS_PRIVATE, None),
           "mount --make-rprivate /")
    _check(libc.mount(b"proc", b"/proc", b"proc",
                      MS_NOSUID | MS_NODEV | MS_NOEXEC, None), "mount /proc")
    _loopback_up()
    folder = _place()
    main = os.fork()
    if main != 0:
        _reap_until(main, folder)
