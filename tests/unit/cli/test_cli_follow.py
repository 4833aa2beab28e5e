"""--follow of points, alarms and status: what is now, then what changes, against a daemon that says what it is told to."""
import json
import os
import pty
import re
import signal
import sys
import threading
import time
import unittest

sys.path.insert(0, os.path.join(os.path.dirname(os.path.realpath(__file__)), "..", "..", "lib"))
from cli_case import EVENT, FIREGW, POINT, PUMP, SILENT, STATUS, WAIT_S, Case, width  # noqa: E402
from fake_daemon import Close, Fail  # noqa: E402


class Points(Case):
    """A daemon whose `points` with follow gives `changes`, one when the test lets it."""

    def points(self, *changes, end=None):
        self.go_on = threading.Semaphore(0)

        def answer(args):
            yield from (POINT, PUMP, SILENT)
            for row in changes if args.get("follow") else ():
                self.go_on.acquire(timeout=WAIT_S)
                yield row
            if args.get("follow"):
                if end:
                    raise end
                threading.Event().wait(WAIT_S)

        return self.daemon(points=answer)

    def test_table_and_then_changes(self):
        risen, lost = dict(POINT, value=0.5, at="2026-11-24T10:07:09.500+08:00"), dict(POINT, value=None, quality="comm")
        with self.points(risen, dict(risen, at="2026-11-24T10:07:10.500+08:00"), lost) as d:
            p = self.start("points", "--follow", "floor=12", "--every", "200ms")
            table = [p.stdout.readline().decode() for _ in range(4)]
            self.assertEqual(table[0].split()[0], "POINT")
            self.assertIn("0.35", table[1])
            self.go_on.release()
            self.assertRegex(p.stdout.readline().decode(), r"^2026-11-24 10:07:09\.500  f12-hyd\.pressure +0\.5 MPa  good  12层消火栓压力$")
            self.go_on.release(2)  # the same value, read again, is none; another quality is
            self.assertRegex(p.stdout.readline().decode(), r"^\S+ \S+  f12-hyd\.pressure +-  comm  12层消火栓压力$")
            self.assertEqual(self.stop(p), "")
            self.assertEqual(d.asked[-1], ("points", {"select": "floor=12", "follow": True, "every": 200}))

    def test_an_object_a_line(self):
        with self.points(dict(PUMP, value=0)):
            p = self.start("points", "--follow", "--json")
            self.assertEqual([json.loads(p.stdout.readline()) for _ in range(3)], [POINT, PUMP, SILENT])
            self.go_on.release()
            self.assertEqual(json.loads(p.stdout.readline())["value"], 0)
            self.assertEqual(self.stop(p, signal.SIGTERM), "")

    def test_bad_ones_and_those_that_became_good(self):
        good, bad = dict(SILENT, value=0.2, quality="good", at="2026-11-24T10:07:09.500+08:00"), dict(PUMP, value=None, quality="stale")
        with self.points(dict(PUMP, value=0), good, dict(good, value=0.3), bad):
            p = self.start("points", "--follow", "--bad", "--json")
            self.go_on.release(4)
            self.assertEqual([json.loads(p.stdout.readline()) for _ in range(3)], [SILENT, good, bad])
            self.stop(p)
        with self.daemon(points=lambda a: iter([POINT])):
            self.assertEqual(self.run_cli("points", "--follow", "--bad", code=3, err="firegwd ended the points"), "every point is good\n")

    def test_a_reload_is_no_end(self):
        asked = []

        def answer(args):
            asked.append(args)
            yield POINT
            if args.get("follow") and len(asked) == 2:
                raise Fail("busy", "the configuration was loaded anew meanwhile; ask again")
            if args.get("follow"):
                yield dict(POINT, value=1)
                raise Fail("closed", "firegwd is stopping")

        with self.daemon(points=answer):
            out = self.run_cli("points", "--follow", "--json", code=3, err="firegwd is stopping")
        self.assertEqual([json.loads(line)["value"] for line in out.splitlines()], [0.35, 1])
        self.assertEqual(len(asked), 3)

    def test_ends(self):
        with self.points(end=Close()):
            self.run_cli("points", "--follow", code=3, err="closed the connection")
        self.run_cli("points", "--follow", code=3, err="cannot reach")
        with self.daemon(points=lambda a: iter([])):
            self.run_cli("points", "--follow", "floor=99", code=1, err="no point fits: floor=99")
        with self.points():
            p = self.start("points", "--follow")
            p.stdout.readline()
            p.stdout.close()
            self.assertEqual((p.wait(WAIT_S), p.stderr.read()), (0, b""))
            p.stderr.close()


class Alarms(Case):
    def daemon_of(self, alarms, events):
        self.listed, self.followed = threading.Event(), threading.Event()

        def list_alarms(args):
            self.in_order = self.followed.wait(WAIT_S / 4)  # who lists first and follows then, misses what is between
            yield from alarms
            self.listed.set()
            return {"hidden": 0, "others": 0}

        def follow(args):
            self.assertTrue(args["follow"])
            self.followed.set()
            for e in events:
                yield e
            self.listed.wait(WAIT_S)
            threading.Event().wait(WAIT_S)

        return self.daemon(alarms=list_alarms, events=follow)

    def test_table_and_then_transitions(self):
        later = "2999-01-01T00:00:00.000+08:00"
        acked = dict(EVENT, transition="acknowledged", state="acked", acked=True, rev=2, at=later)
        other = dict(EVENT, alarm="a.b/c", rev=7, at=later)
        events = [
            EVENT,                                                                                        # is in the table already
            dict(EVENT, alarm="old.one/x", transition="cleared", state="normal", rev=3),                  # was over before
            dict(EVENT, alarm=None, transition="started", rev=None),                                      # no alarm's
            dict(EVENT, alarm="aside/x", shelved=True, at=later),                                         # set aside
            dict(acked, durable=False, n=None), acked,                                                    # told twice
            other, dict(other, rev=8, transition="shelved", shelved=True), dict(other, rev=9, transition="escalated", shelved=True),
            dict(EVENT, rev=3, transition="cleared", state="normal", at=later),
        ]
        expected = [(EVENT["alarm"], "acknowledged"), ("a.b/c", "raised"), ("a.b/c", "shelved"), (EVENT["alarm"], "cleared")]
        with_hidden = [("aside/x", "raised"), *expected[:3], ("a.b/c", "escalated"), expected[3]]  # a program is told all
        with self.daemon_of([EVENT], events) as d:
            p = self.start("alarms", "--follow", "floor=12")
            lines = [p.stdout.readline().decode() for _ in range(2 + len(expected))]
            self.assertEqual(self.stop(p), "")
            self.assertEqual(sorted(verb for verb, _ in d.asked if verb != "version"), ["alarms", "events"])
            self.assertTrue(self.in_order)
            self.assertEqual(dict(d.asked)["alarms"], {"select": "floor=12", "all": False})
        self.assertRegex(lines[0], "^CLASS +STATE")
        self.assertRegex(lines[1], "^fire +active")
        self.assertEqual([tuple(re.split(r" {2,}", line)[i] for i in (3, 2)) for line in lines[2:]], expected)
        with self.daemon_of([EVENT], events):
            p = self.start("alarms", "--follow", "--json")
            rows = [json.loads(p.stdout.readline()) for _ in range(1 + len(with_hidden))]
            self.assertEqual([(r["alarm"], r["transition"]) for r in rows], [(EVENT["alarm"], "raised"), *with_hidden])
            self.stop(p)
        with self.daemon_of([EVENT], events):
            p = self.start("alarms", "--follow", "--all")
            self.assertEqual(["aside/x" in p.stdout.readline().decode() for _ in range(3)], [False, False, True])
            self.stop(p)

    def test_ends(self):
        with self.daemon(alarms=lambda a: iter([]), events=lambda a: iter([])):
            self.assertEqual(self.run_cli("alarms", "--follow", code=3, err="firegwd ended the alarms"), "no alarms\n")
        with self.daemon(events=lambda a: iter([])):
            self.run_cli("alarms", "--follow", code=1, err="no such verb")


class Status(Case):
    def test_a_block_each_time(self):
        n = iter(range(1, 1000))
        with self.daemon(status=lambda a: dict(STATUS, pid=next(n))):
            p = self.start("status", "--follow", "--every", "100ms")
            text = ""
            while "pid 3)" not in text:
                text += p.stdout.readline().decode()
            self.stop(p)
            self.assertEqual([int(i) for i in re.findall(r"pid (\d)\)", text)], [1, 2, 3])
            self.assertEqual(text.count("\n\ngateway: "), 2)
            p = self.start("status", "--follow", "--every", "100ms", "--json")
            pids = [json.loads(p.stdout.readline())["pid"] for _ in range(3)]
            self.assertEqual(pids, list(range(pids[0], pids[0] + 3)))
            self.stop(p, signal.SIGTERM)

    def test_ends(self):
        n = iter(range(1, 1000))

        def once(args):
            if next(n) > 1:
                raise Close
            return STATUS

        with self.daemon(status=once):
            self.assertIn("up 3 d 4 h", self.run_cli("status", "--follow", "--every", "100ms", code=3, err="closed the connection"))
        with self.daemon(status=lambda a: STATUS):
            p = self.start("status", "--follow", "--every", "1m")
            p.stdout.readline()
            p.stdout.close()
            self.assertEqual((p.wait(WAIT_S / 2), p.stderr.read()), (0, b""))  # without another one
            p.stderr.close()

    def test_in_one_place_on_a_terminal(self):
        asked = threading.Semaphore(0)

        def status(args):
            asked.release()
            return STATUS

        with self.daemon(status=status):
            pid, fd = pty.fork()
            if pid == 0:
                os.execve(FIREGW, [FIREGW, "status", "--follow", "--every", "100ms"], dict(self.env, FIREGW_SOCKET=self.socket, TERM="xterm"))
            for _ in range(3):
                asked.acquire(timeout=WAIT_S)
            os.write(fd, b"\x03")  # Ctrl-C
            out = self.read_all(fd)
            self.assertEqual(os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]), 0)
        begin, end = out.index("\x1b[?1049h"), out.index("\x1b[?1049l")
        self.assertGreaterEqual(out[begin:end].count("\x1b[H\x1b[Kgateway: qj"), 2)
        self.assertIn("gateway: qj-wenlong-01", out[end:], "the last one stays")

    def test_where_nothing_can_be_drawn(self):
        asked = threading.Semaphore(0)
        with self.daemon(status=lambda a: asked.release() or STATUS):
            out, _ = self.on_narrow(asked, TERM="dumb")
        self.assertNotIn("\x1b", out)

    def test_no_line_is_longer_than_the_terminal_is_wide(self):
        asked = threading.Semaphore(0)
        with self.daemon(status=lambda a: asked.release() or STATUS):
            out, columns = self.on_narrow(asked, TERM="xterm")
        picture = out[:out.index("\x1b[?1049l")].split("\x1b[H")[-2]
        lines = [re.sub(r"\x1b\[[0-9;?]*[A-Za-z]", "", line).rstrip("\r") for line in picture.split("\n")]
        self.assertGreater(len(lines), 9)
        self.assertEqual([line for line in lines if width(line) > columns], [])
        self.assertTrue(lines[0].startswith("gateway: qj-"))

    def on_narrow(self, asked, columns=40, **env):
        """status --follow, until it was asked for some times, on a terminal of so many columns."""
        pid, fd = pty.fork()
        if pid == 0:
            os.execve("/bin/sh", ["sh", "-c", f'stty rows 30 cols {columns}; exec "$0" status --follow --every 100ms', FIREGW], dict(self.env, FIREGW_SOCKET=self.socket, **env))
        for _ in range(4):
            asked.acquire(timeout=WAIT_S)
        os.write(fd, b"\x03")
        out = self.read_all(fd)
        self.assertEqual(os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]), 0)
        return out, columns


if __name__ == "__main__":
    unittest.main(argv=[sys.argv[0], *sys.argv[2:]])
