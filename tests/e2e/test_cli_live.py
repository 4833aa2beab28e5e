"""The command beside a running daemon, and without one: what it prints, what programs get from it, how it ends."""
import csv
import io
import json
import os
import re
import signal
import socket
import subprocess
import time

import pytest
from stage import BIN, SMOKE_RULE, as_nobody, bus, free_port, hub, site_text, smoke_points, wait_for

PRESSURE = "{point: p, name: 压力, kind: hydrant_pressure, fc: 3, register: 0, type: u16, scale: 0.01, unit: MPa}"
LATCH = """  - id: latched
    for: {point: facp.smoke2}
    when: {equals: 1}
    class: fire
    latch: true
"""


@pytest.fixture
def live(site):
    site.eq = site.equipment()
    site.eq.set(3, 0, 35)
    site.d = site.daemon(site_text(site.folder, bus(site.eq.ports[0], [*smoke_points(3), PRESSURE]), rules=SMOKE_RULE + LATCH, hubs=hub(free_port())))
    wait_for(lambda: all(p["quality"] == "good" for p in site.d.points().values()), what="values")
    return site


class Follower:
    """`firegw VERB --follow` and what it has printed so far."""

    def __init__(self, site, name, *args, verb="events"):
        self.out = site.folder / f"{name}.out"
        with open(self.out, "wb") as f:
            self.child = subprocess.Popen([BIN / "firegw", verb, "--follow", *args], stdout=f, stderr=subprocess.STDOUT, env={**os.environ, "FIREGW_SOCKET": str(site.folder / "fw.sock")})

    def lines(self):
        return self.out.read_bytes().rpartition(b"\n")[0].decode().splitlines()  # whole lines

    def stop(self):
        if self.child.poll() is None:
            self.child.kill()
            self.child.wait()


def ours(rows):
    """Without what the gateway says of itself: a busy machine makes it late, and the hub of these tests is never there."""
    return [r for r in rows if not r["alarm"].startswith("_gw.")]


def test_present(live):
    d = live.d
    assert "4 points on 1 line, 2 rules, 1 hub; socket" in d.text()
    text = d.cli("status").stdout
    for part in ("qj-test-01", "line", "district", "1 of 1", "up"):
        assert part in text, text
    status = json.loads(d.cli("status", "--json").stdout)
    assert status["gateway"] == "qj-test-01" and status["lines"][0]["up"] is True and status["hubs"][0]["up"] is False and status["points"] == {"total": 4, "good": 4}
    assert "facp.p" in d.cli("points").stdout and "0.35" in d.cli("points", "facp.p").stdout
    points = json.loads(d.cli("points", "kind=smoke_detector", "--json").stdout)
    assert [p["id"] for p in points] == ["facp.smoke1", "facp.smoke2", "facp.smoke3"] and all(p["value"] == 0 and p["quality"] == "good" for p in points)
    assert d.cli("points", "floor=13", check=False).returncode == 1
    assert ours(json.loads(d.cli("alarms", "--json").stdout)) == []
    live.eq.set(1, 0, 1)
    wait_for(lambda: ours(json.loads(d.cli("alarms", "--json").stdout)), what="an alarm")
    alarms = json.loads(d.cli("alarms", "--json", "class=fire").stdout)
    assert [a["alarm"] for a in alarms] == ["facp.smoke1/smoke"] and alarms[0]["state"] == "active"
    assert "facp.smoke1/smoke" in d.cli("alarms").stdout
    # A mistyped word must not look like an all-clear.
    n = len(json.loads(d.cli("alarms", "--json").stdout))
    others = "1 other stands" if n == 1 else f"{n} others stand"
    assert d.cli("alarms", "fire").stdout == f"no alarm fits: fire (did you mean class=fire?); {others}, `firegw alarms` shows all\n"
    events = [json.loads(line) for line in d.cli("events", "--json").stdout.splitlines()]
    assert [e["n"] for e in events] == list(range(1, len(events) + 1)) and [e for e in events if e["alarm"] == "facp.smoke1/smoke"] == alarms
    assert [json.loads(line)["transition"] for line in d.cli("events", "--json", "--class", "fire").stdout.splitlines()] == ["raised"]
    assert d.cli("points", "--bad").stdout == "every point is good\n" and d.cli("points", "--bad", "--json").stdout == "[]\n"
    live.eq.stop()
    wait_for(lambda: len(re.findall("comm|stale", d.cli("points", "--bad").stdout)) == 4, what="which points are not good")
    wait_for(lambda: "_gw.bus-line/down" in d.cli("alarms", "bus=line", "class=fault").stdout, seconds=60, what="the line's fault, found by the line's name")
    version = d.cli("version").stdout
    assert d.ask("version")[1]["result"]["version"] in version


def test_acting(live):
    d = live.d
    for verb in ("ack", "reset"):
        done = d.cli(verb, "facp.smoke1/smoke", check=False)
        assert done.returncode == 1 and "normal" in done.stderr
    done = d.cli("ack", "nothing/at-all", check=False)
    assert done.returncode == 1 and "nothing/at-all" in done.stderr
    assert d.cli("ack", check=False).returncode == 2
    live.eq.set(1, 0, [1, 1])
    wait_for(lambda: {"facp.smoke1/smoke", "facp.smoke2/latched"} <= d.alarms().keys(), what="both alarms")
    d.cli("ack", "facp.smoke1/smoke", "--note", "看过了")
    assert d.alarms()["facp.smoke1/smoke"]["state"] == "acked"
    event = [e for e in d.ask("events")[0] if e["transition"] == "acknowledged"][0]
    assert event["note"] == "看过了" and event["actor"] and event["cause"] == "person"
    assert d.cli("ack", "facp.smoke1/smoke", check=False).returncode == 1
    done = d.cli("reset", "facp.smoke2/latched", "--json", check=False)
    assert done.returncode == 1 and json.loads(done.stdout)["ok"] is False
    assert json.loads(d.cli("ack", "facp.smoke2/latched", "--json").stdout)["ok"] is True
    live.eq.set(1, 0, [0, 0])
    wait_for(lambda: d.alarms().get("facp.smoke2/latched", {}).get("state") == "latched", what="latched")
    d.cli("reset", "facp.smoke2/latched")
    assert "facp.smoke2/latched" not in d.alarms() and "facp.smoke1/smoke" not in d.alarms()


def test_roles(live):
    """Who is in no group of ours may look and not touch."""
    if os.geteuid() != 0:
        pytest.skip("needs another user to be")
    code, said = as_nobody(live.folder, "status")
    assert code == 0, said
    live.eq.set(1, 0, 1)
    wait_for(lambda: "facp.smoke1/smoke" in live.d.alarms(), what="an alarm")
    code, said = as_nobody(live.folder, "ack", "facp.smoke1/smoke")
    assert code == 1 and "firegw-operators" in said
    assert live.d.alarms()["facp.smoke1/smoke"]["state"] == "active"


def test_follow(live):
    text, many = live.add(Follower(live, "follow", "--since", "1h")), live.add(Follower(live, "follow-json", "--since", "1h", "--json"))
    wait_for(lambda: len(many.lines()) >= 2, what="the stored ones")
    for i in range(3):
        live.eq.set(1, i, 1)
        wait_for(lambda: any(f"smoke{i + 1}/smoke" in line for line in many.lines()), what="a new event, at once")
    wait_for(lambda: any("smoke3/smoke" in line for line in text.lines()), what="for people too")
    got = [json.loads(line) for line in many.lines()]
    numbered = [e["n"] for e in got if e["durable"]]
    assert numbered == list(range(1, len(numbered) + 1)), "no gap and no repetition between what was stored and what is new"
    many.child.send_signal(signal.SIGINT)
    assert many.child.wait(60) in (0, 130, -signal.SIGINT)
    live.d.terminate()
    assert text.child.wait(60) == 3, "the daemon went away"


def test_follow_points(live):
    d, eq = live.d, live.eq
    rows = live.add(Follower(live, "points-json", "--json", "--every", "100ms", verb="points"))
    text = live.add(Follower(live, "points", "facp.p", "--every", "100ms", verb="points"))
    bad = live.add(Follower(live, "points-bad", "--json", "--bad", "--every", "100ms", verb="points"))
    wait_for(lambda: len(rows.lines()) == 4 and len(text.lines()) == 2, what="what is now")
    eq.set(3, 0, 40)
    wait_for(lambda: len(rows.lines()) == 5 and len(text.lines()) == 3, what="a change")
    assert json.loads(rows.lines()[-1])["value"] == 0.4 and "0.4 MPa  good" in text.lines()[-1]
    # Loaded anew: nobody loses what they follow, and what did not change is not told again.
    d.site.write_text(d.site.read_text() + "\n")
    d.signal(signal.SIGHUP)
    wait_for(lambda: "configuration loaded: 4 points, 2 rules" in d.text(), what="the reload")
    eq.set(3, 0, 45)
    wait_for(lambda: len(rows.lines()) == 6 and len(text.lines()) == 4, what="a change after a reload")
    eq.stop()
    wait_for(lambda: len(rows.lines()) == 10 and len(bad.lines()) == 4, what="the line went")
    assert {json.loads(line)["quality"] for line in rows.lines()[6:]} == {"comm"}
    assert all(json.loads(line)["quality"] == "comm" for line in bad.lines()), "those that are good were not shown"
    rows.child.send_signal(signal.SIGINT)
    assert rows.child.wait(60) == 0
    d.terminate()
    assert text.child.wait(60) == 3 and bad.child.wait(60) == 3, "the daemon went away"


def test_follow_points_sends_changes_only(live):
    with socket.socket(socket.AF_UNIX) as s:
        s.settimeout(20)
        s.connect(str(live.folder / "fw.sock"))
        s.sendall(b'{"verb":"points","args":{"select":"facp.*","follow":true,"every":100}}\n')
        rows = (json.loads(line)["row"] for line in s.makefile("rb"))
        assert {next(rows)["id"] for _ in range(4)} == live.d.points().keys()
        told = []
        for v in (40, 45, 35):
            live.eq.set(3, 0, v)
            told.append(next(rows))
        live.eq.set(1, 0, 1)
        told.append(next(rows))
        assert [(p["id"], p["value"], p["quality"]) for p in told] == [("facp.p", 0.4, "good"), ("facp.p", 0.45, "good"), ("facp.p", 0.35, "good"), ("facp.smoke1", 1, "good")]


def test_follow_points_is_bounded(live):
    d = live.d
    for args, word in (({"every": 50}, "every"), ({"every": 60001}, "every"), ({"every": "1s"}, "every"), ({"bad": True}, "bad"), ({"select": "kind=x"}, "kind")):
        end = d.ask("points", follow=True, **args)[1]
        assert end["ok"] is False and end["code"] == "invalid" and word in end["error"], end
    children = [live.add(Follower(live, f"many{i}", "facp.p", "--every", "1m", verb="points")) for i in range(33)]
    wait_for(lambda: any(c.child.poll() is not None for c in children), what="one too many")
    ended = [c for c in children if c.child.poll() is not None]
    assert len(ended) == 1 and ended[0].child.returncode == 1 and "32 follow points already" in ended[0].out.read_text()
    for c in children:
        c.stop()
    again = live.add(Follower(live, "again", "facp.p", "--json", "--every", "100ms", verb="points"))
    wait_for(lambda: len(again.lines()) == 1, what="room again")
    live.eq.set(3, 0, 41)
    wait_for(lambda: len(again.lines()) == 2, what="a change")


def test_follow_alarms_and_status(live):
    d, eq = live.d, live.eq
    eq.set(1, 0, 1)
    wait_for(lambda: "facp.smoke1/smoke" in d.alarms(), what="an alarm")
    rows, text = live.add(Follower(live, "alarms-json", "class=fire", "--json", verb="alarms")), live.add(Follower(live, "alarms", "class=fire", verb="alarms"))
    status = live.add(Follower(live, "status", "--json", "--every", "100ms", verb="status"))
    wait_for(lambda: len(rows.lines()) == 1 and len(text.lines()) == 2, what="what stands")
    eq.set(1, 1, 1)
    wait_for(lambda: any("smoke2/latched" in line for line in rows.lines()) and "smoke2/latched" in text.out.read_text(), what="one more")
    d.cli("ack", "facp.smoke1/smoke")
    eq.set(1, 0, [0, 0])
    wait_for(lambda: any('"cleared"' in line for line in rows.lines()), what="its end")
    seen = [(e["alarm"], e["transition"]) for e in map(json.loads, rows.lines())]
    assert [t for a, t in seen if a == "facp.smoke1/smoke"] == ["raised", "acknowledged", "returned", "cleared"] and len(seen) == len(set(seen))
    wait_for(lambda: len(status.lines()) > 3 and json.loads(status.lines()[-1])["alarms"]["fire"] == 2, what="the counts")
    for f in (rows, status):
        f.child.send_signal(signal.SIGINT)
        assert f.child.wait(60) == 0
    d.terminate()
    assert text.child.wait(60) == 3


def test_several_alarms(live):
    d = live.d
    live.eq.set(1, 0, [1, 1, 1])
    wait_for(lambda: {"facp.smoke1/smoke", "facp.smoke2/latched", "facp.smoke3/smoke"} <= d.alarms().keys(), what="the alarms")
    hint = d.cli("ack", "facp.smoke2", check=False)
    assert hint.returncode == 1 and "alarms of this point: facp.smoke2/" in hint.stderr
    assert d.cli("ack", "facp.smoke1/smoke", "facp.smoke2/*").stdout.splitlines()[0] == "facp.smoke1/smoke: acked"
    rows = [json.loads(line) for line in d.cli("ack", "facp.*", "--json").stdout.splitlines()]
    assert "facp.smoke3/smoke" in [r["alarm"] for r in rows] and "facp.smoke1/smoke" not in [r["alarm"] for r in rows] and all(r["ok"] and r["error"] is None for r in rows)
    done = d.cli("reset", "facp.smoke2/*", check=False)
    assert done.returncode == 1 and "facp.smoke2/latched" in done.stderr and "still stands" in done.stderr


def test_hints(live):
    d = live.d
    for words, hint in ((["building=c"], "no building 'c'"), (["device=fapc"], "did you mean 'facp'?"), (["bus=lnie"], "did you mean 'line'?"), (["facp.smok1"], "did you mean 'facp.smoke1'?"),
                        (["smoke_detector"], "did you mean kind=smoke_detector?"), (["floor=99"], "no floor '99'")):
        done = d.cli("points", *words, check=False)
        assert done.returncode == 1 and hint in done.stderr, done.stderr
    assert "(no building 'c'" in d.cli("alarms", "building=c").stdout and "(" not in d.cli("alarms", "device=facp").stdout
    done = d.cli("alarms", "--floor", "12", check=False)
    assert done.returncode == 2 and "did you mean floor=12?" in done.stderr


def test_history(live):
    d = live.d
    for v in (40, 45, 50):
        live.eq.set(3, 0, v)
        wait_for(lambda: d.points()["facp.p"]["value"] == v / 100, what="the value")
    wait_for(lambda: json.loads(d.cli("history", "facp.p", "--json").stdout)[-1][1] == 0.5, what="all stored")
    rows = json.loads(d.cli("history", "facp.p", "--json").stdout)
    assert [r[1] for r in rows if r[2] == "good"] == [0.35, 0.4, 0.45, 0.5] and all(abs(r[0] / 1000 - time.time()) < 120 for r in rows)
    table = d.cli("history", "facp.p").stdout
    assert all(v in table for v in ("0.35", "0.4", "0.45", "0.5"))
    sheet = list(csv.DictReader(io.StringIO(d.cli("history", "facp.p", "--format", "csv").stdout.lstrip("\ufeff"))))
    assert [float(r["value"]) for r in sheet if r["quality"] == "good"] == [0.35, 0.4, 0.45, 0.5] and {r["point"] for r in sheet} == {"facp.p"}
    buckets = json.loads(d.cli("history", "facp.p", "--every", "1h", "--json").stdout)
    good = [b for b in buckets if b[5]]
    assert sum(b[5] for b in good) == 4 and min(b[1] for b in good) == 0.35 and max(b[2] for b in good) == 0.5 and good[-1][4] == 0.5
    whole = json.loads(d.cli("history", "facp.*", "--json").stdout)
    assert {"facp.p", "facp.smoke1"} <= whole.keys() and whole["facp.p"] == rows
    assert d.cli("history", "no.such", check=False).returncode == 1
    beside = subprocess.run([BIN / "firegw", "history", "facp.p", "--json", "--db", live.folder / "firegw.db"], capture_output=True, text=True)
    assert beside.returncode == 0 and json.loads(beside.stdout) == rows, "the file, while the daemon runs"
    assert d.terminate() == 0
    done = d.cli("history", "facp.p", check=False)
    assert done.returncode == 3 and "fw.sock" in done.stderr
    table = subprocess.run([BIN / "firegw", "history", "facp.p", "--db", live.folder / "firegw.db"], capture_output=True, text=True, env={**os.environ, "TZ": "Pacific/Auckland"})
    assert table.stderr == "" and all(time.strftime("%Y-%m-%d %H:%M:%S", time.gmtime(r[0] / 1000 + 8 * 3600)) in table.stdout for r in rows), "the site's zone is in the file"
    after = subprocess.run([BIN / "firegw", "history", "facp.p", "--json", "--db", live.folder / "firegw.db"], capture_output=True, text=True)
    assert json.loads(after.stdout) == rows
    for verb in ("status", "points", "alarms", "events"):
        assert d.cli(verb, check=False).returncode == 3


MISTAKES = {
    "site.yaml": """site:
  gateway: QJ-01
  region: "50011000200"
  colour: red
  buildings:
    - {id: a, floors: 32}
hubs:
  - {name: district, url: "ftp://hub.example"}
buses:
  - name: line
    url: tcp://127.0.0.1:1502
    timeout: 500
    devices:
      - {name: facp, unit: 1, building: c, points: facp.csv}
rules: [rules.yaml]
""",
    "facp.csv": "point,kind,fc,register,type\np1,smoke_detektor,1,0,bool\np2,smoke_detector,3,1,u17\np2,smoke_detector,1,2,bool\n",
    "rules.yaml": """rules:
  - {id: low, for: {kind: smoke_detector}, when: {below: 0.1, deadband: -1}}
""",
}
EXPECTED = [("site.yaml", 2, 12, "QJ-01"), ("site.yaml", 3, 11, "12"), ("site.yaml", 4, 3, "colour"), ("site.yaml", 8, 27, "ftp"), ("site.yaml", 12, 14, "duration"), ("site.yaml", 14, 41, "building"),
            ("facp.csv", 2, 4, "smoke_detector"), ("facp.csv", 3, 23, "u16"), ("facp.csv", 4, 1, "twice"), ("rules.yaml", 2, 73, "negative")]


def test_ten_mistakes(tmp_path):
    for name, text in MISTAKES.items():
        (tmp_path / name).write_text(text)
    done = subprocess.run([BIN / "firegw", "check", "-c", tmp_path / "site.yaml", "--json"], capture_output=True, text=True)
    findings = [f for f in json.loads(done.stdout) if f["severity"] == "error"]
    got = {(os.path.basename(f["file"]), f["line"], f["column"]): f["text"] for f in findings}
    assert done.returncode == 2 and got.keys() == {e[:3] for e in EXPECTED}, done.stdout
    for file, at, column, word in EXPECTED:
        assert word in got[file, at, column]
    plain = subprocess.run([BIN / "firegw", "check", "-c", tmp_path / "site.yaml"], capture_output=True, text=True)
    for file, at, column, _ in EXPECTED:
        assert f"{tmp_path / file}:{at}:{column}: error: " in plain.stdout + plain.stderr
    daemon = subprocess.run([BIN / "firegwd", "-c", tmp_path / "site.yaml"], capture_output=True, text=True, timeout=30)
    assert daemon.returncode == 2 and daemon.stderr.count(": error: ") == 10


def test_show_is_the_same_site(live):
    """What the daemon says its config is, is what `show` gives, loaded again by another daemon."""
    d = live.d
    shown = d.cli("show", "-c", d.site).stdout
    again = live.folder / "shown.yaml"
    again.write_text(shown)
    d.cli("check", "-c", again)
    assert d.cli("show", "-c", again).stdout == shown
    config, log = d.status()["config"], d.status()["log"]
    assert d.terminate() == 0
    d.site = again
    d.start()
    assert d.status()["config"] == config and d.status()["log"] == log
