"""scripts/demo as somebody runs it who wants to see what this is: it tells its story to the end, two run side by side, and nothing is left of it, also after Ctrl-C."""
import os
import pathlib
import re
import shutil
import signal
import socket
import subprocess
import tempfile

import pytest
from stage import BIN, ROOT, wait_for


class Demo:
    """One run without a terminal, in a session of its own; all that it writes outside stdout lies below `folder`."""

    def __init__(self, *args):
        self.folder = pathlib.Path(tempfile.mkdtemp(prefix="demo-", dir="/tmp"))  # short: sockets lie in it
        self.out = open(self.folder / "out", "w+")
        self.child = subprocess.Popen([ROOT / "scripts" / "demo", "--bin", BIN, *args], stdin=subprocess.DEVNULL, stdout=self.out, stderr=subprocess.STDOUT, start_new_session=True,
                                      env={**os.environ, "TMPDIR": str(self.folder)}, preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL))

    def text(self):
        return (self.folder / "out").read_text()

    def says(self, word, seconds=60):
        wait_for(lambda: word in self.text() or self.child.poll() is not None, seconds, f"the demo says {word!r}")
        assert word in self.text(), self.text()

    def interrupt(self):
        """As a terminal does: the whole foreground."""
        os.killpg(self.child.pid, signal.SIGINT)

    def processes(self):
        found = []
        for stat in pathlib.Path("/proc").glob("[0-9]*/stat"):
            try:
                fields = stat.read_text().rpartition(")")[2].split()
            except OSError:
                continue
            if int(fields[3]) == self.child.pid and fields[0] != "Z":
                found.append(stat.parent.name)
        return found

    def ports(self):
        broker, first, last = re.search(r"the broker \(127\.0\.0\.1:(\d+)\), the tower \(127\.0\.0\.1:(\d+)-(\d+)\)", self.text()).groups()
        return [int(broker), *range(int(first), int(last) + 1)]

    def leaves_nothing(self):
        wait_for(lambda: self.processes() == [], what="all processes are gone")
        assert [p.name for p in self.folder.iterdir()] == ["out"]
        for port in self.ports():
            with socket.socket() as s:
                s.settimeout(5)
                assert s.connect_ex(("127.0.0.1", port)) != 0, port

    def done(self):
        for pid in self.processes():
            os.kill(int(pid), signal.SIGKILL)
        self.child.wait()
        self.out.close()
        shutil.rmtree(self.folder, ignore_errors=True)


@pytest.fixture
def demo():
    runs = []

    def start(*args):
        runs.append(Demo(*args))
        return runs[-1]
    yield start
    for run in runs:
        run.done()


def test_the_story_twice_side_by_side(demo):
    runs = [demo("--for", "75s"), demo("--for", "75s")]
    for run in runs:
        assert run.child.wait(240) == 0, run.text()
    for run in runs:
        for what in ("raised", "confirmed", "acknowledged", "returned"):
            assert re.search(rf"^\S+ \S+  fire +{what} ", run.text(), re.M), (what, run.text())
        assert "1 gateway, " in run.text() and "\x1b" not in run.text()
        run.leaves_nothing()
    assert not set(runs[0].ports()) & set(runs[1].ports())


def test_interrupted_in_the_middle(demo):
    """Without --for that is how it ends; with it, it did not do what was asked."""
    runs = [(demo(), 0), (demo("--for", "90s"), 130)]
    for run, code in runs:
        run.says("fire         raised")
        run.interrupt()
        assert run.child.wait(30) == code, run.text()
        run.leaves_nothing()


def test_interrupted_as_it_starts(demo):
    run = demo()
    run.says("starting the broker")
    run.interrupt()
    assert run.child.wait(30) == 130, run.text()
    run.leaves_nothing()


@pytest.mark.parametrize("args, text", [(["--for", "10s"], "--for 60s or more"), (["--bin", "/nowhere"], "/nowhere"), (["--what"], "unknown argument")])
def test_mistakes(args, text):
    done = subprocess.run([ROOT / "scripts" / "demo", *args], capture_output=True, text=True, timeout=30)
    assert done.returncode == 2 and text in done.stderr, done.stdout + done.stderr
