"""firegw-sim from outside: pymodbus reads what a site's tables describe, writes are refused, sockets of all kinds are survived; and the daemon on top sees a healthy house, then a
fire, at an independent console."""
import os
import re
import select
import shutil
import socket
import stat
import struct
import subprocess
import time

from pymodbus.client import ModbusTcpClient
from stage import BIN, MACHINE, ROOT, bus, free_port, hub, site_text, wait_for
from test_serial import Cable


def house(site, hubs="", rules=True):
    """A site of two lines with points of several kinds, with holes between them; (text, ports)."""
    ports = [free_port(), free_port()]
    buses = f"""  - name: panel
    url: tcp://127.0.0.1:{ports[0]}
    devices:
      - name: facp
        unit: 1
        every: 200ms
        points:
          - {{point: smoke1, kind: smoke_detector, fc: 1, register: 0, floor: "3", zone: 3-N}}
          - {{point: smoke2, kind: smoke_detector, fc: 1, register: 5, floor: "3", zone: 3-N}}
          - {{point: smoke3, kind: smoke_detector, fc: 3, register: 100, bit: "2", floor: "3", zone: 3-N}}
          - {{point: mains, kind: mains_power, fc: 3, register: 103, enum: "0=lost|1=normal"}}
          - {{point: name, kind: generic, fc: 4, register: 7, type: "string:10", order: BADC}}
  - name: water
    url: tcp://127.0.0.1:{ports[1]}
    devices:
      - name: hyd
        unit: 3
        every: 200ms
        points:
          - {{point: pressure, kind: hydrant_pressure, fc: 3, register: 4, type: i16, decimals_from: 2, low: 0.1, floor: "12"}}
          - {{point: kpa, kind: hydrant_pressure, fc: 3, register: 9, scale: 0.1, unit: kPa, low: 150, floor: "3"}}
          - {{point: leak, kind: residual_current, fc: 4, register: 0, type: f32, order: CDAB, high: 300}}
      - name: tank
        unit: 4
        points:
          - {{point: level, kind: tank_level, fc: 3, register: 0, unit: mm, low: 3200}}
"""
    rules_text = """  - {id: smoke, for: {kind: smoke_detector}, when: {equals: 1}, class: fire}
  - {id: low, for: {kind: [hydrant_pressure, tank_level]}, when: {below: point.low}, class: supervisory}
  - {id: high, for: {kind: residual_current}, when: {above: point.high}, class: prealarm}
  - {id: mains, for: {kind: mains_power}, when: {equals: lost}, class: fault}
  - {id: bad, for: {}, when: {quality: bad}, class: fault}
"""
    text = site_text(site.folder, buses, rules=rules_text if rules else "", hubs=hubs)
    (site.folder / "site.yaml").write_text(text)
    return ports


def client(port):
    c = ModbusTcpClient("127.0.0.1", port=port, timeout=5)
    assert c.connect()
    return c


def test_pymodbus_reads_what_the_tables_describe(site):
    ports = house(site)
    sim = site.simulator("--site", site.folder / "site.yaml")
    panel, water = client(ports[0]), client(ports[1])
    assert panel.read_coils(0, 1, slave=1).bits[0] is False and panel.read_holding_registers(103, 1, slave=1).registers == [1]
    words = panel.read_input_registers(7, 5, slave=1).registers
    assert b"".join(w.to_bytes(2, "little") for w in words) == b"facp.name\0"
    assert water.read_holding_registers(2, 1, slave=3).registers == [2]  # decimals
    assert 0.15 < water.read_holding_registers(4, 1, slave=3).registers[0] / 100 < 1.0
    assert 150 < water.read_holding_registers(9, 1, slave=3).registers[0] * 0.1 < 1000
    low, high = water.read_input_registers(0, 2, slave=3).registers
    assert 20 < struct.unpack(">f", struct.pack(">HH", high, low))[0] < 250
    assert 3200 < water.read_holding_registers(0, 1, slave=4).registers[0] < 5000
    assert f"127.0.0.1 port {ports[1]} serves 2 devices, 4 points" in sim.text() and "3 devices, 9 points at 2 ports" in sim.text() and "serves 1 device, 5 points" in sim.text()


def test_what_is_not_described_is_refused_and_nothing_is_written(site):
    ports = house(site)
    sim = site.simulator("--site", site.folder / "site.yaml")
    c = client(ports[1])
    before = c.read_holding_registers(2, 1, slave=3).registers
    assert c.read_holding_registers(3, 1, slave=3).exception_code == 2 and c.read_holding_registers(2, 3, slave=3).exception_code == 2
    assert c.read_coils(0, 1, slave=3).exception_code == 2 and c.read_holding_registers(0, 1, slave=9).exception_code == 11
    for refused in (c.write_register(2, 9, slave=3), c.write_registers(2, [9, 9], slave=3), c.write_coil(0, True, slave=3), c.write_coils(0, [True] * 9, slave=3)):
        assert refused.exception_code == 1
    # This version of pymodbus asks unit 0 for these, which is not there.
    assert c.mask_write_register(2, 0, 9).exception_code == 11
    assert c.readwrite_registers(read_address=2, read_count=1, write_address=2, write_registers=[9]).exception_code == 11
    assert c.read_holding_registers(2, 1, slave=3).registers == before
    assert sim.text().count("which is no reading: refused") == 1
    assert "writes refused 6" in sim.ask("--status")[1]


def request(number, unit=3, fc=3, address=9, count=1):
    return struct.pack(">HHHBBHH", number, 0, 6, unit, fc, address, count)


def receive(s, n):
    data = b""
    while len(data) < n:
        more = s.recv(65536)
        assert more, "closed"
        data += more
    return data


def test_pipelines_halves_and_who_does_not_read(site):
    ports = house(site)
    sim = site.simulator("--site", site.folder / "site.yaml")
    with socket.create_connection(("127.0.0.1", ports[1])) as s:
        s.settimeout(20)
        s.sendall(b"".join(request(i) for i in range(3000)))
        data = receive(s, 3000 * 11)
        assert [int.from_bytes(data[i:i + 2], "big") for i in range(0, len(data), 11)] == list(range(3000))
        for byte in request(7):
            s.sendall(bytes([byte]))
        assert receive(s, 11)[:2] == b"\0\7"
        s.sendall(struct.pack(">HHH", 1, 9, 3) + b"abc" + request(8))  # another protocol's frame is passed over
        assert receive(s, 11)[:2] == b"\0\x08"
    # Who does not read is not read from: what he sends stays in his own socket, and others are served.
    greedy = socket.create_connection(("127.0.0.1", ports[1]))
    greedy.setblocking(False)
    sent = 0
    try:
        while sent < 50_000_000:
            sent += greedy.send(request(1, address=0, unit=4) * 500)
    except BlockingIOError:
        pass
    assert sent < 50_000_000
    halves = [socket.create_connection(("127.0.0.1", ports[1])) for _ in range(200)]
    for h in halves:
        h.sendall(request(1)[:7])
    c = client(ports[1])
    assert c.read_holding_registers(9, 1, slave=3).registers
    with open(f"/proc/{sim.child.pid}/status", encoding="ascii") as f:
        kilobytes = int(next(line for line in f if line.startswith("VmRSS")).split()[1])
    assert kilobytes < 400_000  # sanitizers take their part
    for s in [greedy, *halves]:
        s.close()
    with socket.create_connection(("127.0.0.1", ports[1])) as s:
        s.settimeout(20)
        s.sendall(b"GET / HTTP/1.0\r\n\r\n")
        assert s.recv(100) == b""
    assert "closed for garbage 1" in wait_for(lambda: (lambda t: t if "clients 1," in t else None)(sim.ask("--status")[1]), what="the sockets closed")


def test_the_daemon_sees_a_healthy_house_then_a_fire(site):
    broker = site.broker()
    console = site.console(broker)
    house(site, hubs=hub(broker.port))
    sim = site.simulator("--site", site.folder / "site.yaml")
    d = site.daemon().hub_up()
    # Nine points with holes between them: blocks that were refused are cut until each part is answered.
    wait_for(lambda: len(d.points()) == 9 and all(p["quality"] == "good" for p in d.points().values()), what="all points good")
    assert not d.alarms() and not [e for e in console.events() if e["alarm"] and e["alarm"] not in MACHINE]
    assert d.points()["facp.name"]["value"] == "facp.name" and 0.15 < d.points()["hyd.kpa"]["value"] < 1 and 3.2 < d.points()["tank.level"]["value"] < 5
    assert sim.ask("--clear", "all") == (0, "nothing was raised\n")
    assert sim.ask("--raise", "fire", "floor=3") == (0, "raised fire: 3 points\n")
    raised = wait_for(lambda: console.events(transition="raised", **{"class": "fire"}), what="the fire at the console")[0]
    assert raised["floor"] == "3" and raised["zone"] == "3-N" and raised["value"] == 1
    wait_for(lambda: len(console.events(transition="raised", **{"class": "fire"})) >= 2, seconds=40, what="the second detector")
    assert "fire floor=3, since" in sim.ask("--list")[1]
    assert sim.ask("--clear", "fire")[0] == 0
    wait_for(lambda: len(console.events(transition="returned", **{"class": "fire"})) >= 2, what="returned")
    # A device that dies is silent, one that lies is not believed.
    device = lambda: next(v for line in d.status()["lines"] for v in line["devices"] if v["name"] == "tank")
    for name, en, zh in (("device-lying", "answers, but wrongly: of another unit, function or length", "有应答但不符"), ("device-dead", "does not answer", "无应答")):
        assert sim.ask("--raise", name, "device=tank")[0] == 0
        wait_for(lambda: d.points()["tank.level"]["quality"] == "comm", seconds=40, what=f"{name}: no answer that could be trusted")
        wait_for(lambda: d.points()["hyd.kpa"]["quality"] == "good", what="its neighbour goes on")
        said = wait_for(lambda: [e for e in console.events(alarm="_gw.device-tank/silent", active=True) if en in e["message"]["en"]], seconds=40, what=f"{name}: the fault says what is so")
        assert zh in said[-1]["message"]["zh"] and said[-1]["message"]["en"].startswith("device tank ")
        assert not device()["up"] and en in device()["why"] and f"device tank {en}" in d.text()
        assert en in d.cli("status").stdout
        assert sim.ask("--clear", name)[0] == 0
        wait_for(lambda: d.points()["tank.level"]["quality"] == "good", seconds=60, what=f"{name}: over")
        wait_for(lambda: device()["up"] and device()["why"] is None, what=f"{name}: it is up again")
    assert sim.terminate() == 0 and not sim.socket.exists() and sim.text().endswith("ended\n")


def test_the_tower_is_served_whole_and_nothing_is_wrong_in_it(site):
    shutil.copytree(ROOT / "examples" / "tower", site.folder, dirs_exist_ok=True)
    path = site.folder / "site.yaml"
    text = re.sub(r"tcp://127\.0\.0\.1:\d+", lambda _: f"tcp://127.0.0.1:{free_port()}", path.read_text())
    path.write_text(text.replace("socket: firegw.sock", f"socket: {site.folder}/fw.sock").replace("127.0.0.1:1883", f"127.0.0.1:{site.broker().port}"))
    sim = site.simulator("--site", path)
    d = site.daemon()
    assert "2010 points at 8 ports" in sim.text() and "warning" not in sim.text()
    wait_for(lambda: len(d.points()) == 2010 and all(p["quality"] == "good" for p in d.points().values()), seconds=60, what="every point good")
    assert not d.alarms()
    code, text = sim.ask("--list")
    assert code == 0 and "lacks the points" not in text  # it has what each scenario needs
    assert sim.ask("--raise", "valve-closed", "floor=12")[0] == 0
    wait_for(lambda: [a for a in d.alarms().values() if a["floor"] == "12" and a["class"] == "supervisory"], seconds=60, what="the closed valve")


def test_a_scenario_runs_by_itself_and_ends(site):
    house(site)
    path = site.folder / "evening.yaml"
    path.write_text("site: site.yaml\nspeed: 10\nsteps:\n  - {at: 2s, raise: fire, floor: \"3\"}\n  - {at: 22s, clear: fire}\n"
                    "  - {at: 4s, select: tank.level, to: 1, over: 5s, for: 15s}\n")
    sim = site.simulator(path, "--for", "4s")
    assert stat.S_IMODE(os.stat(sim.socket).st_mode) == 0o600
    assert sim.child.wait(20) == 0
    said = [re.sub(r"smoke\d", "smokeN", line[9:]) for line in sim.text().splitlines()[3:]]
    assert said == ["raised fire floor=3: 3 points", "fire: facp.smokeN is 1 (alarm)", "raised tank.level to 1: 1 point", "tank.level: tank.level goes to 1 m within 5s",
                    "fire: facp.smokeN is 1 (alarm)", "tank.level to 1: is over", "cleared fire floor=3", "ended"]


def run(*args):
    done = subprocess.run([str(BIN / "firegw-sim"), *map(str, args)], capture_output=True, text=True, timeout=30)
    return done.returncode, done.stderr


def test_lines_that_cannot_be_one_server(site):
    port = free_port()

    def serve(first, second):
        lines = "".join(bus(port, ["{point: x, kind: generic, fc: 3, register: 1}"], name=name, device=name).replace("127.0.0.1", host)
                        for name, host in (("one", first), ("two", second)))
        (site.folder / "two.yaml").write_text(site_text(site.folder, lines))
        done = subprocess.run([str(BIN / "firegw-sim"), "--site", site.folder / "two.yaml", "--for", "100ms", "--socket", site.folder / "two.sock"], capture_output=True,
                              text=True, timeout=30)
        return done.returncode, done.stdout + done.stderr

    code, text = serve("10.0.0.7", "10.0.0.8")  # two gateways with the usual port and unit
    assert code == 2 and f"buses 'one' and 'two' both have a unit 1, and both would be served at port {port}" in text
    code, text = serve("127.0.0.7", "127.0.0.8")
    assert code == 0 and f"127.0.0.7 port {port} serves 1 device" in text and f"127.0.0.8 port {port} serves 1 device" in text
    code, text = run("--site", ROOT / "examples" / "minimal" / "site.yaml")
    assert code == 2 and text == "firegw-sim: the site has no bus of Modbus (tcp://, rtu+tcp://, rtu://): there is nothing to serve\n"


def test_what_goes_wrong_is_said_with_the_cure(site):
    ports = house(site)
    file, here = site.folder / "site.yaml", site.folder / "sim.sock"
    assert run("--list", "--socket", here)[0] == 3
    assert run()[0] == 2 and run("--site", site.folder / "none.yaml")[0] == 2 and run("--site", file, "--sped", "2")[0] == 2
    with socket.socket() as s:
        s.bind(("127.0.0.1", ports[0]))
        s.listen(1)
        code, text = run("--site", file, "--socket", here)
        assert code == 1 and f"port {ports[0]} of 127.0.0.1 is in use" in text
    sim = site.simulator("--site", file)
    code, text = run("--site", file, "--socket", here)
    assert code == 1 and "runs already" in text
    assert sim.ask("--raise", "valve-closed") == (2, "firegw-sim: valve-closed: the site has no point that could show it; it needs one of: signal_valve\n")
    assert sim.ask("--raise", "fier") == (2, "firegw-sim: there is no scenario 'fier'; did you mean 'fire'?\n")
    assert sim.ask("--raise", "fire", "flor=3")[0] == 2 and sim.ask("--clear", "fire")[0] == 1
    assert sim.ask("--raise", "fire") == (0, "raised fire: 3 points\n") and sim.ask("--raise", "fire")[0] == 1
    bad = site.folder / "bad.yaml"
    bad.write_text("site: site.yaml\nsteps:\n  - {at: 1s, raise: tank-low}\n  - {at: 1s, raise: valve-closed}\n")
    code, text = run(bad, "--socket", site.folder / "other.sock")
    assert code == 2 and text == f"{bad}:4:21: error: valve-closed: the site has no point that could show it; it needs one of: signal_valve\n"


def lines_site(site, baud=19200, every="200ms"):
    """A serial line and RTU over TCP, with the same devices; (path, port)."""
    path, port = site.folder / "tty-riser", free_port()
    buses = ""
    for name, url in (("riser", f"rtu://{path}?baud={baud}&parity=none"), ("roof", f"rtu+tcp://127.0.0.1:{port}")):
        buses += f"  - name: {name}\n    url: \"{url}\"\n    timeout: 500ms\n    max_gap: 0\n    devices:\n"
        for u in (1, 2, 3):
            buses += f"      - name: {name}{u}\n        unit: {u}\n        every: {every}\n        points:\n"
            buses += f"          - {{point: level, kind: tank_level, fc: 3, register: 7, scale: 0.01, low: {u + 1}}}\n"
            buses += f"          - {{point: a, kind: generic, fc: 3, register: 20, type: u32, deadband: 0}}\n"
            buses += f"          - {{point: b, kind: generic, fc: 3, register: 40, type: u32, deadband: 0}}\n"
    (site.folder / "site.yaml").write_text(site_text(site.folder, buses))
    return path, port


def mbpoll(*words):
    """One poll: {register: value}, and what went wrong. It does not try again by itself, and on a busy machine a second may be short."""
    for _ in range(3):
        done = subprocess.run(["mbpoll", "-m", "rtu", "-0", "-1", "-o", "1", *map(str, words)], capture_output=True, text=True, timeout=30)
        if "timed out" not in done.stdout + done.stderr:
            break
    return {int(a): int(v) for a, v in re.findall(r"^\[(\d+)\]:\s+(-?\d+)", done.stdout, re.M)}, done.stdout + done.stderr


def test_mbpoll_reads_a_serial_line_and_rtu_over_tcp(site):
    path, port = lines_site(site)
    sim = site.simulator("--site", site.folder / "site.yaml", "--marks")
    assert f"{path} serves 3 devices, 9 points" in sim.text() and f"127.0.0.1 port {port} serves 3 devices, 9 points (RTU)" in sim.text()
    site.add(Cable(site.folder, "tty-bridge", port)).start()
    for tty in (path, site.folder / "tty-bridge"):
        line = ("-b", "19200", "-P", "none", tty)
        for unit in (1, 2, 3):
            values, text = mbpoll("-a", unit, "-r", 7, "-c", 1, *line)
            assert unit + 1 < values[7] / 100 < 12, text
            values, text = mbpoll("-a", unit, "-r", 20, "-c", 2, *line)
            assert values[20] == unit << 8 | 20 and values[21] < 3000, text
        assert "Connection timed out" in mbpoll("-a", 9, "-r", 7, "-c", 1, *line)[1]  # who is not there says nothing
        assert "Illegal data address" in mbpoll("-a", 1, "-r", 8, "-c", 1, *line)[1]
        assert "Illegal function" in mbpoll("-a", 1, "-r", 7, *line, "5")[1]
    assert sim.terminate() == 0 and not path.is_symlink()


def crc(data):
    value = 0xFFFF
    for byte in data:
        value ^= byte
        for _ in range(8):
            value = value >> 1 ^ 0xA001 if value & 1 else value >> 1
    return data + value.to_bytes(2, "little")


def read_port(fd, n, ask=b"", seconds=30):
    """Writes `ask`: (bytes, when the first came, when the last did), in seconds from before it was written."""
    began, data, first = time.monotonic(), b"", None
    os.write(fd, ask)
    while len(data) < n and select.select([fd], [], [], seconds)[0]:
        data += os.read(fd, 100)
        first = first or time.monotonic() - began
    assert len(data) == n, data
    return data, first, time.monotonic() - began


def test_a_serial_line_is_as_slow_as_its_baud_rate(site):
    path, _ = lines_site(site, baud=1200, every="30s")
    site.simulator("--site", site.folder / "site.yaml")
    fd = os.open(path, os.O_RDWR | os.O_NOCTTY)
    character, ask = 10 / 1200, crc(bytes([1, 3, 0, 20, 0, 2]))  # 8N1
    wholes = []
    try:
        for _ in range(3):
            data, first, whole = read_port(fd, 9, ask)
            wholes.append(whole)
            # Eight characters there, a silence of 3.5, nine back: not a byte of it before its time.
            assert first >= (8 + 3.5 + 1) * character and whole >= (8 + 3.5 + 9) * character, (first, whole)
            assert data == crc(data[:-2]) and data[:3] == b"\1\3\4"
        assert min(wholes) < (8 + 3.5 + 9) * character + 0.5, wholes
        os.write(fd, ask[:5])  # half a request is forgotten at the next silence, and so is what is spoilt
        assert not select.select([fd], [], [], 1)[0]
        os.write(fd, ask[:-1] + b"\0")
        assert not select.select([fd], [], [], 1)[0]
        assert read_port(fd, 9, ask)[0][:3] == b"\1\3\4"
    finally:
        os.close(fd)


def test_where_a_serial_line_is_put(site):
    path, _ = lines_site(site)
    folder, file = site.folder / "ptys", site.folder / "site.yaml"
    path.write_text("a device, so to speak")
    code, text = run("--site", file, "--socket", site.folder / "other.sock")
    assert code == 1 and "something stands there, and is left alone; --ptys DIR makes the line in a folder of yours" in text and path.read_text() == "a device, so to speak"
    sim = site.simulator("--site", file, "--ptys", folder)
    url = re.search(r'bus riser wants url: "(rtu://[^"]+)"', sim.text()).group(1)
    assert url == f"rtu://{folder}/riser?baud=19200&bits=8&parity=none&stop=1"
    assert os.readlink(folder / "riser").startswith("/dev/pts/")
    file.write_text(file.read_text().replace(f"rtu://{path}?baud=19200&parity=none", url))
    d = site.daemon()
    wait_for(lambda: all(p["quality"] == "good" for p in d.points().values()), what="good values")
    sim.kill()  # what it leaves behind is replaced, if nothing has come in its place
    assert (folder / "riser").is_symlink()
    sim.start()
    wait_for(lambda: sim.text().count("can be raised") == 2, what="the simulator again")
    wait_for(lambda: not any(a["state"] == "active" for a in d.alarms().values()) and all(p["quality"] == "good" for p in d.points().values()), seconds=40, what="good values again")
    assert sim.terminate() == 0 and not (folder / "riser").is_symlink()


def test_the_daemon_and_the_simulator_share_a_site_file(site):
    path, _ = lines_site(site, baud=9600, every="1s")
    sim = site.simulator("--site", site.folder / "site.yaml")
    d = site.daemon()
    wait_for(lambda: len(d.points()) == 18 and all(p["quality"] == "good" for p in d.points().values()), what="good values")
    d.terminate()
    d.start()  # the port was opened for one alone; it can be opened again
    wait_for(lambda: all(p["quality"] == "good" for p in d.points().values()), what="good values again")
    # One of three is late, with garbage before its words: the other two go on.
    for name in ("late", "noise"):
        assert sim.ask("--raise", name, "device=riser2", "chance=50%", *(["by=700ms"] if name == "late" else []))[0] == 0
    line = wait_for(lambda: next((x for x in d.status()["lines"] if x["name"] == "riser" and x["late"] and x["garbage_bytes"]), None), seconds=30, what="both counted")
    assert not line["wrong"], line
    wait_for(lambda: all(p["quality"] == "good" for p in d.points().values() if not p["id"].startswith("riser2")), what="the others go on")
    assert re.search(r"late device=riser2, since .*, device riser2, done [1-9]", sim.ask("--list")[1])
    assert sim.ask("--clear", "late", "device=riser2")[0] == 0 and sim.ask("--clear", "all")[0] == 0
    code, text = sim.ask("--raise", "wrong-number", "device=riser2")
    assert code == 2 and "wrong-number: an RTU frame has no number" in text
    assert sim.ask("--raise", "closing", "bus=riser")[0] == 2 and sim.ask("--raise", "closing", "bus=roof", "chance=20%")[0] == 0


def test_the_towers_scenarios(site):
    files = sorted((ROOT / "examples" / "tower" / "scenarios").glob("*.yaml"))
    assert len(files) >= 4
    for file in files:
        done = subprocess.run([str(BIN / "firegw-sim"), "--check", str(file)], capture_output=True, text=True, timeout=60)
        assert done.returncode == 0 and done.stdout.startswith("ok: 51 devices, 2010 points at 8 ports, "), done.stdout + done.stderr
    # Each step of each takes place, as fast as can be.
    shutil.copytree(ROOT / "examples" / "tower", site.folder, dirs_exist_ok=True)
    path = site.folder / "site.yaml"
    path.write_text(re.sub(r"tcp://127\.0\.0\.1:\d+", lambda _: f"tcp://127.0.0.1:{free_port()}", path.read_text()))
    for file in files:
        sim = site.simulator(site.folder / "scenarios" / file.name, "--speed", "600", "--for", "8s", name=file.stem)
        assert sim.child.wait(60) == 0
        steps = len(re.findall(r"^\s+- \{at:", file.read_text(), re.M))
        assert len(re.findall(r"^\S+ (raised|cleared) ", sim.text(), re.M)) >= steps and "step at line" not in sim.text(), sim.text()
