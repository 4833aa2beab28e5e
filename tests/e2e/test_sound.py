"""The local sounder: what is heard in the control room, and what is said if nothing is. The player is a stand-in that judges by the samples; the last test has the real one."""
import os
import re
import subprocess

import pytest

from stage import MACHINE, SMOKE_RULE, bus, hub, site_text, smoke_points, wait_for

PLAYER = r'''#!/usr/bin/python3
import array, os, signal, sys, time
folder = os.path.dirname(os.path.abspath(__file__))
log = open(folder + "/heard", "a", buffering=1)
mode = open(folder + "/mode").read()
print("start", *sys.argv[1:], file=log)
if mode == "broken":
    print("aplay: main:830: audio open error: \x1b[31mNo such device", file=sys.stderr)
    sys.exit(1)
def end(*_):
    print("silent", file=log)
    os._exit(1)
signal.signal(signal.SIGTERM, end)
if mode == "stuck":
    while True:
        signal.pause()
rest = b""
while part := os.read(0, 3200):
    rest += part
    while len(rest) >= 3200:
        s, rest = array.array("h", rest[:3200]), rest[3200:]
        turns = sum((a < 0) != (b < 0) for a, b in zip(s, s[1:])) / 2 / 0.1
        print("nothing" if not any(s) else "fire" if 750 < turns < 1650 else "fault" if turns < 750 else "?", max(map(abs, s)), file=log)
        time.sleep(0.02)
print("end", file=log)
'''


class Ear:
    """A folder to be the PATH, with a player in it."""

    def __init__(self, folder):
        self.folder = folder / "player"
        self.folder.mkdir()
        (self.folder / "heard").touch()
        self.play("well")
        program = self.folder / "aplay"
        program.write_text(PLAYER)
        program.chmod(0o755)
        self.env = {"PATH": str(self.folder)}

    def play(self, mode):
        (self.folder / "mode").write_text(mode)

    def heard(self):
        return (self.folder / "heard").read_text().splitlines()

    def now(self):
        """The last thing that was heard, or that it fell silent; not pauses, and not a look whether it would sound."""
        words = [line.split()[0] for line in self.heard()]
        return ([w for w in words if w not in ("start", "nothing", "end")] or [""])[-1]

    def since(self, n):
        return {line.split()[0] for line in self.heard()[n:]}


@pytest.fixture
def ear(site):
    return Ear(site.folder)


def start(site, ear, sound="{device: hw-7}", n=3, more="", hubs=""):
    eq = site.equipment()
    text = site_text(site.folder, bus(eq.ports[0], smoke_points(n), more=more), rules=SMOKE_RULE, hubs=hubs).replace("  buildings:", f"  sound: {sound}\n  buildings:", 1)
    d = site.daemon(text, start=False)
    d.start(env=ear.env)
    for own in MACHINE:  # they would be heard
        d.cli("shelve", own, "--for", "4h", "--note", "a busy machine")
    return eq, d, text


def state(d, alarm):
    return d.alarms().get(alarm, {"state": "normal"})["state"]


def none(d):
    return d.alarms().get("_gw.sound/none")


def test_a_fire_is_heard_until_somebody_acknowledges_it(site, ear):
    eq, d, _ = start(site, ear)
    wait_for(lambda: "end" in ear.heard(), what="a look whether it would sound")
    assert ear.heard()[0] == "start -q -D hw-7 -t raw -f S16_LE -c 1 -r 16000" and ear.since(1) == {"nothing", "end"}
    eq.set(1, 0, 1)
    wait_for(lambda: ear.now() == "fire", what="the fire's tone")
    assert int([line for line in ear.heard() if line.startswith("fire")][-1].split()[1]) > 20000
    d.cli("ack", "facp.smoke1/smoke")
    wait_for(lambda: ear.now() == "silent", what="silence")
    seen = len(ear.heard())
    # It comes and goes while nobody acknowledges it: it is heard still.
    eq.set(1, 1, 1)
    wait_for(lambda: ear.now() == "fire", what="the next one")
    eq.set(1, 1, 0)
    wait_for(lambda: state(d, "facp.smoke2/smoke") == "returned", what="returned")
    lines = len(ear.heard())
    wait_for(lambda: len(ear.heard()) > lines + 5 and ear.now() == "fire", what="it goes on")
    assert "silent" not in ear.since(seen)
    d.terminate()
    wait_for(lambda: not subprocess.run(["pgrep", "-f", str(ear.folder / "aplay")], capture_output=True, text=True).stdout, what="the player's end")
    assert "ERROR: " not in d.text() and none(d.start(env=ear.env)) is None
    wait_for(lambda: ear.now() == "fire", what="the same fire after a restart")


def test_silenced_until_a_new_fire(site, ear):
    eq, d, text = start(site, ear)
    eq.set(1, 0, 1)
    wait_for(lambda: ear.now() == "fire", what="the fire's tone")
    d.cli("silence", "--note", "on our way")
    wait_for(lambda: ear.now() == "silent", what="silence")
    seen = len(ear.heard())
    d.cli("raise", "fault", "--floor", "3", "--note", "lamp")
    wait_for(lambda: state(d, "_manual.a.3/fault") == "active", what="a fault")
    eq.set(1, 0, 0)
    wait_for(lambda: state(d, "facp.smoke1/smoke") == "returned", what="returned")
    assert not {"fire", "fault"} & ear.since(seen)
    # Nor is a fire of a test, or one that is set aside, until it is not any more.
    d.cli("test", "facp.smoke2", "--for", "1h")
    d.cli("shelve", "facp.smoke3/smoke", "--for", "1h", "--note", "dust")
    eq.set(1, 1, [1, 1])
    for k in (2, 3):
        wait_for(lambda: state(d, f"facp.smoke{k}/smoke") == "active", what="raised")
    d.cli("ack", "_manual.a.3/fault")
    wait_for(lambda: d.alarms()["_manual.a.3/fault"]["state"] == "acked", what="an event behind them")
    assert d.status()["silenced"] and not {"fire", "fault"} & ear.since(seen)
    d.cli("unshelve", "facp.smoke3/smoke")
    wait_for(lambda: ear.now() == "fire", what="a fire that nobody has heard")
    assert d.status()["silenced"] is None
    d.cli("silence")
    wait_for(lambda: ear.now() == "silent", what="silence")
    seen = len(ear.heard())
    eq.set(1, 0, 1)
    wait_for(lambda: "fire" in ear.since(seen), what="a fire that comes again")
    # What was heard before a reload is not new after it; what was set aside then is.
    d.cli("shelve", "facp.smoke3/smoke", "--for", "1h", "--note", "dust")
    d.cli("silence")
    wait_for(lambda: ear.now() == "silent", what="silence")
    # The alarms have other numbers in it.
    d.site.write_text(text.replace("rules:\n", "rules:\n  - {id: silent, for: {kind: smoke_detector}, when: {quality: bad}, class: fault}\n", 1))
    d.signal(1)
    wait_for(lambda: any(e["transition"] == "config_loaded" and e["cause"] == "person" for e in d.ask("events")[0]), what="the reload")
    d.cli("verify", "facp.smoke1/smoke", "false", "--cause", "steam")
    assert d.status()["silenced"]
    d.cli("unshelve", "facp.smoke3/smoke")
    wait_for(lambda: d.status()["silenced"] is None and ear.now() == "fire", what="the fire that was set aside")


def test_a_fault_has_a_tone_of_its_own_and_a_fire_goes_before(site, ear):
    eq, d, _ = start(site, ear)
    d.cli("raise", "fault", "--floor", "3", "--note", "lamp")
    wait_for(lambda: {"fault", "nothing"} <= ear.since(0), what="the fault's tone and its pause")
    assert "fire" not in ear.since(0)
    eq.set(1, 0, 1)
    wait_for(lambda: ear.now() == "fire", what="the fire's tone")
    d.cli("ack", "facp.smoke1/smoke")
    seen = len(ear.heard())
    wait_for(lambda: "fault" in ear.since(seen), what="the fault's again")
    d.cli("ack", "_manual.a.3/fault")
    wait_for(lambda: ear.now() == "silent", what="silence")


def test_what_is_hidden_or_under_test_is_not_heard(site, ear):
    eq, d, _ = start(site, ear)
    wait_for(lambda: "end" in ear.heard(), what="a look whether it would sound")
    d.cli("shelve", "facp.smoke1/smoke", "--for", "1h", "--note", "dust")
    d.cli("test", "facp.smoke2", "--for", "1h", "--note", "yearly")
    d.cli("service", "facp.smoke3", "out", "--note", "painters")
    for k in range(3):
        eq.set(1, k, 1)
        wait_for(lambda: state(d, f"facp.smoke{k + 1}/smoke") == "active", what="raised")
    # A fault is heard, which it would not be beside a fire.
    d.cli("raise", "fault", "--floor", "3", "--note", "lamp")
    wait_for(lambda: "fault" in ear.since(0), what="the fault's tone")
    assert "fire" not in ear.since(0)
    d.cli("test", "facp.smoke2", "--end")
    wait_for(lambda: ear.now() == "fire", what="what stands when the test is over")


def test_a_sounder_that_does_not_play_is_a_fault_of_our_own(site, ear):
    broker = site.broker()
    ear.play("broken")
    eq, d, text = start(site, ear, hubs=hub(broker.port))
    console = site.console(broker)
    wait_for(lambda: none(d) and none(d)["state"] == "active", what="the fault")
    assert re.fullmatch(r"no alarm is heard in the control room: aplay: main:830: audio open error: .*No such device", none(d)["message"]["en"])
    assert "\x1b" not in none(d)["message"]["en"] and none(d)["message"]["zh"].startswith("控制室听不到报警声:aplay")
    assert d.text().count("does not play") == 1
    ear.play("well")
    wait_for(lambda: none(d)["state"] == "returned", seconds=30, what="it plays again")
    # Another device, then none at all.
    site_file = site.folder / "site.yaml"
    site_file.write_text(text.replace("hw-7", "hw-8"))
    d.signal(1)
    wait_for(lambda: any("-D hw-8" in line for line in ear.heard()), what="the other device")
    site_file.write_text(text.replace("  sound: {device: hw-7}\n", ""))
    d.signal(1)
    wait_for(lambda: console.events(alarm="_gw.sound/none", transition="removed"), what="its fault is gone with it")
    seen = len(ear.heard())
    eq.set(1, 0, 1)
    wait_for(lambda: state(d, "facp.smoke1/smoke") == "active", what="raised")
    assert not {"fire", "start"} & ear.since(seen)


def test_a_player_that_takes_no_sound_and_one_that_is_not_there(site, ear):
    ear.play("stuck")
    eq, d, text = start(site, ear)
    eq.set(1, 0, 1)
    wait_for(lambda: none(d), seconds=30, what="the fault")
    assert "plays nothing on device 'hw-7'" in none(d)["message"]["en"]
    # It stands while it is tried again, and again.
    starts = sum(line.startswith("start") for line in ear.heard())
    wait_for(lambda: sum(line.startswith("start") for line in ear.heard()) >= starts + 2, seconds=50, what="two more tries")
    assert none(d)["state"] == "active" and "plays on device" not in d.text()
    d.terminate()
    (ear.folder / "aplay").unlink()
    d.start(env=ear.env)
    wait_for(lambda: "cannot start 'aplay': no such file or directory; it comes with the package alsa-utils" in d.text(), what="what is missing")
    assert state(d, "facp.smoke1/smoke") == "active"


def test_the_real_player(site, ear):
    ear.env = {}
    eq, d, text = start(site, ear, sound='{device: "null"}')
    eq.set(1, 0, 1)
    wait_for(lambda: subprocess.run(["pgrep", "-P", str(d.child.pid), "aplay"], capture_output=True).stdout, what="aplay")
    site_file = site.folder / "site.yaml"
    site_file.write_text(text.replace('"null"', "no-such-card"))
    assert none(d) is None
    d.signal(1)
    wait_for(lambda: none(d), what="the fault")
    assert "aplay" in none(d)["message"]["en"]
    # What it is called with, it knows.
    out = subprocess.run(["aplay", "-q", "-D", "null", "-t", "raw", "-f", "S16_LE", "-c", "1", "-r", "16000"], input=bytes(3200), capture_output=True, env={**os.environ, "LC_ALL": "C"})
    assert out.returncode == 0, out.stderr
