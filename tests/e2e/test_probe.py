"""firegw probe: registers read by hand from equipment that we did not write, by an own connection and through the daemon that polls the same line."""
import json
import os
import pty
import re
import signal
import socket
import struct
import subprocess
import threading
import time

import pytest

from stage import BIN, SMOKE_RULE, bus, free_port, hub, site_text, smoke_points, wait_for
from test_reload import line, sockets

PRESSURE = "{point: p, name: 压力, kind: hydrant_pressure, fc: 3, register: 0, type: u16, scale: 0.01, unit: MPa}"


def environment(folder):
    return {**os.environ, "FIREGW_SOCKET": str(folder / "fw.sock"), "TERM": "xterm"}


def probe(site, target, *words, code=0, start=False):
    """(stdout, stderr) of firegw probe; with `start` the process."""
    target = f"tcp://127.0.0.1:{target}" if isinstance(target, int) else target
    child = subprocess.Popen([str(BIN / "firegw"), "probe", target, *words], stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
                             env=environment(site.folder))
    if start:
        return child
    out, err = child.communicate(timeout=60)
    assert child.returncode == code, out + err
    assert "Sanitizer" not in err
    return out, err


def floats(value):
    return list(struct.unpack(">HH", struct.pack(">f", value)))


class Mute:
    """Takes connections and requests, and never answers."""

    def __init__(self):
        self.listener = socket.create_server(("127.0.0.1", 0))
        self.port = self.listener.getsockname()[1]
        self.open, self.got = [], 0

    def start(self):
        threading.Thread(target=self.serve, daemon=True).start()
        return self

    def serve(self):
        try:
            while True:
                s, _ = self.listener.accept()
                self.open.append(s)
                threading.Thread(target=self.swallow, args=(s,), daemon=True).start()
        except OSError:
            pass

    def swallow(self, s):
        try:
            while s.recv(4096):
                self.got += 1
        except OSError:
            pass

    def stop(self):
        self.listener.close()
        for s in self.open:
            s.close()


# ---- an own connection ----

def test_read_in_every_type_and_order(site):
    eq = site.equipment(units=(3,), size=300)
    high, low = floats(23.4)
    eq.set(3, 100, [low, high, 0x0012, 0x0456, 0x5055, 0x4D50], unit=3)
    eq.set(4, 100, 65535, unit=3)
    eq.set(2, 7, 1, unit=3)
    out, err = probe(site, eq.ports[0], "--unit", "3", "--register", "40101", "--count", "6")
    assert "unit 3, fc 3 (holding registers), register 100-105 = 40101-40106" in out and err == ""
    rows = [r.split() for r in out.splitlines()]
    assert ["100-101", "40101-40102", "CDAB", "-", "23.4", "-"] in rows, out
    assert ["102-103", "40103-40104", "ABCD", "1180758"] == next(r for r in rows if r[:3] == ["102-103", "40103-40104", "ABCD"])[:4]
    assert 'text 40105-40106: ABCD "PUMP"' in out and "implausible readings left out" in out
    assert probe(site, eq.ports[0], "--unit", "3", "--fc", "3", "--register", "0x64", "--count", "6")[0] == out

    o = json.loads(probe(site, eq.ports[0], "--unit", "3", "--register", "100", "--count", "6", "--json")[0])
    assert (o["unit"], o["fc"], o["bus"]) == (3, 3, None)
    assert o["registers"][0] == {"address": 100, "modicon": "40101", "hex": f"0x{low:04X}", "u16": low, "i16": low, "u16_swapped": low, "bits": [0, 1, 4, 5, 8, 9, 12, 13],
                                 "bcd16": 3333}
    f32 = {(v["address"], v["order"]): v for v in o["values"] if v["type"] == "f32"}
    assert f32[100, "CDAB"]["value"] == pytest.approx(23.4) and f32[100, "CDAB"]["plausible"] and not f32[100, "ABCD"]["plausible"]
    assert len(f32) == 5 * 4
    # Independently: every reading is what struct makes of the same bytes.
    words = [r["u16"] for r in o["registers"]]
    formats = {"u32": ">I", "i32": ">i", "f32": ">f", "u64": ">Q", "i64": ">q", "f64": ">d"}
    for v in o["values"]:
        if v["type"] in formats and v["value"] is not None:
            part = words[v["address"] - 100:][:v["count"]]
            part = part[::-1] if v["order"] in ("CDAB", "DCBA") else part
            data = b"".join(w.to_bytes(2, "little" if v["order"] in ("BADC", "DCBA") else "big") for w in part)
            expected = struct.unpack(formats[v["type"]], data)[0]
            assert (int(v["value"]) if isinstance(v["value"], str) else v["value"]) == expected, v

    out, _ = probe(site, eq.ports[0], "--unit", "3", "--register", "30101")
    assert "65535" in out and " -1 " in out and "register 100 = 30101" in out
    out, _ = probe(site, eq.ports[0], "--unit", "3", "--register", "10001", "--count", "9")
    assert ["7", "10008", "1"] in [r.split() for r in out.splitlines()]
    o = json.loads(probe(site, eq.ports[0], "--unit", "3", "--fc", "2", "--register", "0", "--count", "200", "--json")[0])
    assert [b["address"] for b in o["bits"] if b["value"]] == [7] and len(o["bits"]) == 200


def test_scans(site):
    eq = site.equipment(units=(3, 7), size=130)
    eq.set(3, 0, 235, unit=3)
    out, err = probe(site, eq.ports[0], "--scan", "--unit", "2-8", "--timeout", "2s")
    assert out == "unit 3 answers: 40001 is 235\nunit 7 answers: 40001 is 0\n2 of 7 units answered\n" and err == ""
    o = json.loads(probe(site, eq.ports[0], "--scan", "--unit", "2-4", "--register", "30999", "--json", "--timeout", "2s")[0])
    assert o["units"] == [{"unit": 3, "answer": "exception", "value": None, "exception": 2}] and (o["tried"], o["found"], o["stopped"]) == (3, 1, False)
    assert "0 of 3 units answered" in probe(site, eq.ports[0], "--scan", "--unit", "20-22", "--timeout", "200ms", code=1)[0]

    out, _ = probe(site, eq.ports[0], "--scan", "--unit", "7", "--timeout", "10s")
    assert out == ("fc 1, coils: 0-129 (00001-00130)\nfc 2, discrete inputs: 0-129 (10001-10130)\n"
                   "fc 3, holding registers: 0-129 (40001-40130)\nfc 4, input registers: 0-129 (30001-30130)\n")
    o = json.loads(probe(site, eq.ports[0], "--scan", "--unit", "7", "--register", "40101", "--count", "100", "--timeout", "10s", "--json")[0])
    assert o["functions"] == [{"fc": 3, "what": "holding registers", "trouble": None,
                               "ranges": [{"first": 100, "last": 129, "modicon_first": "40101", "modicon_last": "40130"}]}]
    out, err = probe(site, eq.ports[0], "--scan", "--unit", "9", "--timeout", "200ms", code=1)
    assert out == "".join(f"fc {fc}, {what}: none; no answer\n" for fc, what in enumerate(("coils", "discrete inputs", "holding registers", "input registers"), 1))
    assert "no answer from unit 9" in err


def test_a_scan_ends_with_what_was_found(site):
    eq, mute = site.equipment(units=(1,)), site.add(Mute()).start()
    child = probe(site, mute.port, "--scan", "--timeout", "60s", start=True)
    wait_for(lambda: mute.got, what="a request")
    child.send_signal(signal.SIGINT)
    out, err = child.communicate(timeout=20)
    assert out == "0 of 0 units answered (ended before the other 247)\n" and child.returncode == 1, out + err
    child = probe(site, eq.ports[0], "--scan", "--unit", "1-247", "--timeout", "60s", start=True)  # pymodbus leaves a unit that it does not have without an answer
    assert child.stdout.readline() == "unit 1 answers: 40001 is 0\n"
    child.send_signal(signal.SIGINT)
    out, err = child.communicate(timeout=20)
    assert out.startswith("1 of ") and "ended before the other" in out and child.returncode == 0, out + err


def test_watch(site):
    eq = site.equipment(units=(3,))
    eq.set(3, 0, [235, 7], unit=3)
    child = probe(site, eq.ports[0], "--unit", "3", "--register", "0", "--count", "2", "--watch", "--every", "100ms", "--for", "10m", start=True)
    seen = []
    while not (seen and "0-1" in seen[-1]):
        seen.append(child.stdout.readline())
    eq.set(3, 1, 8, unit=3)
    while "→" not in seen[-1]:
        seen.append(child.stdout.readline())
    assert seen[-1].endswith("40002 (fc 3, register 1): 7 → 8  0x0007 → 0x0008\n")
    child.send_signal(signal.SIGINT)
    rest, err = child.communicate(timeout=20)
    assert child.returncode == 0 and rest.strip() == "" and err == "", rest + err
    lines = probe(site, eq.ports[0], "--unit", "3", "--register", "0", "--watch", "--every", "100ms", "--for", "5s", "--json")[0].splitlines()
    assert [json.loads(x)["registers"][0]["u16"] for x in lines] == [235]


def test_watch_on_a_terminal(site):
    eq = site.equipment(units=(3,))
    master, slave = pty.openpty()
    child = subprocess.Popen([str(BIN / "firegw"), "probe", f"tcp://127.0.0.1:{eq.ports[0]}", "--unit", "3", "--register", "0", "--watch", "--every", "50ms"],
                             stdin=slave, stdout=slave, stderr=slave, env=environment(site.folder))
    os.close(slave)
    text = b""
    while text.count(b"\033[H") < 3:
        text += os.read(master, 4096)
    eq.set(3, 0, 4711, unit=3)
    while b"\033[33m4711" not in text:  # marked
        text += os.read(master, 4096)
    child.send_signal(signal.SIGINT)
    assert child.wait(20) == 0
    os.close(master)


def test_lines_where_nothing_can_be_drawn(site):
    eq = site.equipment(units=(3,))
    for words in (["--unit", "3", "--register", "0", "--watch", "--every", "50ms"], ["--scan", "--unit", "1-9", "--timeout", "100ms"]):
        master, slave = pty.openpty()
        child = subprocess.Popen([str(BIN / "firegw"), "probe", f"tcp://127.0.0.1:{eq.ports[0]}", *words], stdin=slave, stdout=slave, stderr=slave,
                                 env={**environment(site.folder), "TERM": "dumb"})
        os.close(slave)
        text = b""
        try:
            while b"4711" not in text:
                text += os.read(master, 4096)
                if b"40001" in text:
                    eq.set(3, 0, 4711, unit=3)
            child.send_signal(signal.SIGINT)
        except OSError:  # the scan ends by itself
            pass
        child.wait(20)
        os.close(master)
        assert text and b"\033" not in text, text


def test_what_goes_wrong_is_said_with_the_cure(site):
    eq, mute = site.equipment(units=(3,), size=50), site.add(Mute()).start()
    out, err = probe(site, free_port(), "--unit", "3", "--register", "0", code=1)
    assert "Connection refused" in err and "is address and port" in err and out == ""
    _, err = probe(site, mute.port, "--unit", "3", "--register", "0", "--timeout", "200ms", code=1)
    assert "no answer from unit 3 within 200ms, asked 2 times: wrong unit (--scan tries all)" in err
    wait_for(lambda: mute.got >= 2, what="both requests")
    assert mute.got == 2
    out, err = probe(site, eq.ports[0], "--unit", "3", "--register", "0", "--count", "51", "--json", code=1)
    assert "exception 2, illegal data address: a register of these is not there" in err
    assert json.loads(out)["exception"] == 2 and "illegal data address" in json.loads(out)["error"]
    assert "no answer from unit 5" in probe(site, eq.ports[0], "--unit", "5", "--register", "0", "--timeout", "200ms", code=1)[1]
    assert "is address and port" in probe(site, f"rtu+tcp://127.0.0.1:{free_port()}", "--unit", "5", "--register", "0", code=1)[1]
    _, err = probe(site, "rtu:///dev/no-such-port", "--unit", "5", "--register", "0", code=1)
    assert "open /dev/no-such-port: No such file or directory: is the adapter plugged in?" in err and "another master" not in err
    assert "this is no serial port" in probe(site, "rtu:///dev/null", "--unit", "5", "--register", "0", code=1)[1]
    assert "cannot reach firegwd" in probe(site, "riser-a", "--unit", "5", "--register", "0", code=3)[1]
    assert "names no host" in probe(site, "tcp://", "--unit", "5", "--register", "0", code=2)[1]
    assert "a bus's is tcp://" in probe(site, "mqtt://x", "--unit", "5", "--register", "0", code=2)[1]
    assert "no-such-host.invalid" in probe(site, "tcp://no-such-host.invalid", "--unit", "5", "--register", "0", code=1)[1]


# ---- through the daemon ----

def test_through_the_daemon_a_fire_meanwhile(site):
    broker = site.broker()
    console = site.console(broker)
    eq = site.equipment()
    eq.set(3, 0, [35, 36])
    d = site.daemon(site_text(site.folder, bus(eq.ports[0], [*smoke_points(2), PRESSURE], name="riser-a"), rules=SMOKE_RULE, hubs=hub(broker.port))).hub_up()
    wait_for(lambda: d.points()["facp.p"]["quality"] == "good", what="a reading")
    before = sockets(eq.ports[0])
    assert len(before) == 1

    for target in ("riser-a", eq.ports[0], f"tcp://localhost:{eq.ports[0]}"):
        out, err = probe(site, target, "--unit", "1", "--register", "40001", "--count", "2")
        assert err == "firegw: through firegwd: the line riser-a is its own\n"
        assert ["0", "40001", "0x0023", "35", "35", "8960", "23", "0,1,5"] in [r.split() for r in out.splitlines()], out
    assert sockets(eq.ports[0]) == before  # nobody else has connected
    assert "through firegwd" not in probe(site, eq.ports[0], "--direct", "--unit", "1", "--register", "40001")[1]
    assert "did you mean 'riser-a'?" in probe(site, "riser-b", "--unit", "1", "--register", "0", code=1)[1]

    child = probe(site, "riser-a", "--unit", "1", "--register", "40001", "--watch", "--every", "20ms", "--for", "60s", start=True)
    scan = probe(site, "riser-a", "--scan", "--unit", "1-100", start=True)
    assert "through firegwd" in child.stderr.readline()
    wait_for(lambda: child.stdout.readline().split()[:1] == ["0"], what="the table")
    polls = line(d, "riser-a")["polls_good"]
    eq.set(1, 1, 1)
    eq.set(3, 0, 99)
    fire = wait_for(lambda: console.events(alarm="facp.smoke2/smoke", state="active_unacked") or console.events(alarm="facp.smoke2/smoke"), what="the fire")
    assert fire
    wait_for(lambda: "35 → 99" in child.stdout.readline(), what="the change")
    wait_for(lambda: line(d, "riser-a")["polls_good"] > polls + 20, what="the polls going on")
    assert d.points()["facp.p"]["value"] == 0.99
    for c in (child, scan):
        c.send_signal(signal.SIGINT)
        said = c.communicate(timeout=60)[0]
        assert c.returncode == 0
    absent = int(re.search(r"1 of (\d+) units? answered", said).group(1)) - 1
    device = line(d, "riser-a")["devices"][0]
    # What a person asked of units that are no device of ours is none of the device's.
    assert 2 < absent and device["timeouts"] < absent and device["polls_bad"] < absent and "facp.p" in d.points(), json.dumps(device)
    # The read that the scan had asked for may still be on the line: one at a time.
    end = wait_for(lambda: next((e for _, e in [d.ask("probe", bus="riser-a", unit=1, fc=3, address=0, count=2)] if e.get("ok")), None), what="the line is free")
    assert end["result"] == {"values": [99, 36]}
    _, end = d.ask("probe", bus="riser-a", unit=1, fc=3, address=65000, count=1)
    assert end["code"] == "refused" and "exception 2: illegal data address" in end["error"]
    for args, text in (({"unit": 1}, "'fc' is missing"), ({"unit": 1, "fc": 5, "address": 0, "count": 1}, "'fc' must be 1 … 4"),
                       ({"unit": 1, "fc": 3, "address": 0, "count": 126}, "1 to 125"), ({"unit": 1, "fc": 3, "address": 65535, "count": 2}, "up to address 65535")):
        _, end = d.ask("probe", bus="riser-a", **args)
        assert end["code"] == "invalid" and text in end["error"], end
    assert d.ask("probe", bus="x", unit=1, fc=3, address=0, count=1)[1]["code"] == "not-found"
    assert d.terminate() == 0, d.text()


class Asking:
    """A probe at the control socket that waits for its answer."""

    def __init__(self, d, **args):
        self.s = socket.socket(socket.AF_UNIX)
        self.s.settimeout(30)
        self.s.connect(str(d.folder / "fw.sock"))
        self.s.sendall((json.dumps({"verb": "probe", "args": {"bus": "line", "unit": 1, "fc": 3, "address": 0, "count": 1, **args}}) + "\n").encode())

    def end(self):
        return json.loads(self.s.makefile("r").readline())

    def stop(self):
        self.s.close()


def is_busy(d):
    end = d.ask("probe", bus="line", unit=1, fc=3, address=0, count=1)[1]
    return not end["ok"] and end["code"] == "busy" and "another read of this bus is waiting" in end["error"]


def test_a_line_that_does_not_answer(site):
    mute = site.add(Mute()).start()
    text = site_text(site.folder, bus(mute.port, [PRESSURE], timeout="30s"))
    d = site.daemon(text)
    began = time.monotonic()
    waiting = Asking(d)
    wait_for(lambda: is_busy(d), what="the first probe at work")
    child = probe(site, "line", "--unit", "1", "--register", "0", start=True)
    assert "another read of this bus is waiting" in child.communicate(timeout=30)[1] and child.returncode == 1
    end = waiting.end()
    assert end["code"] == "timeout" and time.monotonic() - began < 25, end  # the line's own is 30 s
    waiting.stop()

    waiting = Asking(d)
    wait_for(lambda: is_busy(d), what="the probe at work")
    d.site.write_text(text.replace("timeout: 30s", "timeout: 20s"))  # the line is made anew
    d.signal(signal.SIGHUP)
    end = waiting.end()
    assert not end["ok"] and end["code"] == "closed" and "the line was closed before it answered" in end["error"], end
    waiting.stop()

    gone = Asking(d)
    wait_for(lambda: is_busy(d), what="the probe at work")
    gone.stop()  # its answer goes nowhere
    d.site.write_text(text)
    d.signal(signal.SIGHUP)
    wait_for(lambda: d.text().count("configuration loaded") >= 2, what="the second reload")

    waiting = Asking(d)
    wait_for(lambda: is_busy(d), what="the probe at work")
    d.site.write_text(d.site.read_text() + "  - {name: second, url: 'tcp://127.0.0.1:1', devices: [{name: x, unit: 1, building: a, points: [" + PRESSURE + "]}]}\n")
    d.signal(signal.SIGHUP)
    wait_for(lambda: any(x["name"] == "second" for x in d.status()["lines"]), what="the reload")
    assert is_busy(d)  # this line goes on, and so does its probe
    assert d.terminate() == 0, d.text()
    assert waiting.end()["code"] == "closed"
    waiting.stop()
    assert "Sanitizer" not in d.text()
