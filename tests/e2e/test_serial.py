"""Serial lines and RTU over TCP, against equipment that we did not write: pymodbus behind a pair of pseudo-terminals, and behind a socket."""
import json
import os
import select
import socket
import subprocess
import threading
import tty

import pytest

from stage import BIN, MACHINE, PYTHON, SMOKE_RULE, free_port, hub, listens, site_text, smoke_points, wait_for

SERVER = r"""
import asyncio, json, sys, threading
from pymodbus.datastore import ModbusSequentialDataBlock, ModbusServerContext, ModbusSlaveContext
from pymodbus.framer.rtu_framer import ModbusRtuFramer
from pymodbus.server.async_io import StartAsyncSerialServer, StartAsyncTcpServer

where, units = json.loads(sys.argv[1])
slaves = {u: ModbusSlaveContext(zero_mode=True, **{k: ModbusSequentialDataBlock(0, [0] * 300) for k in ("co", "di", "hr", "ir")}) for u in units}
context = ModbusServerContext(slaves=slaves, single=False)

def commands():
    for line in sys.stdin:
        unit, fc, address, values = json.loads(line)
        context[unit].setValues(fc, address, values)
        print("ok", flush=True)

async def main():
    threading.Thread(target=commands, daemon=True).start()
    if isinstance(where, int):
        await StartAsyncTcpServer(context=context, framer=ModbusRtuFramer, address=("127.0.0.1", where), allow_reuse_address=True, ignore_missing_slaves=True)
    else:
        server = await StartAsyncSerialServer(defer_start=True, context=context, framer=ModbusRtuFramer, port=where, baudrate=19200, parity="N", bytesize=8, stopbits=1, timeout=0.05, ignore_missing_slaves=True)
        await server.start()
        print("ready", flush=True)
        await server.serve_forever()

asyncio.run(main())
"""


class Cable:
    """Two serial ports that are joined, or one that is joined to a TCP port; pulled out, they are gone. Its own ends stay open, so that a port which nobody has open lives on."""

    def __init__(self, folder, ours="ttyOURS", port=None):
        self.ours, self.theirs, self.port = folder / ours, folder / "ttyTHEIRS", port
        self.ends, self.held, self.thread = [], [], None

    def plug(self, path):
        master, slave = os.openpty()
        tty.setraw(slave)
        os.symlink(os.ttyname(slave), path)
        self.held.append((slave, path))
        return master

    def start(self):
        self.ends = [self.plug(self.ours), socket.create_connection(("127.0.0.1", self.port)).detach() if self.port else self.plug(self.theirs)]
        self.stop_end, wake = os.pipe()
        self.held.append((wake, None))
        self.thread = threading.Thread(target=self.carry, daemon=True)
        self.thread.start()
        return self

    def carry(self):
        a, b = self.ends
        while True:
            ready = select.select([a, b, self.stop_end], [], [])[0]
            if self.stop_end in ready:
                return
            for end in ready:
                data = os.read(end, 4096)
                if not data:
                    return
                os.write(b if end == a else a, data)

    def kill(self):
        if not self.thread:
            return
        os.write(self.held[-1][0], b"x")
        self.thread.join()
        for fd, path in [*self.held, *((end, None) for end in (*self.ends, self.stop_end))]:
            os.close(fd)
            if path:
                os.unlink(path)
        self.held, self.thread = [], None

    stop = kill


class Units:
    """One pymodbus server with several units at a port's path, or at a TCP port."""

    def __init__(self, where, units):
        self.where, self.units, self.child = where, units, None

    def start(self):
        where = self.where if isinstance(self.where, int) else str(self.where)
        self.child = subprocess.Popen([PYTHON, "-c", SERVER, json.dumps([where, self.units])], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        if not isinstance(self.where, int):
            assert self.child.stdout.readline() == "ready\n"
        else:
            wait_for(lambda: listens(self.where), what="the equipment")
        return self

    def set(self, unit, fc, address, values):
        self.child.stdin.write(json.dumps([unit, fc, address, values]) + "\n")
        self.child.stdin.flush()
        assert self.child.stdout.readline() == "ok\n"

    def stop(self):
        self.child.kill()
        self.child.wait()


def line(url, n_units, more=""):
    text = f"  - name: line\n    url: {url}\n    timeout: 300ms\n{more}    devices:\n"
    for u in range(1, n_units + 1):
        points = [*smoke_points(4), f"{{point: level, kind: tank_level, fc: 3, register: 7, type: u16, scale: 0.01, deadband: 0}}",
                  f"{{point: current, kind: residual_current, fc: 4, register: 100, type: f32, order: CDAB}}"]
        text += f"      - name: d{u}\n        unit: {u}\n        every: 200ms\n        building: a\n        floor: \"{u}\"\n        zone: {u}-N\n        points:\n"
        text += "".join(f"          - {p}\n" for p in points)
    return text


def places(site, kind):
    """(equipment, url)"""
    if kind == "rtu":
        cable = site.add(Cable(site.folder)).start()
        return site.add(Units(cable.theirs, [1, 2, 3])).start(), f"\"rtu://{cable.ours}?baud=19200&parity=even\"", cable
    units = site.add(Units(free_port(), [1, 2, 3])).start()
    return units, f"rtu+tcp://127.0.0.1:{units.where}", None


@pytest.mark.parametrize("kind", ["rtu", "rtu+tcp"])
def test_values_and_an_alarm(site, kind):
    units, url, _ = places(site, kind)
    broker = site.broker()
    console = site.console(broker)
    for u in (1, 2, 3):
        units.set(u, 3, 7, [100 * u + 23])
        units.set(u, 4, 100, [0x0000, 0x43FA])  # 500.0, low word first
    daemon = site.daemon(site_text(site.folder, line(url, 3), SMOKE_RULE, hub(broker.port)))
    daemon.hub_up()

    def values():
        return {p["id"]: (p["value"], p["quality"]) for p in daemon.points().values()}

    wait_for(lambda: all(values()[f"d{u}.level"] == (u + 0.23, "good") and values()[f"d{u}.current"] == (500, "good") for u in (1, 2, 3)), what="the values")
    units.set(2, 1, 1, [True])
    wait_for(lambda: console.events(transition="raised", alarm="d2.smoke2/smoke"), what="the alarm")
    raised = {e["id"]: e["alarm"] for e in console.events(transition="raised") if e["alarm"] not in MACHINE}
    assert list(raised.values()) == ["d2.smoke2/smoke"]
    bus = daemon.status()["lines"][0]
    assert bus["up"] is True, bus


def test_adapter_pulled_out_and_back(site):
    units, url, cable = places(site, "rtu")
    daemon = site.daemon(site_text(site.folder, line(url, 2)))
    wait_for(lambda: all(p["quality"] == "good" for p in daemon.points().values()), what="good values")
    units.stop()
    cable.kill()
    wait_for(lambda: "_gw.bus-line/down" in daemon.alarms(), seconds=30, what="the line's alarm")
    out = daemon.cli("status").stdout
    assert str(cable.ours) in out, out
    ours, cable.ours = cable.ours, site.folder / "ttyAGAIN"
    cable.start()
    units.start()
    os.symlink(os.readlink(cable.ours), ours)  # plugged in when there is somebody at its other end
    wait_for(lambda: all(p["quality"] == "good" for p in daemon.points().values()), seconds=30, what="good values again")
    wait_for(lambda: not [a for a in daemon.alarms().values() if a["state"] == "active"], what="the alarm to return")
    told = {json.loads(e)["alarm"] for e in daemon.cli("events", "--class", "fault", "--json").stdout.splitlines()}
    assert "_gw.bus-line/down" in told and not [a for a in told if "device" in a], "one fault for the line, none for its devices"


def test_one_unit_away(site):
    units, url, _ = places(site, "rtu")
    daemon = site.daemon(site_text(site.folder, line(url, 3).replace("unit: 3", "unit: 9")))
    wait_for(lambda: {p["quality"] for p in daemon.points().values() if not p["id"].startswith("d3")} == {"good"}, what="the others")
    wait_for(lambda: list(daemon.alarms()) == ["_gw.device-d3/silent"], seconds=30, what="one fault for the device")
    wait_for(lambda: {p["quality"] for p in daemon.points().values() if not p["id"].startswith("d3")} == {"good"}, what="the others go on")
    out = daemon.cli("status", "--bus", "line").stdout
    assert "in use" in out and "replies took less than" in out, out
    line_ = json.loads(daemon.cli("status", "--bus", "line", "--json").stdout)
    d1, d3 = line_["devices"][0], line_["devices"][2]
    assert d1["requests"] >= d1["replies"] > 0 and d1["reply_ms"]["p50"] > 0 and sum(n for _, n in d1["reply_ms"]["histogram"]) == d1["replies"]
    assert d3["timeouts"] > 0 and d3["replies"] == 0 and 0 < line_["use"] <= 1
    assert "no bus 'lime'" in daemon.cli("status", "--bus", "lime", check=False).stderr


def probe(folder, *words, code=0):
    done = subprocess.run([str(BIN / "firegw"), "probe", *words], capture_output=True, text=True, timeout=60, env={**os.environ, "FIREGW_SOCKET": str(folder / "fw.sock")})
    assert done.returncode == code, done.stdout + done.stderr
    return done.stdout + done.stderr


@pytest.mark.parametrize("kind", ["rtu", "rtu+tcp"])
def test_probe(site, kind):
    units, url, _ = places(site, kind)
    url = url.strip('"')
    units.set(2, 3, 7, [1234])
    assert "1234" in probe(site.folder, url, "--unit", "2", "--register", "40008")
    out = probe(site.folder, url, "--unit", "9", "--register", "40008", code=1)
    assert "no answer from unit 9" in out
    daemon = site.daemon(site_text(site.folder, line(url if kind != "rtu" else f'"{url}"', 3)))
    wait_for(lambda: all(p["quality"] == "good" for p in daemon.points().values()), what="good values")
    out = probe(site.folder, url, "--unit", "2", "--register", "40008")
    assert "1234" in out and "firegwd" in out, out
    assert "1 … 247" in probe(site.folder, url, "--unit", "248", "--register", "40008", code=1)
    wait_for(lambda: all(p["quality"] == "good" for p in daemon.points().values()), what="the points go on")
