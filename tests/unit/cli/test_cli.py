"""The command from outside: its output, its JSON, its exit codes, against a daemon that says what it is told to."""
import json
import os
import re
import shutil
import signal
import subprocess
import sys
import threading
import unittest

sys.path.insert(0, os.path.join(os.path.dirname(os.path.realpath(__file__)), "..", "..", "lib"))
from cli_case import EVENT, FIREGW, POINT, PUMP, SILENT, STATUS, WAIT_S, Case, width  # noqa: E402
from fake_daemon import Close, Fail, Raw  # noqa: E402

class Cli(Case):
    # -- usage --

    def test_a_program_gets_its_answer_also_when_it_asked_wrongly(self):
        for words in (["ack"], ["shelve", "a.b/c"], ["shelve", "a.b/c", "--for", "x"], ["verify", "a.b/c"], ["service", "a.b", "away"], ["test", "floor=1"],
                      ["test", "flor=1", "--for", "1h"], ["raise", "fire"], ["duty", "handover"], ["duty", "dance"], ["silence", "now"], ["hub", "resend"], ["reset", "a.b/c", "--soon"]):
            answer = json.loads(self.run_cli(*words, "--json", code=2, err="firegw: "))
            self.assertEqual((answer["ok"], set(answer)), (False, {"ok", "error"}), words)
            self.assertEqual(self.run_cli(*words, code=2, err="firegw: " + answer["error"]), "")
        none = ["--json", "--socket", "/none"]
        for words in (["ack", "a.b/c"], ["shelve", "a.b/c", "--for", "1h"], ["silence"], ["hub", "resend", "x"], ["selftest"]):
            answer = json.loads(self.run_cli(*words, *none, code=3, err="" if words[0] == "ack" else "/none"))
            self.assertFalse(answer["ok"], words)
            self.assertIn("/none", answer["error"])
        for words in (["duty", "show"], ["hub", "list"], ["points"]):
            self.assertEqual(self.run_cli(*words, *none, code=3, err="/none"), "")

    def test_help_is_there_for_every_verb(self):
        overview = self.run_cli("--help")
        self.assertEqual(self.run_cli("help"), overview)
        verbs = json.loads(self.run_cli("help", "--json"))
        names = [v["name"] for v in verbs]
        self.assertEqual(names, "check show status points alarms events ack reset shelve unshelve verify service test silence raise duty selftest history backtest report probe hub watch version help".split())
        for v in verbs:
            text = self.run_cli(v["name"], "--help")
            self.assertEqual(text, self.run_cli("help", v["name"]))
            self.assertIn("Usage: firegw " + v["name"], text)
            self.assertIn(v["name"], overview)
            self.assertIn("--json", [f"--{o['name']}" for o in v["options"]])
            for o in v["options"]:
                self.assertIn("--" + o["name"] + (" " + o["value"] if o["value"] else ""), text)
        self.run_cli(code=2, err="Usage: firegw VERB")

    def test_wrong_usage_ends_with_2_and_the_cure(self):
        for words, err in (
                (["statsu"], "no verb 'statsu': did you mean 'status'?"), (["audit"], "no verb 'audit' ("), (["help", "pionts"], "did you mean 'points'?"),
                (["status", "x"], "'x' is too much"), (["ack"], "ALARM…|SELECT is missing"), (["status", "--every", "1s"], "--every needs --follow"), (["points", "--follow", "--every", "5"], "a span from 100ms"), (["status", "--jsno"], "did you mean --json?"),
                (["check"], "-c SITE is missing"), (["points", "flor=1"], "did you mean 'floor'?"), (["points", "kind=smok_detector"], "did you mean 'smoke_detector'?"),
                (["events", "--class", "frie"], "no class 'frie'"), (["events", "--limit", "0"], "a number from 1"), (["events", "--limit", "5", "--follow"], "cannot go with"),
                (["events", "--until", "1h", "--follow"], "cannot go with"), (["history"], "POINT… is missing"), (["history", "floor=1"], "ids of points or globs"),
                (["history", "p", "--format", "xml"], "table, csv or json"), (["history", "p", "--every", "5"], "a span like"), (["history", "p", "--json", "--format", "csv"], "cannot go"),
                (["history", "p", "--plot", "--json"], "--plot cannot go with --json"), (["history", "p", "--plot", "--format", "csv"], "--plot cannot go with --format"),
                (["history", "p", "--height", "5"], "needs --plot"), (["history", "p", "--plot", "--height", "x"], "a number of rows"), (["history", "p", "--plot", "--height", "1"], "2 … 200"),
                (["history", "p", "--db", "f", "--from", "soon"], "--from: time 'soon' is none"), (["history", "p", "--db", "f", "--from", "1h", "--to", "2h"], "not before")):
            self.assertEqual(self.run_cli(*words, socket=False, code=2, err=err), "")

    # -- the daemon is not there, or not right --

    def test_no_daemon_is_3(self):
        for words in (["status"], ["points"], ["alarms", "--json"], ["events"], ["events", "--follow"], ["history", "p"], ["ack", "a"]):
            self.run_cli(*words, code=3, err=f"cannot reach firegwd at {self.socket}: No such file or directory (is it running? systemctl status firegwd)")
        out = self.run_cli("ack", "a", "--json", "--socket", self.socket, socket=False, code=3)
        self.assertEqual(json.loads(out)["ok"], False)
        self.assertIn("cannot reach", json.loads(out)["error"])
        self.assertIn("firegw ", self.run_cli("version"))
        self.assertIn("firegw ", self.run_cli("--version"))
        self.assertIsNone(json.loads(self.run_cli("version", "--json"))["daemon"])
        self.run_cli("status", "--socket", "x" * 200, code=2, err="a socket's path has")

    @unittest.skipIf(os.geteuid() != 0, "needs root to become someone else")
    def test_no_permission_names_the_group(self):
        os.chmod(self.dir, 0o755)
        with self.daemon():
            os.chown(self.socket, 0, 4)
            copy = os.path.join(self.dir, "firegw")
            shutil.copy(FIREGW, copy)
            p = subprocess.run([copy, "status", "--socket", self.socket], stderr=subprocess.PIPE, user=65534, group=65534, extra_groups=[], env=self.env, timeout=WAIT_S)
            self.assertEqual(p.returncode, 3)
            self.assertRegex(p.stderr.decode(), r"no permission for .*: join the group adm \(sudo usermod -aG adm nobody\) and log in again")
            os.chown(self.socket, 0, 0)
            p = subprocess.run([copy, "status", "--socket", self.socket], stderr=subprocess.PIPE, user=65534, group=65534, extra_groups=[], env=self.env, timeout=WAIT_S)
            self.assertEqual(p.returncode, 3)
            self.assertIn("it is root's, who started firegwd by hand: run firegw as root (sudo -u root firegw", p.stderr.decode())
            self.assertNotIn("join", p.stderr.decode())

    def test_a_daemon_that_breaks_the_protocol_is_3(self):
        def closes(args):
            raise Close

        for answer, err in (
                (lambda a: iter([Raw(b"hello\n")]), "broke the protocol"), (lambda a: iter([Raw(b"{}\n")]), "neither a row nor an end"),
                (lambda a: iter([Raw(b'{"end":true}\n')]), "without \"ok\""), (lambda a: iter([Raw(b'{"end":true,"ok":false}\n')]), "without"),
                (lambda a: iter([Raw(b"\xff\x00\n")]), "broke the protocol"), (closes, "closed the connection before the end"),
                (lambda a: iter([Raw(b"[" * 5000 + b"\n")]), "broke the protocol")):
            with self.daemon(status=answer, points=answer, events=answer, history=answer):
                for words in (["status"], ["points"], ["events"], ["history", "p"]):
                    self.run_cli(*words, code=3, err=err)

    def test_the_daemon_says_no(self):
        def no(code):
            def answer(args):
                raise Fail(code, "because " + code)
            return answer

        for code, result in (("not-found", 1), ("denied", 1), ("refused", 1), ("unsupported", 1), ("invalid", 2), ("a-new-word", 1)):
            with self.daemon(ack=no(code), points=no(code)):
                self.run_cli("ack", "a", code=result, err="because " + code)
                self.run_cli("points", code=result, err="because " + code)
                self.assertEqual(json.loads(self.run_cli("ack", "a", "--json", code=result)), {"ok": False, "error": "because " + code})

    def test_nothing_that_a_daemon_says_reaches_the_terminal_raw(self):
        def refuses(args):
            raise Fail("refused", "no\x1b[2J\u202e")

        def lists_nothing(args):
            return {"hint": "did you mean \x1b[2J?"}
            yield

        bad = dict(STATUS, clock="tru\x1b[2Jsted", version="\x1b[2J", store=dict(STATUS["store"], state="st\x9b2Jalled"))
        rows = lambda a: iter([{"point": "a.p", "rows": [[1795485600123, 0.35, "go\x1b[2Jod"]]}])  # noqa: E731
        for answer in (dict(points=refuses, status=lambda a: bad, history=rows, ack=refuses, hubs=refuses, alarms=refuses),
                       dict(points=lists_nothing, status=refuses, history=refuses)):
            with self.daemon(**answer):
                for words in (["points"], ["status"], ["history", "a.p"], ["ack", "a/b"], ["ack", "a/b", "c/d"], ["hub"], ["alarms"], ["points", "a\x1b[2Jb"], ["sta\x1b[2Jtsu"], ["probe", "a\x1b[2Jb"]):
                    p = subprocess.run([FIREGW, *words, *(["--socket", self.socket] if "tsu" not in words[0] else [])], capture_output=True, env=self.env, timeout=WAIT_S)
                    said = (p.stdout + p.stderr).decode()
                    self.assertFalse(any(c in said for c in "\x1b\x9b\u202e"), (words, said))
            self.assertIn("\ufffd", said)

    # -- verbs --

    def test_status(self):
        with self.daemon(status=lambda a: STATUS):
            out = self.run_cli("status")
            for part in ("qj-wenlong-01, firegwd 9.9 (pid 42), up 3 d 4 h, clock trusted", "1,998 of 2,000 good", "alarms:  1 fire, 2 fault", "stalled (no commit for 3 s), 1.5 GiB of 4 GiB",
                         "commit 3.1 ms (p99 9.0 ms)", "tcp://10.0.0.7:502  up", "1 of 2", "123,456", "SILENT DEVICE", "never", "backoff", "34,567", "connection refused"):
                self.assertIn(part, out)
            self.assertEqual(json.loads(self.run_cli("status", "--json")), STATUS)

    def test_points(self):
        with self.daemon(points=lambda a: iter([POINT, PUMP, SILENT])) as d:
            out = self.run_cli("points", "floor=12", "f1*")
            self.assertEqual(d.asked[-1], ("points", {"select": "floor=12 f1*", "bad": False}))
            lines = out.splitlines()
            self.assertEqual(lines[0].split(), "POINT NAME VALUE UNIT QUALITY READ PLACE".split())
            self.assertEqual(len({width(line[:line.index(word)]) for line, word in zip(lines, ("PLACE", "a 12", "a 12", "a 12"))}), 1, out)
            self.assertIn("0.35  MPa", lines[1])
            self.assertIn("on (1)", lines[2])
            self.assertRegex(lines[3], r"�\[31mbad�  +-  +MPa +comm +never")
            self.assertNotIn("\x1b", out)
            text = self.run_cli("points", "--json")
            self.assertEqual(json.loads(text), [POINT, PUMP, SILENT])
            self.assertIn("0.35,", text)  # not 0.34999999999999998
        with self.daemon(points=lambda a: iter([])):
            self.run_cli("points", "floor=99", code=1, err="no point fits: floor=99")
            self.assertEqual(json.loads(self.run_cli("points", "--json", code=1, err="no point fits")), [])

    def test_alarms(self):
        def alarms(args):
            yield EVENT
            yield dict(EVENT, **{"class": "fault", "alarm": "_gw.hub-district/unreachable", "mode": "drill", "acked": True})
            return {"hidden": 0 if args["all"] else 3}

        with self.daemon(alarms=alarms) as d:
            out = self.run_cli("alarms", "class=fire,fault")
            self.assertIn("facp.f12-smoke-3/smoke", out)
            self.assertIn("f12-smoke-3: smoke", out)
            self.assertIn("drill", out)
            self.assertIn("(3 alarms not shown, shelved, suppressed or out of service: --all)", out)
            self.assertNotIn("not shown", self.run_cli("alarms", "--all"))
            self.assertEqual(d.asked[-1], ("alarms", {"select": "", "all": True}))
            self.assertEqual([a["class"] for a in json.loads(self.run_cli("alarms", "--json"))], ["fire", "fault"])
        with self.daemon(alarms=lambda a: iter([])):
            self.assertEqual(self.run_cli("alarms"), "no alarms\n")
            self.assertEqual(json.loads(self.run_cli("alarms", "--json")), [])

    def test_columns_stand_below_each_other_whatever_the_script(self):
        other = dict(EVENT, alarm="x.y/z", name="b", building="乙", message={"zh": "中文消息", "en": ""})
        hubs = [dict(STATUS["hubs"][0], why="中文原因"), dict(STATUS["hubs"][0], name="市中心", why="x")]

        def column(text, *words):
            return {width(line[:line.index(word)]) for word in words for line in text.splitlines() if word in line}

        with self.daemon(alarms=lambda a: iter([EVENT, other]), events=lambda a: iter([EVENT, other]), status=lambda a: dict(STATUS, hubs=hubs)):
            out = self.run_cli("alarms")
            self.assertEqual(len(column(out, "MESSAGE", "f12-smoke-3: smoke", "中文消息")), 1, out)
            out = self.run_cli("status")
            self.assertEqual(len(column(out, "WHY", "中文原因") - column(out.split("\n\n")[1], "WHY")), 1, out)
            out = self.run_cli("events")
            self.assertEqual(len(column(out, "12层走廊烟感3  f12", "b  中文消息")), 1, out)

    def test_events(self):
        def events(args):
            for n in range(5):
                yield dict(EVENT, n=n, note="see\x1b]0;x\x07", actor="li (uid 1000)")

        with self.daemon(events=events) as d:
            out = self.run_cli("events", "--since", "2026-11-24T10:00", "--until=2026-11-24T11:00", "--class", "fire,fault", "building=a")
            # the site's zone, not this machine's
            self.assertEqual(d.asked[-1][1], {"select": "building=a", "follow": False, "class": "fire,fault", "since": 1795485600000, "until": 1795489200000})
            self.assertEqual(len(out.splitlines()), 5)
            self.assertRegex(out.splitlines()[0], r"^2026-11-24 10:07:08\.123  fire +raised +facp\.f12-smoke-3/smoke +12层走廊烟感3  f12-smoke-3: smoke  by li \(uid 1000\): see�\]0;x�$")
            rows = [json.loads(line) for line in self.run_cli("events", "--json").splitlines()]
            self.assertEqual([r["n"] for r in rows], [0, 1, 2, 3, 4])
            for limit, expected in ((2, [3, 4]), (5, [0, 1, 2, 3, 4]), (9, [0, 1, 2, 3, 4])):
                rows = [json.loads(line) for line in self.run_cli("events", "--json", "--limit", str(limit)).splitlines()]
                self.assertEqual([r["n"] for r in rows], expected)
            self.run_cli("events", "--since", "never", code=2, err="--since: time 'never' is none")

    def test_follow_ends_well(self):
        for sig in (signal.SIGINT, signal.SIGTERM):
            go_on = threading.Event()

            def events(args, go_on=go_on):
                self.assertTrue(args["follow"])
                yield EVENT
                go_on.wait(WAIT_S)
                yield dict(EVENT, n=2000)
                threading.Event().wait(WAIT_S)

            with self.daemon(events=events):
                p = subprocess.Popen([FIREGW, "events", "--follow", "--json", "--socket", self.socket], stdout=subprocess.PIPE, stderr=subprocess.PIPE, env=self.env)
                self.assertEqual(json.loads(p.stdout.readline())["n"], 1042)  # at once, though it is a pipe
                go_on.set()
                self.assertEqual(json.loads(p.stdout.readline())["n"], 2000)
                p.send_signal(sig)
                out, err = p.communicate(timeout=WAIT_S)
                self.assertEqual((p.returncode, out, err), (0, b"", b""))

    def test_follow_ends_when_nobody_reads(self):
        def events(args):
            yield EVENT
            threading.Event().wait(WAIT_S)  # nothing more comes

        with self.daemon(events=events):
            p = subprocess.Popen([FIREGW, "events", "--follow", "--socket", self.socket], stdout=subprocess.PIPE, stderr=subprocess.PIPE, env=self.env)
            p.stdout.readline()
            p.stdout.close()
            self.assertEqual(p.wait(WAIT_S), 0)
            self.assertEqual(p.stderr.read(), b"")
            p.stderr.close()

    def test_follow_says_that_the_daemon_stopped(self):
        with self.daemon(events=lambda a: iter([EVENT])):
            self.run_cli("events", "--follow", code=3, err="firegwd ended the events")

    def test_a_reader_that_leaves_is_no_error(self):
        def events(args):
            for n in range(20000):
                yield dict(EVENT, n=n)

        with self.daemon(events=events):
            for words in (["events"], ["events", "--json"]):
                p = subprocess.Popen([FIREGW, *words, "--socket", self.socket], stdout=subprocess.PIPE, stderr=subprocess.PIPE, env=self.env)
                p.stdout.readline()
                p.stdout.close()
                self.assertEqual((p.wait(WAIT_S), p.stderr.read()), (0, b""))
                p.stderr.close()
            with open("/dev/full", "w") as full:
                p = subprocess.run([FIREGW, "help"], stdout=full, stderr=subprocess.PIPE, env=self.env, timeout=WAIT_S)
            self.assertEqual(p.returncode, 1)
            self.assertIn(b"No space left", p.stderr)

    def test_ack_and_reset(self):
        with self.daemon(ack=lambda a: {"alarm": a["alarm"], "state": "acked"}, reset=lambda a: {"alarm": a["alarm"], "state": "normal"}) as d:
            self.assertEqual(self.run_cli("ack", "facp.f12-smoke-3/smoke", "--note", "看过"), "facp.f12-smoke-3/smoke: acked\n")
            self.assertEqual(d.asked[-1], ("ack", {"alarm": "facp.f12-smoke-3/smoke", "note": "看过"}))
            self.assertEqual(json.loads(self.run_cli("reset", "--json", "x/y")), {"ok": True, "error": None})
            self.assertEqual(d.asked[-1], ("reset", {"alarm": "x/y"}))
            for words in (["ack", b"\xff"], ["ack", "a", "--note", b"\xff"], ["points", b"floor=\xff"], ["history", "p", b"\xff"]):
                self.run_cli(*words, code=2, err="no UTF-8")

    # -- history --

    ROWS = [[1795485600123, 0.35, "good"], [1795485601123, None, "comm"], [1795485602123, "=SUM(\"a\")", "good"]]
    SPANS = [[1795485600000, 0.1, 0.5, 0.35, 0.4, 60, "good"], [1795485660000, None, None, None, None, 0, "comm"]]

    def history(self, args):
        rows = self.SPANS if args["every"] else self.ROWS
        for point in ["a.p", "b.q"] if "*" in args["points"] else args["points"]:
            for row in rows:
                yield {"point": point, "rows": [row]}

    def test_history(self):
        with self.daemon(history=self.history) as d:
            out = self.run_cli("history", "a.p", "--from", "2026-11-24T10:00", "--to", "2026-11-24T11:00")
            self.assertEqual(d.asked[-1][1], {"points": ["a.p"], "from": 1795485600000, "to": 1795489200000, "every": 0})
            lines = out.splitlines()
            self.assertEqual(lines[0], "a.p")
            self.assertRegex(lines[2], r"^2026-11-24 10:00:00\.123 +0\.35  good$")
            self.assertRegex(lines[3], r" -  comm$")
            self.assertEqual(json.loads(self.run_cli("history", "a.p", "--json")), self.ROWS)
            self.assertEqual(json.loads(self.run_cli("history", "a.p", "--format", "json", "--every", "1m")), self.SPANS)
            self.assertEqual(d.asked[-1][1]["every"], 60000)
            for words in (["*"], ["a.p", "b.q"]):
                self.assertEqual(json.loads(self.run_cli("history", *words, "--json")), {"a.p": self.ROWS, "b.q": self.ROWS})
            csv = self.run_cli("history", "*", "--format=csv").split("\r\n")
            self.assertEqual(csv[:4], ["point,at,value,quality", "a.p,2026-11-24T10:00:00.123+08:00,0.35,good", "a.p,2026-11-24T10:00:01.123+08:00,,comm",
                                       "a.p,2026-11-24T10:00:02.123+08:00,\"'=SUM(\"\"a\"\")\",good"])
            csv = self.run_cli("history", "a.p", "--every", "1m", "--format", "csv").split("\r\n")
            self.assertEqual(csv[:3], ["point,at,min,max,mean,last,count,worst_quality", "a.p,2026-11-24T10:00:00.000+08:00,0.1,0.5,0.35,0.4,60,good",
                                       "a.p,2026-11-24T10:01:00.000+08:00,,,,,0,comm"])
            self.assertIn("MEAN", self.run_cli("history", "a.p", "--every", "1m"))
        with self.daemon(history=lambda a: iter([])):
            self.assertEqual(self.run_cli("history", "a.p"), "no readings in that time\n")
            self.assertEqual(json.loads(self.run_cli("history", "a.p", "--json")), [])
            self.assertEqual(json.loads(self.run_cli("history", "*", "--json")), {})
            self.assertEqual(self.run_cli("history", "a.p", "--format", "csv"), "point,at,value,quality\r\n")

    def test_history_as_a_chart(self):
        def history(args):
            for point in args["points"]:
                rows = [[1795485600000 + i * 60000, 0.3 + i % 10 / 100, "good"] for i in range(60)]
                yield {"point": point, "rows": rows[:30]}
                yield {"point": point, "rows": rows[30:] + [[1795489200000 - 1, None, "comm"]]}

        known = dict(POINT, limits={"low": 0.25, "high2": 9}, every=1000, heartbeat=600000)
        words = ["history", "f12-hyd.pressure", "b.gone", "--plot", "--from", "2026-11-24T10:00", "--to", "2026-11-24T11:00"]
        with self.daemon(history=history, points=lambda a: iter([known])) as d:
            out = self.run_cli(*words, env={"LC_ALL": "C.UTF-8"})
            # the rows before the chart say what holds as it begins: two heartbeats and what is stale
            self.assertEqual(d.asked[-1][1], {"points": words[1:3], "from": 1795485600000 - 1210000, "to": 1795489200000, "every": 0})
            self.assertEqual(d.asked[-2], ("points", {"select": "f12-hyd.pressure b.gone"}))
            first, second = out.split("\n\n")
            self.assertTrue(first.startswith("f12-hyd.pressure  12层消火栓压力  MPa\nmin 0.3  mean 0.345  max 0.39  last 0.39  worst quality: comm\n"), first)
            self.assertTrue(second.startswith("b.gone  min 0.3 "), second)
            self.assertEqual(len(first.splitlines()), 2 + 10 + 3)
            self.assertRegex(first, "0\\.40 ┤")
            self.assertIn("↑high2 9", first)
            self.assertRegex(first, "[\u2801-\u28ff]")
            self.assertIn("▒", first)
            self.assertIn("11-24 10:00", first)
            self.assertNotIn("\x1b", out)
            self.assertTrue(all(width(line) <= 80 for line in out.splitlines()), out)
            plain = self.run_cli(*words, "--height", "4", env={"LC_ALL": "C"})
            self.assertEqual([ch for ch in plain.replace("层消火栓压力", "") if ord(ch) > 126], [])
            self.assertEqual(len(plain.split("\n\n")[0].splitlines()), 2 + 4 + 3)
            self.assertIn("\x1b[", self.on_terminal(*words, LC_ALL="C.UTF-8"))
            self.assertNotIn("\x1b", self.on_terminal(*words, LC_ALL="C.UTF-8", NO_COLOR="1"))
        with self.daemon(history=lambda a: iter([]), points=lambda a: iter([])):
            self.assertEqual(self.run_cli(*words), "no readings in that time\n")

        def refuses(args):
            raise Fail("unsupported", "no")
        with self.daemon(history=history, points=refuses):
            self.assertIn("b.gone  min 0.3", self.run_cli(*words))

    def test_means_are_for_people(self):
        rows = [[1795485600000, 0.1, 0.5, 0.33333333333333337, 0.4, 60, "good"]]
        with self.daemon(history=lambda a: iter([{"point": "a.p", "rows": rows}])):
            self.assertIn("         0.333             0.4", self.run_cli("history", "a.p", "--every", "1m"))
            self.assertIn("0.33333333333333337", self.run_cli("history", "a.p", "--every", "1m", "--format", "csv"))
            self.assertEqual(json.loads(self.run_cli("history", "a.p", "--every", "1m", "--json")), rows)

    def test_history_of_a_file_that_is_none(self):
        self.run_cli("history", "p", "--db", os.path.join(self.dir, "none.db"), socket=False, code=1, err="none.db")
        path = os.path.join(self.dir, "text.db")
        with open(path, "w") as f:
            f.write("no database, but long enough to look at it twice\n" * 100)
        self.run_cli("history", "p", "--db", path, socket=False, code=1, err="text.db")

    # -- colour --

    def test_colour_on_a_terminal_only(self):
        with self.daemon(alarms=lambda a: iter([EVENT])):
            self.assertNotIn("\x1b", self.run_cli("alarms"))
            self.assertIn("\x1b[1;31mfire\x1b[0m", self.on_terminal("alarms"))
            self.assertNotIn("\x1b", self.on_terminal("alarms", NO_COLOR="1"))
            self.assertNotIn("\x1b", self.on_terminal("alarms", "--json"))

    # -- check and show --

    def test_check_and_show(self):
        path = os.path.join(self.dir, "site.yaml")
        self.run_cli("show", "-c", path, code=2, err="site.yaml")
        found = json.loads(self.run_cli("check", "--json", "-c", path, code=2))
        self.assertEqual(set(found[0]), {"file", "line", "column", "severity", "text"})
        self.assertEqual(found[0]["severity"], "error")
        with open(path, "w") as f:
            f.write("""site:
  gateway: qj-wenlong-01
  name: 文龙大厦
  region: "500110002003"
  timezone: Asia/Shanghai
  buildings: [{id: a, name: A座}]
storage: {path: ./firegw.db}
buses:
  - name: riser-a
    url: tcp://127.0.0.1:502
    devices:
      - name: f12-hyd
        unit: 3
        building: a
        floor: "12"
        points: [{point: pressure, name: 压力, kind: hydrant_pressure, register: "30001", type: u16, scale: 0.01}]
rules:
  - {id: low, for: {kind: hydrant_pressure}, when: {below: 0.1}, class: supervisory}
""")
        out = self.run_cli("check", "-c", path)
        self.assertRegex(out.splitlines()[-1], r"^ok(, with \d+ warnings?)?: 1 bus, 1 device, 1 point, 1 rule, 0 hubs$")
        self.assertEqual([f for f in json.loads(self.run_cli("check", "--json", "--config=" + path)) if f["severity"] == "error"], [])
        shown = self.run_cli("show", "-c", path)
        self.assertIn("qj-wenlong-01", shown)
        self.assertEqual(json.loads(self.run_cli("show", "--json", "-c", path))["site"]["name"], "文龙大厦")
        with open(path, "a") as f:
            f.write("  - {id: low2, for: {kind: hydrant_presure}, wen: {below: 0.1}}\n")
        out = self.run_cli("check", "-c", path, code=2)
        self.assertRegex(out, re.compile(r"site\.yaml:19:\d+: error: unknown key 'wen'", re.M))
        self.assertRegex(out.splitlines()[-1], r"^\d+ errors?, \d+ warnings?$")


if __name__ == "__main__":
    unittest.main(argv=[sys.argv[0], *sys.argv[2:]])
