"""bash completes the programs' lines: verbs, options, their values, and what only the daemon knows.

usage: test_completion.py BIN SOURCE"""
import os
import re
import shlex
import subprocess
import sys
import tempfile
import unittest

BIN, SOURCE = sys.argv[1:3]
sys.path.insert(0, os.path.join(SOURCE, "tests/lib"))
from fake_daemon import FakeDaemon  # noqa: E402

SCRIPT = os.path.join(SOURCE, "scripts/completion/firegw.bash")
POINTS = [{"id": "f12-hyd.pressure", "name": "say \"id\"", "floor": "12", "zone": "12-N", "building": "a"}, {"id": "facp.smoke", "floor": "B1", "zone": "", "building": "a"}]
ALARMS = [{"v": 1, "id": "gw/5f/1", "alarm": "facp.smoke/smoke", "members": ["x"]}, {"v": 1, "id": "gw/5f/2", "alarm": "_gw.hub-city/unreachable"}]
STATUS = {"gateway": "gw", "lines": [{"name": "riser-a", "devices": [{"name": "dev"}]}], "hubs": [{"name": "district", "backlog": {"events": 0}}, {"name": "city"}], "more": [{"name": "x"}]}


def parted(line, breaks):
    """The line's words as readline parts them: at blanks, and around runs of the breaks."""
    words = []
    for word in line.split(" "):
        words += [w for w in re.split(f"([{breaks}]+)", word) if w] if breaks and word else [word]
    return words


class Completion(unittest.TestCase):
    def setUp(self):
        folder = tempfile.TemporaryDirectory(prefix="firegw-complete-")
        self.addCleanup(folder.cleanup)
        self.dir = folder.name
        self.socket = os.path.join(self.dir, "s")

    def complete(self, line, breaks="=:", **env):
        words = parted(line, breaks)
        if breaks and line[-1] in breaks and words[-1] == "":
            words.pop()
        program = os.path.join(BIN, words[0])
        script = f"set -u; source {shlex.quote(SCRIPT)}; COMP_WORDS=({' '.join(map(shlex.quote, [program, *words[1:]]))}); COMP_CWORD={len(words) - 1}; _firegw; printf '%s\\n' \"${{COMPREPLY[@]}}\""
        done = subprocess.run(["bash", "--norc", "-c", script], capture_output=True, text=True, timeout=60, cwd=self.dir,
                              env={"PATH": os.environ["PATH"], "HOME": self.dir, "FIREGW_SOCKET": self.socket, "XDG_RUNTIME_DIR": self.dir, **env})
        self.assertEqual((done.returncode, done.stderr), (0, ""), line)
        return [w for w in done.stdout.split("\n") if w]

    def daemon(self):
        return FakeDaemon(self.socket, {"points": lambda a: iter(POINTS), "alarms": lambda a: iter(ALARMS), "status": lambda a: STATUS})

    def test_verbs_and_options(self):
        self.assertEqual(self.complete("firegw hi"), ["history"])
        self.assertIn("events", self.complete("firegw "))
        self.assertEqual(self.complete("firegw --"), ["--help", "--version"])
        self.assertEqual(self.complete("firegw events --f"), ["--follow"])
        self.assertEqual(self.complete("firegw history a.p --p"), ["--plot"])
        self.assertEqual(self.complete("firegw help sta"), ["status"])
        self.assertEqual(self.complete("firegw nonsense --"), [])
        self.assertEqual(self.complete("firegwd --c"), ["--config"])
        self.assertEqual(self.complete("firegw-sim --ra"), ["--raise"])
        # Every verb and option of the help, whatever is added.
        for verb in self.complete("firegw "):
            self.assertLessEqual({"--json", "--help"}, set(self.complete(f"firegw {verb} --")), verb)

    def test_values(self):
        for line in ("firegw history a.p --format ", "firegw history a.p --format="):
            self.assertEqual(self.complete(line), ["table", "csv", "json"], line)
        self.assertEqual(self.complete("firegw history a.p --format=c"), ["csv"])
        self.assertEqual(self.complete("firegw history a.p --format=c", breaks=""), ["--format=csv"])
        self.assertEqual(self.complete("firegw watch --mqtt 3"), ["3.1.1"])
        self.assertEqual(self.complete("firegw events --class fi"), ["fire"])
        self.assertEqual(self.complete("firegw events --class fire,su"), ["fire,supervisory"])
        self.assertEqual(self.complete("firegw alarms class=fire,pre"), ["fire,prealarm"])
        self.assertEqual(self.complete("firegw alarms class="), "fire prealarm supervisory fault disablement actuation operation".split())
        self.assertEqual(self.complete("firegw points kind=smoke_"), ["smoke_detector", "smoke_fan"][:len(self.complete("firegw points kind=smoke_"))])
        self.assertEqual(self.complete("firegw points kind=smoke_", breaks=""), ["kind=smoke_detector"] + (["kind=smoke_fan"] if len(self.complete("firegw points kind=smoke_")) > 1 else []))
        self.assertEqual(self.complete("firegw alarms fl"), ["floor="])
        self.assertEqual(self.complete("firegw watch mqtts:"), ["//"])
        self.assertEqual(self.complete("firegw ack x --note "), [])
        self.assertIn("yesterday", self.complete("firegw events --since "))

    def test_classes_are_those_that_there_are(self):
        for word in self.complete("firegw events --class "):
            done = subprocess.run([os.path.join(BIN, "firegw"), "events", "--class", word, "--socket", self.socket], capture_output=True, text=True)
            self.assertEqual(done.returncode, 3, done.stderr)

    def test_times_are_taken(self):
        for word in self.complete("firegw events --since "):
            with self.daemon():
                done = subprocess.run([os.path.join(BIN, "firegw"), "history", "p", "--from", word, "--db", "/nonexistent"], capture_output=True, text=True)
            self.assertNotIn("--from", done.stderr)

    def test_files(self):
        for name in ("site.yaml", "a b.yaml"):
            open(os.path.join(self.dir, name), "w").close()
        os.mkdir(os.path.join(self.dir, "sub"))
        for line in ("firegw check s", "firegw check -c s", "firegw check --config s", "firegw check --config=s", "firegwd -c s", "firegw-sim --site s", "firegw-sim s", "firegw history p --db s"):
            self.assertEqual(sorted(self.complete(line)), ["site.yaml", "sub"], line)
        self.assertEqual(self.complete("firegw show a"), ["a b.yaml"])

    def test_what_the_daemon_knows(self):
        with self.daemon():
            self.assertEqual(self.complete("firegw ack "), ["_gw.hub-city/unreachable", "facp.smoke/smoke"])
            self.assertEqual(self.complete("firegw reset fa"), ["facp.smoke/smoke"])
            self.assertEqual(self.complete("firegw ack one fa"), ["facp.smoke/smoke"])
            self.assertEqual(self.complete("firegw history "), ["f12-hyd.pressure", "facp.smoke"])
            self.assertEqual(self.complete("firegw history facp.smoke --every 1m f1"), ["f12-hyd.pressure"])
            self.assertEqual(self.complete("firegw points fac"), ["facp.smoke"])
            self.assertEqual(self.complete("firegw points floor=1"), ["12"])
            self.assertEqual(self.complete("firegw points device=f"), ["f12-hyd", "facp"])
            self.assertEqual(sorted(self.complete("firegw watch --hub ")), ["city", "district"])
            self.assertEqual(self.complete(f"firegw ack --socket {self.socket} fa", FIREGW_SOCKET="/nonexistent"), ["facp.smoke/smoke"])
            self.assertEqual(self.complete(f"firegw ack --socket={self.socket} fa", FIREGW_SOCKET="/nonexistent"), ["facp.smoke/smoke"])

    def test_silent_without_a_daemon(self):
        for line in ("firegw ack ", "firegw history ", "firegw points floor=", "firegw watch --hub ", "firegw-sim --raise "):
            self.assertEqual(self.complete(line), [], line)

    def test_the_simulator(self):
        folder = os.path.join(self.dir, "fake")
        os.mkdir(folder)
        listing = ("can be raised:\n  fire           detectors\n  drill          one (not here: the site lacks the points)\n  mains-loss     power\n"
                   "raised now:\n  fire floor=3, since 3s, 9 points\n")
        program = os.path.join(folder, "firegw-sim")
        with open(program, "w", encoding="utf-8") as f:
            f.write(f"#!/bin/sh\n[ \"$1\" = --list ] && printf '%s' {shlex.quote(listing)}\n")
        os.chmod(program, 0o755)
        global BIN
        real, BIN = BIN, folder
        try:
            self.assertEqual(self.complete("firegw-sim --raise "), ["fire", "mains-loss"])
            self.assertEqual(self.complete("firegw-sim --raise=m"), ["mains-loss"])
            self.assertEqual(self.complete("firegw-sim --clear "), ["all", "fire"])
            self.assertEqual(self.complete("firegw-sim --raise fire fl"), ["floor="])
        finally:
            BIN = real

    def test_hub(self):
        """Whichever verbs there are: one whose words are alternatives completes them, then the hubs."""
        if "hub" not in self.complete("firegw "):
            self.skipTest("no such verb")
        with self.daemon():
            self.assertEqual(self.complete("firegw hub "), ["list", "resend", "purge"])
            self.assertEqual(self.complete("firegw hub resend d"), ["district"])


if __name__ == "__main__":
    unittest.main(argv=[sys.argv[0], *sys.argv[3:]])
