"""What a figure depends on beside us: the machine, how busy it is, and its disk."""
import os
import pathlib
import platform
import sqlite3
import subprocess
import time

from rig import median, quantile


def cpu_seconds():
    user, nice, system, idle, iowait, *_ = map(int, pathlib.Path("/proc/stat").read_text().split("\n")[0].split()[1:])
    return user + nice + system, idle + iowait


def busy_share(seconds=1.0):
    """Of all cores, 0 … 1, while we do nothing."""
    busy, idle = cpu_seconds()
    time.sleep(seconds)
    busy, idle = (b - a for a, b in zip((busy, idle), cpu_seconds()))
    return busy / max(1, busy + idle)


def model():
    for line in pathlib.Path("/proc/cpuinfo").read_text().splitlines():
        if line.startswith(("model name", "Model", "Hardware")):
            return line.split(":", 1)[1].strip()
    return platform.machine()


def describe(folder):
    busy = busy_share()
    kind = subprocess.run(["stat", "-f", "-c", "%T", str(folder)], capture_output=True, text=True).stdout.strip()
    return {"date": time.strftime("%Y-%m-%dT%H:%M:%S%z"), "cpu": model(), "cores": os.cpu_count(), "kernel": platform.release(), "load": os.getloadavg()[0],
            "busy": busy, "filesystem": kind}


def spread(values_ns):
    return {"p50_ms": median(values_ns) / 1e6, "p99_ms": quantile(values_ns, 0.99) / 1e6, "n": len(values_ns)}


def timed(n, work):
    took = []
    for i in range(n):
        began = time.perf_counter_ns()
        work(i)
        took.append(time.perf_counter_ns() - began)
    return spread(took)


def sync_times(folder, n=200):
    """Append 4 KiB, fdatasync."""
    path = folder / "sync.bin"
    fd = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC)
    try:
        def one(_):
            os.write(fd, b"x" * 4096)
            os.fdatasync(fd)
        return timed(n, one)
    finally:
        os.close(fd)
        path.unlink()


def commit_times(folder, n=200):
    """SQLite, WAL, synchronous FULL: a commit of one row."""
    path = folder / "commit.db"
    c = sqlite3.connect(path, isolation_level=None)
    try:
        c.execute("PRAGMA journal_mode = WAL")
        c.execute("PRAGMA synchronous = FULL")
        c.execute("CREATE TABLE t (id INTEGER PRIMARY KEY, what TEXT)")
        return timed(n, lambda i: c.execute("INSERT INTO t (what) VALUES (?)", (f"row {i}",)))
    finally:
        c.close()
        for p in folder.glob("commit.db*"):
            p.unlink()
