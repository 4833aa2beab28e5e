"""Each header of the rooms compiles alone, and twice."""
import concurrent.futures
import os
import shlex
import subprocess
import sys

from sources import finish, sources

root = sys.argv[1]
compiler = os.environ.get("CC", "cc")


def packages():
    """Include paths of the libraries, as far as they are there."""
    flags = []
    for name in ("libuv", "libmodbus", "sqlite3", "yaml-0.1", "jansson", "libsystemd", "cmocka"):
        got = subprocess.run(["pkg-config", "--cflags", name], capture_output=True, text=True, check=False)
        if got.returncode == 0:
            flags += shlex.split(got.stdout)
    return flags


base = [compiler, "-std=gnu11", "-D_GNU_SOURCE", f"-I{root}", *packages(), "-Wall", "-Wextra", "-Werror", "-fsyntax-only", "-x", "c", "-"]


def check(header):
    text = f'#include "{header}"\n#include "{header}"\nint the_header_is_not_all;\n'
    got = subprocess.run(base, input=text, capture_output=True, text=True, check=False)
    return None if got.returncode == 0 else f"{header} does not compile alone and twice:\n{got.stderr.strip()}"


headers = sources(root, (".h",))
with concurrent.futures.ThreadPoolExecutor(max_workers=2) as pool:
    findings = [f for f in pool.map(check, headers) if f]
finish(findings, len(headers), "headers")
