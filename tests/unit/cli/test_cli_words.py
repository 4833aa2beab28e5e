"""What the command makes of the words it is given: several alarms at once, slips, the language, the zone."""
import json
import os
import re
import subprocess
import sys
import unittest

sys.path.insert(0, os.path.join(os.path.dirname(os.path.realpath(__file__)), "..", "..", "lib"))
from cli_case import EVENT, POINT, WAIT_S, Case  # noqa: E402
from fake_daemon import Close, Fail  # noqa: E402

BIN = os.path.dirname(os.path.realpath(sys.argv[1]))


class Acting(Case):
    STANDING = {"facp.f12-smoke-1/smoke": False, "facp.f12-smoke-2/smoke": True, "facp.f12-smoke-3/smoke": False, "facp.f12-smoke-3/fire": False, "f12-hyd.p/low": False}

    def acting(self):
        def alarms(args):
            self.assertTrue(args["all"])
            for id_, acked in self.STANDING.items():
                yield dict(EVENT, alarm=id_, point=id_.split("/")[0], acked=acked)

        def act(args):
            if args["alarm"] not in self.STANDING:
                raise Fail("not-found", f"there is no alarm '{args['alarm']}'")
            if self.STANDING[args["alarm"]]:
                raise Fail("refused", f"alarm '{args['alarm']}' cannot be")
            return {"alarm": args["alarm"], "state": "acked"}

        return self.daemon(alarms=alarms, ack=act, reset=act)

    def test_several_and_globs(self):
        with self.acting() as d:
            self.assertEqual(self.run_cli("ack", "facp.f12-*", "--note", "n"), "".join(f"facp.f12-smoke-{i}: acked\n" for i in ("1/smoke", "3/smoke", "3/fire")) + "3 acknowledged\n")
            self.assertEqual([args for verb, args in d.asked if verb == "ack"], [{"alarm": f"facp.f12-smoke-{i}", "note": "n"} for i in ("1/smoke", "3/smoke", "3/fire")])
            d.asked.clear()
            # each once; one that fails does not keep the others from it
            out = self.run_cli("ack", "facp.f12-smoke-2/smoke", "f12-hyd.p/low", "f12-*", "a/b", "x*", code=1,
                               err="firegw: alarm 'facp.f12-smoke-2/smoke' cannot be\nfiregw: there is no alarm 'a/b'\nfiregw: no alarm that waits for an acknowledgement fits 'x*'\n")
            self.assertEqual(out, "f12-hyd.p/low: acked\n1 acknowledged, 2 refused\n")
            self.assertEqual([args["alarm"] for verb, args in d.asked if verb == "ack"], ["facp.f12-smoke-2/smoke", "f12-hyd.p/low", "a/b"])

    def test_reset_says_what_cannot_be(self):
        with self.acting():
            out = self.run_cli("reset", "facp.*smoke", code=1, err="firegw: alarm 'facp.f12-smoke-2/smoke' cannot be")
            self.assertEqual(out.splitlines()[2:], ["2 reset, 1 refused"])

    def test_a_select(self):
        with self.acting() as d:
            self.assertEqual(self.run_cli("ack", "class=fire", "floor=12"), "facp.f12-smoke-1/smoke: acked\nfacp.f12-smoke-3/smoke: acked\nfacp.f12-smoke-3/fire: acked\nf12-hyd.p/low: acked\n4 acknowledged\n")
            self.assertEqual([args for verb, args in d.asked if verb == "alarms"], [{"all": True, "select": "class=fire floor=12"}])
            d.asked.clear()
            rows = [json.loads(line) for line in self.run_cli("reset", "facp.*", "class=fire", "--json", code=1).splitlines()]
            self.assertEqual([(r["alarm"], r["ok"]) for r in rows if not r["ok"]], [("facp.f12-smoke-2/smoke", False)])
            self.assertEqual(d.asked[0][1]["select"], "facp.* class=fire")
            self.run_cli("ack", "clas=fire", code=2, err="class")
            self.run_cli("ack", "--class", "fire", code=2, err="did you mean class=fire?")
        with self.daemon(alarms=lambda args: iter(())):
            self.assertEqual(self.run_cli("ack", "floor=12", code=1, err="no alarm that waits for an acknowledgement fits 'floor=12'\n"), "")
            self.assertEqual(json.loads(self.run_cli("ack", "floor=12", "--json", code=1))["ok"], False)
        self.run_cli("ack", "floor=12", code=3, err="cannot reach firegwd")

    def test_json(self):
        with self.acting():
            self.assertEqual(self.run_cli("ack", "f12-hyd.p/low", "--json"), '{"ok":true,"error":null}\n')
            rows = [json.loads(line) for line in self.run_cli("ack", "f12-hyd*", "facp.f12-smoke-2/smoke", "z*", "--json", code=1).splitlines()]
            self.assertEqual(rows, [{"alarm": "f12-hyd.p/low", "ok": True, "error": None}, {"alarm": "facp.f12-smoke-2/smoke", "ok": False, "error": "alarm 'facp.f12-smoke-2/smoke' cannot be"},
                                    {"alarm": "z*", "ok": False, "error": "no alarm that waits for an acknowledgement fits 'z*'"}])
        rows = [json.loads(line) for line in self.run_cli("ack", "a", "b*", "--json", code=3).splitlines()]
        self.assertEqual([(r["alarm"], r["ok"]) for r in rows], [("a", False), ("b*", False)])
        self.run_cli("ack", "a", "b*", code=3, err="firegw: cannot reach firegwd")

    def test_hints_at_the_alarms_of_a_point(self):
        with self.acting():
            self.run_cli("ack", "facp.f12-smoke-3", code=1, err="there is no alarm 'facp.f12-smoke-3'; alarms of this point: facp.f12-smoke-3/smoke, facp.f12-smoke-3/fire\n")
            self.run_cli("ack", "f12-hyd.p/lwo", code=1, err="there is no alarm 'f12-hyd.p/lwo': did you mean f12-hyd.p/low?\n")
            self.assertIn("; alarms of this point: f12-hyd.p/low", json.loads(self.run_cli("reset", "f12-hyd.p", "--json", code=1))["error"])
            self.run_cli("ack", "nothing.like-it/at-all", code=1, err="there is no alarm 'nothing.like-it/at-all'\n")

    def test_the_daemon_goes_away(self):
        def closes(args):
            raise Close

        with self.daemon(ack=closes, alarms=closes):
            for words in (["a/b"], ["a*"], ["a/b", "c/d"]):
                self.run_cli("ack", *words, code=3, err="closed the connection")


class Slips(Case):
    def test_words_of_a_select_given_as_options(self):
        for words, err in (
                (["alarms", "--class", "fire"], "unknown option --class: did you mean class=fire?"), (["points", "--floor=12"], "did you mean floor=12?"), (["points", "--floor", "--json"], "floor=…?"),
                (["events", "--building", "a"], "did you mean building=a?"), (["points", "--flor", "12"], "did you mean floor=12?"), (["status", "--floor", "12"], "unknown option --floor (firegw status --help)"),
                (["alarms", "kind=nothing_like_it"], "unknown kind 'nothing_like_it'; docs/kinds.md lists them"), (["alarms", "class=x"], "there are fire, prealarm"), (["alarms", "class=frie"], "did you mean 'fire'?")):
            self.assertEqual(self.run_cli(*words, socket=False, code=2, err=err), "")

    def test_hints_of_the_daemon(self):
        def rows(args):
            return {"hidden": 0, "others": 2, "hint": "no building 'c'; there are a, b"}
            yield

        with self.daemon(points=rows, alarms=rows):
            self.run_cli("points", "building=c", code=1, err="firegw: no point fits: building=c (no building 'c'; there are a, b)\n")
            self.run_cli("points", "--bad", "building=c", code=1, err="no point fits: building=c (")
            self.assertEqual(self.run_cli("alarms", "building=c"), "no alarm fits: building=c (no building 'c'; there are a, b); 2 others stand, `firegw alarms` shows all\n")

    def test_programs_get_nothing_on_stdout_when_a_list_fails(self):
        def breaks(args):
            yield POINT
            raise Close

        def refuses(args):
            raise Fail("full", "no")

        with self.daemon(points=breaks, alarms=refuses, status=refuses, events=refuses, history=refuses):
            cut = self.run_cli("points", "--json", code=3, err="closed the connection")
            self.assertRaises(ValueError, json.loads, cut)  # a part is not taken for the whole
            for words in (["alarms"], ["status"], ["events"], ["history", "p"]):
                self.assertEqual(self.run_cli(*words, "--json", code=1, err="firegw: no\n"), "")


class Language(Case):
    def test_messages_follow_the_locale(self):
        zh, en = "12层走廊烟感3 火警", "f12-smoke-3: smoke"
        with self.daemon(alarms=lambda a: iter([EVENT]), events=lambda a: iter([EVENT])):
            for env, text in (({}, en), ({"LANG": "zh_CN.UTF-8"}, zh), ({"LC_MESSAGES": "zh_TW", "LANG": "en_US"}, zh), ({"LC_ALL": "C.UTF-8", "LANG": "zh_CN.UTF-8"}, en),
                              ({"LC_ALL": "", "LANG": "zh_CN.UTF-8"}, zh), ({"LANG": "en_GB.UTF-8"}, en)):
                for verb in ("alarms", "events"):
                    out = self.run_cli(verb, env=env)
                    self.assertEqual((zh in out, en in out), (text == zh, text == en), (env, out))
        only = dict(EVENT, message={"zh": "", "en": "no other"})
        with self.daemon(alarms=lambda a: iter([only])):
            self.assertIn("no other", self.run_cli("alarms", env={"LANG": "zh_CN.UTF-8"}))

    def test_help_says_what_cannot_be_guessed(self):
        for words, texts in (((), ("systemctl reload firegwd", "SIGHUP")), (("check",), ("systemctl reload firegwd",)), (("events",), ("could not be stored yet", '"durable":false')),
                             (("alarms",), ("_gw.bus-NAME/down",)), (("history",), ("count and mean count each", "the site's, as the file keeps it"))):
            help_ = self.run_cli(*words, "--help")
            for text in texts:
                self.assertIn(text, help_)

    def test_versions(self):
        said = {"firegw": r"firegw \d", "firegwd": r"firegwd \d", "firegw-sim": r"firegw-sim \d", "firegw-uplink": r"firegw-uplink \d"}
        for program, first in said.items():
            for option in ("--version", "-V", "-v"):
                p = subprocess.run([os.path.join(BIN, program), option], capture_output=True, text=True, env=dict(self.env, FIREGW_SOCKET=self.socket), timeout=WAIT_S)
                self.assertEqual((p.returncode, p.stderr), (0, ""), (program, option))
                self.assertTrue(re.match(first, p.stdout), p.stdout)


if __name__ == "__main__":
    unittest.main(argv=[sys.argv[0], *sys.argv[2:]])
