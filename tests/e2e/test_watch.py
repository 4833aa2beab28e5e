"""firegw watch as a brigade's console: what it shows when the broker, a gateway or itself was away, and that no gap is left after the replay."""
import fcntl
import json
import os
import pty
import re
import signal
import struct
import subprocess
import termios
import threading

import pytest
from stage import BIN, SMOKE_RULE, Process, bus, hub, site_text, smoke_points, wait_for


class Watch(Process):
    """`firegw watch --json`; its lines are parsed as they come."""

    def __init__(self, folder, *args, name="watch"):
        super().__init__(folder / f"{name}.log")
        self.args = args

    def start(self):
        self.spawn([BIN / "firegw", "watch", "--json", *self.args])
        return self

    def lines(self):
        return [json.loads(line) for line in self.text().rpartition("\n")[0].splitlines() if line.startswith("{")]

    def notes(self, what, **fields):
        return [o for o in self.lines() if o.get("watch") == what and all(o.get(k) == v for k, v in fields.items())]

    def events(self, **fields):
        return [o for o in self.lines() if "watch" not in o and all(o.get(k) == v for k, v in fields.items())]

    def seqs(self, stream="fire"):
        return [e["seq"] for e in self.events(stream=stream)]

    def online(self, n=1):
        """Until the first status without the retain flag, which may be a heartbeat away."""
        return wait_for(lambda: len(self.notes("gateway", state="online")) >= n, 60, "a live status at the console")

    def uplink(self):
        found = subprocess.run(["pgrep", "-P", str(self.child.pid), "firegw-uplink"], capture_output=True, text=True)
        return int(found.stdout.split()[0])

    def miss(self, what):
        """What happens while the console is away, its connection gone with all that the broker would have held for it."""
        uplink = self.uplink()
        self.signal(signal.SIGSTOP)
        os.kill(uplink, signal.SIGKILL)
        what()
        self.signal(signal.SIGCONT)

    def end(self):
        assert self.terminate() == 0, self.text()
        return self.lines()[-1]


def daemon(site, broker, eq, **more):
    return site.daemon(site_text(site.folder, bus(eq.ports[0], smoke_points(12)), rules=SMOKE_RULE, hubs=hub(broker.port, **more))).hub_up()


def watching(site, broker, *args, **more):
    return site.add(Watch(site.folder, f"mqtt://127.0.0.1:{broker.port}", *args, **more)).start()


def raise_fires(eq, d, numbers):
    for i in numbers:
        eq.set(1, i - 1, 1)
        wait_for(lambda: f"facp.smoke{i}/smoke" in d.alarms(), what=f"fire {i}")


def drained(d):
    return wait_for(lambda: d.hub()["backlog"]["events"] == 0 and d.hub()["in_flight"] == 0, what="all is acknowledged")


def test_a_console_that_was_away(site):
    """Started late: what stands is told. Stopped and cut off: the next events show the gap, the replay fills it."""
    broker, eq = site.broker(), site.equipment()
    d = daemon(site, broker, eq)
    raise_fires(eq, d, [1, 2])
    drained(d)
    w = watching(site, broker)
    wait_for(lambda: {o["event"]["alarm"] for o in w.notes("standing")} >= {"facp.smoke1/smoke", "facp.smoke2/smoke"}, what="what stands")
    w.online()
    raise_fires(eq, d, [3])
    wait_for(lambda: w.seqs() == [3], what="the live event")

    def away():
        raise_fires(eq, d, [4, 5, 6])
        drained(d)
    w.miss(away)
    wait_for(lambda: len(w.notes("broker", state="up")) >= 2, what="the console is back")
    raise_fires(eq, d, [7])
    wait_for(lambda: w.notes("gap", state="open", stream="fire"), 60, "the gap")
    wait_for(lambda: sorted(w.seqs()) == [3, 4, 5, 6, 7], 30, "the replay")
    raise_fires(eq, d, [8])
    wait_for(lambda: w.seqs()[-1] == 8, what="live again")
    end = w.end()
    assert end["watch"] == "end" and end["gaps_open"] == end["missing"] == 0 and end["gaps"] >= 1 and end["replayed"] >= 3
    assert end["duplicates"] == 0 and end["bad"] == 0 and end["alarms"] >= 8
    print("a console away:", end)


def test_a_stopped_console_misses_nothing(site):
    """SIGSTOP alone: its process keeps the connection and what came."""
    broker, eq = site.broker(), site.equipment()
    d = daemon(site, broker, eq)
    w = watching(site, broker, "--class", "fire")
    w.online()
    w.signal(signal.SIGSTOP)
    raise_fires(eq, d, [1, 2, 3])
    drained(d)
    w.signal(signal.SIGCONT)
    wait_for(lambda: w.seqs() == [1, 2, 3], what="what waited")
    end = w.end()
    assert end["gaps"] == 0 and end["duplicates"] == 0 and {e["class"] for e in w.events()} == {"fire"}


def test_the_broker_is_killed_and_restarted(site):
    broker, eq = site.broker(), site.equipment()
    d = daemon(site, broker, eq)
    w = watching(site, broker)
    w.online()
    raise_fires(eq, d, [1])
    wait_for(lambda: w.seqs() == [1], what="the first fire")
    broker.kill()
    wait_for(lambda: w.notes("broker", state="down"), what="the broker is gone")
    raise_fires(eq, d, [2, 3])
    broker.start()
    d.hub_up()
    wait_for(lambda: len(w.notes("broker", state="up")) >= 2, 60, "the console is back")
    raise_fires(eq, d, [4])
    wait_for(lambda: sorted(w.seqs()) == [1, 2, 3, 4], 90, "all of it, replayed or not")
    drained(d)
    end = w.end()
    assert end["gaps_open"] == end["missing"] == 0 and len(w.seqs()) == len(set(w.seqs()))
    print("broker killed:", end)


def test_a_gateway_is_killed(site):
    """Its will shows at once; a clean stop is told as one; it comes back with what happened meanwhile."""
    broker, eq = site.broker(), site.equipment()
    d = daemon(site, broker, eq)
    w = watching(site, broker)
    w.online()
    d.kill()
    wait_for(lambda: w.notes("gateway", state="offline", gateway="qj-test-01"), 30, "the will")
    eq.set(1, 0, 1)
    d.start()
    d.hub_up()
    w.online(2)
    wait_for(lambda: w.seqs() == [1], what="the fire that it found")
    assert d.terminate() == 0
    wait_for(lambda: w.notes("gateway", state="stopped"), what="the clean stop")
    end = w.end()
    assert end["gaps_open"] == 0 and end["duplicates"] == 0


def test_a_refused_replay_is_said(site):
    """The hub's `commands:` do not allow it: the gap stays open, and the reason is shown."""
    broker, eq = site.broker(), site.equipment()
    text = site_text(site.folder, bus(eq.ports[0], smoke_points(12)), rules=SMOKE_RULE, hubs=hub(broker.port)).replace("commands: [snapshot, replay, refresh]", "commands: [snapshot]")
    d = site.daemon(text).hub_up()
    w = watching(site, broker)
    w.online()
    raise_fires(eq, d, [1])
    wait_for(lambda: w.seqs() == [1], what="the first fire")
    w.miss(lambda: (raise_fires(eq, d, [2]), drained(d)))
    wait_for(lambda: len(w.notes("broker", state="up")) >= 2, what="the console is back")
    raise_fires(eq, d, [3])
    refused = wait_for(lambda: w.notes("gap", state="refused", stream="fire"), 90, "the refusal")[0]
    assert refused["from"] == refused["to"] == 2 and refused["text"]
    end = w.end()
    assert end["gaps_open"] == 1 and end["missing"] == 1
    print("refused:", refused["text"])


class Terminal:
    """A pseudo-terminal."""

    def __init__(self, *args, rows=40, columns=120, **env):
        self.pid, self.fd = pty.fork()
        if self.pid == 0:
            fcntl.ioctl(0, termios.TIOCSWINSZ, struct.pack("HHHH", rows, columns, 0, 0))
            os.environ.update({"TERM": "xterm-256color", **env})
            os.execv(BIN / "firegw", ["firegw", *map(str, args)])
        self.data, self.code, self.lock = b"", None, threading.Lock()
        threading.Thread(target=self.read, daemon=True).start()

    def read(self):
        while True:
            try:
                piece = os.read(self.fd, 65536)
            except OSError:
                return
            self.data += piece

    def picture(self):
        """The last whole picture, without its colours."""
        whole = self.data.decode(errors="replace").split("\x1b[H")[1:-1]  # the last one may still be coming
        return re.sub(r"\x1b\[[0-9;?]*[A-Za-z]", "", whole[-1] if whole else "")

    def stop(self):
        if self.code is None:
            os.kill(self.pid, signal.SIGINT)
            self.code = os.waitstatus_to_exitcode(os.waitpid(self.pid, 0)[1])
        return self.code


def test_the_picture_on_a_terminal(site):
    broker, eq = site.broker(), site.equipment()
    d = daemon(site, broker, eq)
    t, zh = (site.add(Terminal("watch", f"mqtt://127.0.0.1:{broker.port}", TZ="UTC-8", LC_ALL=locale)) for locale in ("C.UTF-8", "zh_CN.UTF-8"))
    wait_for(lambda: "1 gateway" in t.picture() and "1 gateway" in zh.picture(), what="both consoles see the fire begin")
    raise_fires(eq, d, [1])
    wait_for(lambda: "facp.smoke1/smoke" in t.picture() and "烟感1" in t.picture(), what="the fire in the picture")
    message = d.alarms()["facp.smoke1/smoke"]["message"]
    assert message["en"] != message["zh"] and message["en"] in t.picture(), t.picture()
    wait_for(lambda: zh.picture().count(message["zh"]) >= 2 and message["en"] not in zh.picture(), what="the same in Chinese, among alarms and events")
    assert b"\a" in t.data, "a fire that is meant sounds"
    lines = t.picture().splitlines()
    assert "127.0.0.1" in lines[0] and lines[0].endswith("times +08:00, this machine's") and re.search("1 gateway, [1-3] alarms?, ", lines[1]), lines
    d.kill()
    wait_for(lambda: "gateway qj-test-01 is offline" in t.picture(), 30, "the gateway that is away")
    print(t.picture())
    assert t.stop() == 0
    wait_for(lambda: b"\x1b[?1049l" in t.data and b"1 gateway, " in t.data.split(b"\x1b[?1049l")[-1], what="the screen as it was, and the counts")


def test_lines_where_nothing_can_be_drawn(site):
    broker, eq = site.broker(), site.equipment()
    d = daemon(site, broker, eq)
    t = site.add(Terminal("watch", f"mqtt://127.0.0.1:{broker.port}", TERM="dumb"))
    raise_fires(eq, d, [1])
    wait_for(lambda: b"facp.smoke1/smoke" in t.data and b"\a" in t.data, what="the fire, as a line that sounds")
    assert t.stop() == 0 and b"\x1b" not in t.data


def test_no_alarm_is_hidden_by_a_small_terminal(site):
    broker, eq = site.broker(), site.equipment()
    d = daemon(site, broker, eq)
    raise_fires(eq, d, [1, 2, 3])
    for i in range(9):
        will = {"v": 1, "gateway": f"away-{i}", "node": f"away-{i}", "session": 1, "online": False}
        subprocess.run(["mosquitto_pub", "-p", str(broker.port), "-r", "-t", f"fire/v1/500110/002/003/away-{i}/status", "-m", json.dumps(will)], check=True)
    for rows, columns in ((8, 80), (10, 80), (12, 30), (24, 20)):
        t = Terminal("watch", f"mqtt://127.0.0.1:{broker.port}", rows=rows, columns=columns)
        try:
            wait_for(lambda: re.search("10 gateways, [3-5] alarm", t.picture()) and "more gateways" in t.picture(), what="all of them")
            lines = t.picture().splitlines()
            assert any(line.startswith("fire   facp.smoke") for line in lines), (rows, t.picture())
            assert columns < 30 or any(line.startswith("fire   facp.smoke3/smoke") for line in lines), (rows, t.picture())
            assert len(lines) <= rows and all(len(line) <= columns for line in lines), (rows, columns, t.picture())
        finally:
            t.stop()


def test_of_a_sites_hub_as_plain_lines(site):
    """--hub takes the broker from the site's file, under another client id; lines, no escapes, and an end by itself."""
    broker, eq = site.broker(), site.equipment()
    d = daemon(site, broker, eq)
    raise_fires(eq, d, [1])
    drained(d)

    def watched():
        r = subprocess.run([BIN / "firegw", "watch", "--hub", "district", "-c", d.site, "--region", "500110002", "--for", "3s"], capture_output=True, text=True, timeout=60)
        return r if "facp.smoke1/smoke" in r.stdout else None
    done = wait_for(watched, seconds=60, what="what stands")
    assert done.returncode == 0 and "\x1b" not in done.stdout and "\a" not in done.stdout, done.stdout + done.stderr
    assert any(line.startswith("(stands) ") and "facp.smoke1/smoke" in line for line in done.stdout.splitlines()), done.stdout
    assert "1 gateway, " in done.stdout.splitlines()[-1] and "times are in this machine's zone, " in done.stderr
    assert d.hub()["reconnects"] == 0


@pytest.mark.parametrize("args, code, text", [
    ([], 2, "URL"), (["ftp://x"], 2, "mqtt://"), (["mqtt://127.0.0.1:1", "--region", "5001"], 2, "digits"), (["mqtt://127.0.0.1:1", "--class", "fires"], 2, "fires"),
    (["mqtt://127.0.0.1:1", "--for", "x"], 2, "--for"), (["--hub", "x"], 3, "-c SITE"), (["mqtt://127.0.0.1:1", "--for", "15s"], 3, "down"),
])
def test_mistakes(args, code, text):
    done = subprocess.run([BIN / "firegw", "watch", *args], capture_output=True, text=True, timeout=60)
    assert done.returncode == code and text in done.stdout + done.stderr, done.stdout + done.stderr
