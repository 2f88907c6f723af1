"""Looks at a jailed process from outside: /proc, and its seccomp filter."""
import contextlib
import ctypes
import os
import pathlib
import struct

from harness.space import libc

PTRACE_DETACH = 17
PTRACE_SEIZE = 0x4206
PTRACE_INTERRUPT = 0x4207
PTRACE_SECCOMP_GET_FILTER = 0x420C
WALL = 0x40000000

ARCH_X86_64 = 0xC000003E
ARCH_I386 = 0x40000003
X32_BIT = 0x40000000

ALLOW = 0x7FFF0000
ACTION_MASK = 0xFFFF0000
ACTIONS = {0x80000000: "kill", 0x00000000: "kill", 0x00030000: "trap",
           0x00050000: "errno", 0x7FC00000: "notify", 0x7FF00000: "trace",
           0x7FFC0000: "log", ALLOW: "allow"}

libc.ptrace.argtypes = [ctypes.c_long, ctypes.c_long, ctypes.c_void_p,
                        ctypes.c_void_p]
libc.ptrace.restype = ctypes.c_long


def _ptrace(request, pid, addr=0, data=None):
    result = libc.ptrace(request, pid, addr, data)
    if result < 0:
        code = ctypes.get_errno()
        raise OSError(code, f"ptrace {request:#x}: {os.strerror(code)}")
    return result


def seccomp_filters(pid):
    """Every filter of a process as a list of (code, jt, jf, k)."""
    _ptrace(PTRACE_SEIZE, pid)
    _ptrace(PTRACE_INTERRUPT, pid)
    os.waitpid(pid, WALL)
    filters = []
    try:
        for index in range(16):
            room = ctypes.create_string_buffer(8 * 4096)
            try:
                n = _ptrace(PTRACE_SECCOMP_GET_FILTER, pid, index,
                            ctypes.cast(room, ctypes.c_void_p))
            except FileNotFoundError:
                break
            filters.append([struct.unpack_from("HBBI", room, 8 * i)
                            for i in range(n)])
    finally:
        with contextlib.suppress(OSError):
            _ptrace(PTRACE_DETACH, pid)
    return filters


def _alu(op, a, b):
    table = {
        0x00: lambda: a + b, 0x10: lambda: a - b, 0x20: lambda: a * b,
        0x30: lambda: a // b if b else 0, 0x40: lambda: a | b,
        0x50: lambda: a & b, 0x60: lambda: a << (b & 31),
        0x70: lambda: a >> (b & 31), 0x80: lambda: -a,
        0xA0: lambda: a ^ b,
    }
    return table[op]() & 0xFFFFFFFF


def run_filter(program, data):
    """Classic BPF over a struct seccomp_data; the value it returns."""
    a = x = 0
    memory = [0] * 16
    at = 0
    while True:
        code, jt, jf, k = program[at]
        at += 1
        kind = code & 7
        operand = x if code & 8 else k
        if kind == 0:  # load
            mode = code & 0xE0
            a = {0x20: lambda: struct.unpack_from("I", data, k)[0],
                 0x00: lambda: k, 0x60: lambda: memory[k],
                 0x80: lambda: len(data)}[mode]()
        elif kind == 1:
            x = k if code & 0xE0 == 0 else memory[k]
        elif kind == 2:
            memory[k] = a
        elif kind == 3:
            memory[k] = x
        elif kind == 4:
            a = _alu(code & 0xF0, a, operand)
        elif kind == 5:
            op = code & 0xF0
            if op == 0:
                at += k
                continue
            true = {0x10: a == operand, 0x20: a > operand,
                    0x30: a >= operand, 0x40: a & operand != 0}[op]
            at += jt if true else jf
        elif kind == 6:
            return a if code & 0x18 == 0x10 else k
        else:  # tax, txa
            if code & 0xF8 == 0x80:
                a = x
            else:
                x = a


def verdict(filters, number, arch=ARCH_X86_64, args=(0,) * 6):
    """What the kernel would do: the strictest answer of all filters."""
    data = struct.pack("iIQ6Q", number if number < 2**31 else number - 2**32,
                       arch, 0x7F0000000000, *args)
    words = [ACTIONS[run_filter(p, data) & ACTION_MASK] for p in filters]
    for word in ("kill", "trap", "errno", "notify", "trace", "log"):
        if word in words:
            return word
    return "allow"


def facts(pid):
    """Keys of /proc/PID/status."""
    out = {}
    for line in pathlib.Path(f"/proc/{pid}/status").read_text().splitlines():
        key, _, value = line.partition(":")
        out[key] = value.strip()
    return out


def syscall_numbers():
    """Names and numbers of this machine's system calls, from the headers."""
    for folder in ("/usr/include/x86_64-linux-gnu/asm", "/usr/include/asm"):
        path = pathlib.Path(folder) / "unistd_64.h"
        if path.exists():
            return {words[1].removeprefix("__NR_"): int(words[2])
                    for words in map(str.split, path.open())
                    if len(words) == 3 and words[1].startswith("__NR_")}
    raise AssertionError("no system call numbers: is libc6-dev there?")
