"""`firegw history --plot` of what a real daemon stored: limits, an enum's words, what was silent, and the file without the daemon."""
import fcntl
import os
import pty
import re
import struct
import subprocess
import termios
import time

import pytest
from stage import BIN, bus, site_text, wait_for

POINTS = [
    "{point: p, name: 压力, kind: hydrant_pressure, fc: 3, register: 0, type: u16, scale: 0.01, unit: MPa, low: 0.3, high2: 50, heartbeat: 1s}",
    "{point: pump, name: 消防泵, kind: fire_pump, fc: 3, register: 1, type: u16, enum: '0=停|1=运行', heartbeat: 1s}",
]


@pytest.fixture
def live(site):
    site.eq = site.equipment()
    site.eq.set(3, 0, 35)
    site.d = site.daemon(site_text(site.folder, bus(site.eq.ports[0], POINTS)))
    wait_for(lambda: all(p["quality"] == "good" for p in site.d.points().values()), what="values")
    return site


def chart(site, *args, locale="C.UTF-8"):
    done = subprocess.run([BIN / "firegw", "history", *args, "--plot"], capture_output=True, text=True, timeout=60,
                          env={**os.environ, "FIREGW_SOCKET": str(site.folder / "fw.sock"), "LC_ALL": locale})
    assert done.returncode == 0, done.stderr
    return done.stdout


def on_terminal(site, columns, *args):
    pid, fd = pty.fork()
    if pid == 0:
        fcntl.ioctl(1, termios.TIOCSWINSZ, struct.pack("HHHH", 50, columns, 0, 0))
        os.execve(BIN / "firegw", ["firegw", "history", *args, "--plot"], {**os.environ, "FIREGW_SOCKET": str(site.folder / "fw.sock"), "LC_ALL": "C.UTF-8", "TERM": "xterm"})
    out = b""
    try:
        while piece := os.read(fd, 65536):
            out += piece
    except OSError:
        pass
    os.close(fd)
    assert os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]) == 0, out
    return out.decode()


def test_plot(live):
    d = live.d
    begin = time.time()
    points = d.points()
    assert (points["facp.p"]["every"], points["facp.p"]["heartbeat"]) == (200, 1000), "what tells a gap from a value that held"
    for v in (40, 90, 50):
        live.eq.set(3, 0, v)
        live.eq.set(3, 1, v == 90)
        wait_for(lambda: d.points()["facp.p"]["value"] == v / 100, what="the value")
    wait_for(lambda: "max 0.9  last 0.5" in chart(live, "facp.p", "--from", "1m"), what="all stored")
    span = f"{int(time.time() - begin) + 10}s"
    text = chart(live, "facp.*", "--from", span)
    pressure, pump = text.split("\n\n")
    assert pressure.startswith("facp.p  压力  MPa") and re.search(r"min 0\.35  mean 0\.\d+  max 0\.9  last 0\.5  worst quality: \w+\n", pressure), text
    assert "low 0.3\n" in pressure and "↑high2 50" in pressure and re.search("[\u2801-\u28ff]", pressure), text
    assert "运行 ┤" in pump and "停 ┤" in pump and "last 停 (0)" in pump and "mean" not in pump, text
    assert not re.search("[\u2800-\u28ff]|┤", chart(live, "facp.p", "--from", span, locale="C"))
    buckets = chart(live, "facp.p", "--from", "1m", "--every", "1s")
    assert "min 0.35 " in buckets and "max 0.9 " in buckets
    drawn = on_terminal(live, 100, "facp.p", "--from", span)
    assert "\x1b[" in drawn
    axis = next(line for line in drawn.splitlines() if line.lstrip().startswith("└"))
    assert len(axis) <= 100 - len(" ^high2 50") and len(axis) > 85, drawn


def test_silence_and_the_file(live):
    d = live.d
    live.eq.stop()
    wait_for(lambda: d.points()["facp.p"]["quality"] in ("comm", "stale"), what="silence")
    wait_for(lambda: "▒" in chart(live, "facp.p", "--from", "30s"), what="all stored")
    assert d.terminate() == 0
    beside = chart(live, "facp.*", "--from", "1m", "--db", str(live.folder / "firegw.db"))
    first = beside.split("\n\n")[0]
    assert first.startswith("facp.p  min 0.35") and "▒" in first and re.search("worst quality: (comm|stale)", first), beside
    assert "·" in first, "before the daemon's first reading nothing is known"
