"""cli_case: what the command's tests have at hand: rows that a daemon may give, the command run beside a fake daemon."""
import os
import pty
import shutil
import signal
import subprocess
import sys
import tempfile
import unicodedata
import unittest

from fake_daemon import FakeDaemon

FIREGW = os.path.realpath(sys.argv[1])
WAIT_S = 60

EVENT = {
    "v": 1, "id": "qj-wenlong-01/5f0c9a1be27d4410/1042", "gateway": "qj-wenlong-01", "node": "qj-wenlong-01", "log": "9c41e07a", "stream": "fire", "seq": 57, "n": 1042,
    "class": "fire", "hazard": "fire", "transition": "raised", "cause": "value", "state": "active", "from": "normal", "active": True, "acked": False,
    "alarm": "facp.f12-smoke-3/smoke", "rev": 1, "since": "2026-11-24T10:07:08.123+08:00", "point": "facp.f12-smoke-3", "name": "12层走廊烟感3", "building": "a", "floor": "12",
    "zone": "12-N", "value": 1, "message": {"zh": "12层走廊烟感3 火警", "en": "f12-smoke-3: smoke"}, "at": "2026-11-24T10:07:08.123+08:00", "actor": None, "note": None,
    "mode": "normal", "durable": True,
}
POINT = {
    "id": "f12-hyd.pressure", "name": "12层消火栓压力", "kind": "hydrant_pressure", "unit": "MPa", "building": "a", "floor": "12", "zone": "", "location": "", "owner": "",
    "enum": None, "limits": {}, "gb26875": {}, "value": 0.35, "quality": "good", "at": "2026-11-24T10:07:08.123+08:00",
}
PUMP = dict(POINT, id="b1.pump", name="pump", unit="", enum={"0": "off", "1": "on"}, value=1, quality="good")
SILENT = dict(POINT, id="f13-hyd.pressure", name="\x1b[31mbad\n", value=None, quality="comm", at=None)
STATUS = {
    "v": 1, "gateway": "qj-wenlong-01", "online": True, "version": "9.9", "pid": 42, "uptime_s": 273600, "config": "sha256:abcd", "clock": "trusted",
    "points": {"total": 2000, "good": 1998}, "alarms": {"fire": 1, "prealarm": 0, "fault": 2},
    "store": {"state": "stalled", "why": "no commit for 3 s", "bytes": 1610612736, "limit": 4294967296, "commit_ms_p50": 3.14, "commit_ms_p99": 9},
    "lines": [{"name": "riser-a", "url": "tcp://10.0.0.7:502", "transport": "tcp", "up": True, "why": None, "since": "2026-11-24T10:07:08.123+08:00", "polls_good": 123456,
               "polls_bad": 7, "devices": [{"name": "f12-hyd", "unit": 3, "up": True, "last_good": "2026-11-24T10:07:08.123+08:00"},
                                           {"name": "f13-hyd", "unit": 4, "up": False, "last_good": None}]}],
    "hubs": [{"name": "district", "url": "mqtts://hub.example:8883", "state": "backoff", "up": False, "since": None, "why": "connection refused",
              "backlog": {"events": 12, "readings": 34567}, "acked": 5, "refused": 0, "lost": 0}],
}


def width(text):
    return sum(2 if unicodedata.east_asian_width(ch) in "WF" else 1 for ch in text)


class Case(unittest.TestCase):
    def setUp(self):
        self.dir = tempfile.mkdtemp(prefix="firegw-cli-")
        self.socket = os.path.join(self.dir, "s")
        self.env = {k: v for k, v in os.environ.items() if k not in ("FIREGW_SOCKET", "NO_COLOR", "TZ", "LANG", "LC_ALL", "LC_MESSAGES")}

    def tearDown(self):
        shutil.rmtree(self.dir)

    def daemon(self, **answers):
        return FakeDaemon(self.socket, answers)

    def run_cli(self, *words, socket=True, code=0, err="", **more):
        env = dict(self.env, **({"FIREGW_SOCKET": self.socket} if socket else {}), **more.pop("env", {}))
        p = subprocess.run([FIREGW, *words], stdout=subprocess.PIPE, stderr=subprocess.PIPE, env=env, timeout=WAIT_S, **more)
        out, errors = p.stdout.decode(), p.stderr.decode()
        self.assertEqual(p.returncode, code, (words, out, errors))
        self.assertIn(err, errors)
        if not err:
            self.assertEqual(errors, "")
        return out

    def on_terminal(self, *words, **env):
        pid, fd = pty.fork()
        if pid == 0:
            os.execve(FIREGW, [FIREGW, *words], dict(self.env, FIREGW_SOCKET=self.socket, TERM="xterm", **env))
        out = self.read_all(fd)
        self.assertEqual(os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]), 0)
        return out

    def read_all(self, fd):
        out = b""
        while True:
            try:
                piece = os.read(fd, 65536)
            except OSError:
                break
            if not piece:
                break
            out += piece
        os.close(fd)
        return out.decode()

    def start(self, *words, **env):
        """A command that goes on; its lines come from stdout."""
        return subprocess.Popen([FIREGW, *words, "--socket", self.socket], stdout=subprocess.PIPE, stderr=subprocess.PIPE, env=dict(self.env, **env))

    def stop(self, p, sig=signal.SIGINT):
        """Ends it as Ctrl-C does: what it still said."""
        p.send_signal(sig)
        out, err = p.communicate(timeout=WAIT_S)
        self.assertEqual((p.returncode, err), (0, b""))
        return out.decode()
