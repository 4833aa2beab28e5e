"""The parts that end-to-end tests, soak runs and benchmarks put together: free ports, a mosquitto, a pymodbus server, the daemon, a console on paho. None of them is ours but
the daemon, so that a mistake we make twice still shows. Waiting is always for a condition, with a bound."""
import contextlib
import grp
import itertools
import json
import os
import pathlib
import pwd
import random
import shutil
import signal
import socket
import subprocess
import sys
import threading
import time

import paho.mqtt.client as mqtt

ROOT = pathlib.Path(__file__).resolve().parents[2]
BIN = pathlib.Path(os.environ.get("FIREGW_BIN", ROOT / "build" / "debug" / "bin"))
PREFIX = "fire/v1/500110/002/003/"
PYTHON = "/usr/bin/python3"  # Debian's, which has Debian's pymodbus


def ports_of_ours():
    """Ports below those of scripts/demo (from 20000) and those that the kernel gives to anyone, a part for each worker of pytest, each once: a port that the kernel picks is soon picked again."""
    worker, room = int(os.environ.get("PYTEST_XDIST_WORKER", "gw0").removeprefix("gw")), 8000 // max(20, int(os.environ.get("PYTEST_XDIST_WORKER_COUNT", 1)))
    first = random.randrange(room)
    for n in itertools.count():
        yield 12000 + worker * room + (first + n) % room


PORTS = ports_of_ours()
NAMES = itertools.count(1)  # of consoles


def free_port():
    for port in PORTS:
        with socket.socket() as s, contextlib.suppress(OSError):
            s.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            s.bind(("127.0.0.1", port))
            return port


MACHINE = ("_gw.loop/late", "_gw.storage/slow")  # own faults of a busy machine; they stand until somebody acknowledges them


def wait_for(condition, seconds=40, what="the condition"):
    """Returns the condition's first true value; fails after `seconds` and some looks: a machine that stood still proves nothing."""
    end, looks = time.monotonic() + seconds, 0
    while True:
        value = condition()
        if value:
            return value
        looks += 1
        if time.monotonic() > end and looks > 20:
            raise AssertionError(f"{what}: not within {seconds} s")
        time.sleep(0.02)


def as_nobody(folder, *words, groups=()):
    """The command, run by one who is in no group but these; its folder, socket and program are opened to him. (exit code, what it said)"""
    nobody = pwd.getpwnam("nobody")
    for place in (folder, *folder.parents):
        if place.stat().st_mode & 0o001 == 0 and place.stat().st_uid == 0 and str(place) != "/":
            place.chmod(place.stat().st_mode | 0o001)
    (folder / "fw.sock").chmod(0o666)
    program = folder / "firegw"
    if not program.exists():
        shutil.copy(BIN / "firegw", program)  # where it was built need not be a place for all
    done = subprocess.run([program, *words, "--socket", folder / "fw.sock"], capture_output=True, text=True, user=nobody.pw_uid, group=nobody.pw_gid,
                          extra_groups=[grp.getgrnam(g).gr_gid for g in groups])
    return done.returncode, done.stdout + done.stderr


def set_fault(fault, word, d=None):
    """Changes what the disk does; with the daemon, waits until that is in force: what was under way before it may still have been stored."""
    fault.with_suffix(".new").write_text(word)
    fault.with_suffix(".new").rename(fault)
    if d:
        seen = fault.with_suffix(".seen")
        wait_for(lambda: seen.exists() and seen.read_text() == word, what="the fault")


def listens(port):
    with socket.socket() as s:
        s.settimeout(1)
        return s.connect_ex(("127.0.0.1", port)) == 0


class Process:
    """A child with its output in a file."""

    def __init__(self, log):
        self.log = pathlib.Path(log)
        self.child = None

    def spawn(self, args, **more):
        out = open(self.log, "ab")
        self.child = subprocess.Popen([str(a) for a in args], stdout=out, stderr=out, stdin=subprocess.DEVNULL, **more)
        out.close()

    def running(self):
        return self.child is not None and self.child.poll() is None

    def signal(self, number):
        if self.running():
            os.kill(self.child.pid, number)

    def kill(self):
        if self.child is not None:
            self.signal(signal.SIGCONT)
            self.signal(signal.SIGKILL)
            self.child.wait()

    def terminate(self, seconds=30):
        if self.running():
            self.signal(signal.SIGTERM)
            try:
                self.child.wait(seconds)
            except subprocess.TimeoutExpired:
                self.kill()
                raise AssertionError(f"{self.log.name}: did not end within {seconds} s of SIGTERM")
        return self.child.returncode if self.child else None

    def text(self):
        return self.log.read_text(errors="replace") if self.log.exists() else ""


class Broker(Process):
    """mosquitto on loopback. `persistence`: keeps its store over a kill (saved at every change). Its queues have a limit: with none, mosquitto 2.0.11 ends the connection
    of whoever publishes what it does not allow."""

    def __init__(self, folder, port=None, persistence=False, extra="", name="broker", anonymous=True):
        super().__init__(folder / f"{name}.log")
        self.folder, self.port = folder, port or free_port()
        self.conf = folder / f"{name}.conf"
        store = f"persistence true\npersistence_location {folder}/\nautosave_on_changes true\nautosave_interval 1\n" if persistence else "persistence false\n"
        self.conf.write_text(f"user root\nlistener {self.port} 127.0.0.1\nallow_anonymous {str(anonymous).lower()}\nmax_queued_messages 1000000\nmax_inflight_messages 0\n"
                             f"log_type error\nlog_type warning\nlog_type notice\n{store}{extra}")

    def start(self):
        self.spawn(["mosquitto", "-c", self.conf])
        wait_for(lambda: not self.running() or listens(self.port), what="the broker")
        assert self.running(), self.text()
        return self


SERVER = r"""
import asyncio, json, sys
from pymodbus.datastore import ModbusSequentialDataBlock, ModbusServerContext, ModbusSlaveContext
from pymodbus.server.async_io import StartAsyncTcpServer

ports, units, size = json.loads(sys.argv[1])
contexts = {}

def make():
    slaves = {}
    for u in units:
        blocks = {k: ModbusSequentialDataBlock(0, [0] * size) for k in ("co", "di", "hr", "ir")}
        slaves[u] = ModbusSlaveContext(zero_mode=True, **blocks)
    return ModbusServerContext(slaves=slaves, single=False)

async def commands():
    reader = asyncio.StreamReader()
    await asyncio.get_event_loop().connect_read_pipe(lambda: asyncio.StreamReaderProtocol(reader), sys.stdin)
    while True:
        line = await reader.readline()
        if not line:
            return
        port, unit, fc, address, values = json.loads(line)
        contexts[port][unit].setValues(fc, address, values)
        print("ok", flush=True)

async def main():
    for port in ports:
        contexts[port] = make()
        asyncio.ensure_future(StartAsyncTcpServer(context=contexts[port], address=("127.0.0.1", port), allow_reuse_address=True))
    await commands()

asyncio.run(main())
"""


class Equipment:
    """pymodbus servers in a process of their own, whose registers we set from outside. fc is that of reading: 1 coils, 2 inputs, 3 holding, 4 input registers."""

    def __init__(self, folder, n=1, units=(1,), size=2000):
        self.folder, self.units, self.size = folder, list(units), size
        self.ports = [free_port() for _ in range(n)]
        self.child = None

    def start(self):
        log = open(self.folder / "equipment.log", "ab")
        self.child = subprocess.Popen([PYTHON, "-c", SERVER, json.dumps([self.ports, self.units, self.size])], stdin=subprocess.PIPE, stdout=subprocess.PIPE,
                                      stderr=log, text=True)
        log.close()
        for port in self.ports:
            wait_for(lambda: listens(port), what="the equipment")
        return self

    def set(self, fc, address, values, unit=1, port=0):
        values = values if isinstance(values, list) else [values]
        self.child.stdin.write(json.dumps([self.ports[port], unit, fc, address, values]) + "\n")
        self.child.stdin.flush()
        assert self.child.stdout.readline() == "ok\n"

    def stop(self):
        if self.child:
            self.child.kill()
            self.child.wait()
            self.child = None


class Simulator(Process):
    """firegw-sim, which serves the ports of a site file (or of a scenario's)."""

    def __init__(self, folder, *args, name="sim"):
        super().__init__(folder / f"{name}.log")
        self.args, self.socket = args, folder / f"{name}.sock"

    def start(self):
        self.spawn([BIN / "firegw-sim", *self.args, "--socket", self.socket])
        wait_for(lambda: not self.running() or "can be raised" in self.text(), what="the simulator")
        assert self.running() or "can be raised" in self.text(), self.text()
        return self

    def ask(self, *words):
        """The answer of --raise, --clear, --list or --status: (exit code, text)."""
        done = subprocess.run([str(BIN / "firegw-sim"), *words, "--socket", str(self.socket)], capture_output=True, text=True, timeout=30)
        return done.returncode, done.stdout + done.stderr


class Daemon(Process):
    def __init__(self, folder, site, program="firegwd"):
        super().__init__(folder / "daemon.log")
        self.folder, self.site, self.program = folder, site, program
        self.wrapper = []  # what runs the program: valgrind, unshare

    def start(self, wait=True, env=None):
        self.spawn([*self.wrapper, BIN / self.program, "-c", self.site], env={**os.environ, **(env or {})})
        if wait:
            try:
                wait_for(lambda: not self.running() or self.ready(), seconds=40, what="the daemon's socket")
            except AssertionError as e:
                raise AssertionError(f"{e}\n{self.text()}")
            assert self.running(), self.text()
        return self

    def ready(self):
        try:
            self.ask("version")
            return True
        except OSError:
            return False

    def ask(self, verb, **args):
        """One request at the control socket: (rows, end)."""
        with socket.socket(socket.AF_UNIX) as s:
            s.settimeout(20)
            s.connect(str(self.folder / "fw.sock"))
            s.sendall((json.dumps({"verb": verb, "args": args}) + "\n").encode())
            rows = []
            for line in s.makefile("r", encoding="utf-8"):
                o = json.loads(line)
                if "end" in o:
                    return rows, o
                rows.append(o["row"])
        raise OSError("the daemon closed the connection")

    def status(self):
        return self.ask("status")[1]["result"]

    def hub(self, name="district"):
        return next(h for h in self.status()["hubs"] if h["name"] == name)

    def hub_up(self, name="district", seconds=40):
        """Waits until this hub was told what is current, and commands reach us."""
        wait_for(lambda: self.hub(name)["state"] == "up", seconds, f"hub {name}")
        return self

    def points(self, select=""):
        return {p["id"]: p for p in self.ask("points", select=select)[0]}

    def alarms(self):
        """By id, but for what a machine that stands still brings."""
        return {a["alarm"]: a for a in self.ask("alarms", all=True)[0] if a["alarm"] not in MACHINE}

    def uplinks(self):
        """The pids of the daemon's firegw-uplink children."""
        found = subprocess.run(["pgrep", "-P", str(self.child.pid), "firegw-uplink"], capture_output=True, text=True)
        return [int(p) for p in found.stdout.split()]

    def cli(self, *args, check=True):
        done = subprocess.run([str(BIN / "firegw"), *map(str, args)], capture_output=True, text=True, timeout=60,
                              env={**os.environ, "FIREGW_SOCKET": str(self.folder / "fw.sock")})
        if check:
            assert done.returncode == 0, done.stdout + done.stderr
        return done


class Console:
    """A subscriber on paho that keeps what it got, in order."""

    def __init__(self, port, topics=("fire/#",), client_id=None, persistent=False, v5=False, user=None):
        self.messages, self.lock, self.port = [], threading.Lock(), port
        self.replies = {}
        clean = {} if v5 else {"clean_session": not persistent}
        self.client = mqtt.Client(client_id=client_id or f"console-{os.getpid()}-{next(NAMES)}", protocol=mqtt.MQTTv5 if v5 else mqtt.MQTTv311, **clean)
        if user:
            self.client.username_pw_set(*user)
        self.client.on_message = self.on_message
        self.subscribed = threading.Event()
        self.client.on_subscribe = lambda *a: self.subscribed.set()
        self.client.on_connect = lambda c, *a: c.subscribe([(t, 1) for t in topics])
        self.client.reconnect_delay_set(0.2, 1)

    def start(self):
        self.client.connect_async("127.0.0.1", self.port, keepalive=20)
        self.client.loop_start()
        assert self.subscribed.wait(20), "the console could not subscribe"
        return self

    def stop(self):
        self.client.disconnect()
        self.client.loop_stop()

    def on_message(self, client, userdata, m):
        with self.lock:
            self.messages.append((time.time(), m.topic, bytes(m.payload), bool(m.retain)))

    def got(self, part):
        """Payloads (parsed) of the topics that hold `part`, in order of arrival."""
        with self.lock:
            return [json.loads(p) for _, t, p, _ in self.messages if part in t and p]

    def all(self):
        with self.lock:
            return list(self.messages)

    def events(self, **fields):
        return [e for e in self.got("/event/") if all(e.get(k) == v for k, v in fields.items())]

    def retained(self):
        """What the broker would give to one who connects now, by topic."""
        late = Console(self.port, client_id=f"late-{os.getpid()}-{next(NAMES)}").start()
        done = threading.Event()
        mark = f"marker/{os.getpid()}-{next(NAMES)}"
        late.client.subscribe(mark, 1)
        late.client.message_callback_add(mark, lambda *a: done.set())
        deadline = time.monotonic() + 40
        while not done.wait(0.3) and time.monotonic() < deadline:
            late.client.publish(mark, b"x", 1)
        late.stop()
        assert done.is_set(), "the broker gave no answer"
        return {t: json.loads(p) for _, t, p, r in late.all() if r and p}

    def command(self, name, node="qj-test-01", seconds=40, expires="2099-01-01T00:00:00Z", **fields):
        """Sends a command and collects its answer's pages."""
        fields = {"v": 1, "id": f"c-{time.monotonic_ns()}", "issued": "2026-01-01T00:00:00Z", "expires": expires, **fields}
        fields = {k: v for k, v in fields.items() if v is not None}
        before = len(self.got("/reply/"))
        self.client.publish(f"{PREFIX}{node}/command/{name}", json.dumps(fields), 1)

        def answered():
            pages = [r for r in self.got("/reply/")[before:] if r.get("id") == fields.get("id")]
            if pages and (not pages[0]["ok"] or len(pages) == pages[0]["pages"]):
                return pages
        return wait_for(answered, seconds, f"the answer to {name}")


class Stage:
    """A test's folder and everything that runs in it."""

    def __init__(self, folder):
        self.folder = pathlib.Path(folder)
        self.parts = []

    def __enter__(self):
        return self

    def __exit__(self, *_):
        for part in reversed(self.parts):
            with contextlib.suppress(Exception):
                (part.kill if isinstance(part, Process) else part.stop)()

    def add(self, part):
        self.parts.append(part)
        return part

    def broker(self, **more):
        return self.add(Broker(self.folder, **more)).start()

    def equipment(self, **more):
        return self.add(Equipment(self.folder, **more)).start()

    def simulator(self, *args, **more):
        return self.add(Simulator(self.folder, *args, **more)).start()

    def throttle(self, broker, rate):
        return self.add(Throttle(broker.port, rate)).start()

    def console(self, broker, **more):
        return self.add(Console(broker.port if isinstance(broker, Broker) else broker, **more)).start()

    def daemon(self, site_text=None, start=True, **more):
        path = self.folder / "site.yaml"
        if site_text is not None:
            path.write_text(site_text)
        d = self.add(Daemon(self.folder, path, **more))
        return d.start() if start else d


class Throttle:
    """A TCP way to a broker on which only so many bytes a second go towards it, and little stands in between."""

    def __init__(self, port, rate):
        self.target, self.rate = port, rate
        self.listener = socket.socket()
        self.listener.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)  # of the accepted ones too
        self.listener.bind(("127.0.0.1", 0))
        self.listener.listen(8)
        self.port = self.listener.getsockname()[1]
        self.open, self.ended = [], False

    def start(self):
        threading.Thread(target=self.accept, daemon=True).start()
        return self

    def accept(self):
        while not self.ended:
            try:
                near, _ = self.listener.accept()
                far = socket.create_connection(("127.0.0.1", self.target))
            except OSError:
                continue
            self.open += [near, far]
            far.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            threading.Thread(target=self.carry, args=(near, far, self.rate), daemon=True).start()
            threading.Thread(target=self.carry, args=(far, near, None), daemon=True).start()

    def carry(self, a, b, rate):
        piece = 65536 if rate is None else max(64, rate // 50)
        with contextlib.suppress(OSError):
            while True:
                data = a.recv(piece)
                if not data:
                    break
                if rate:
                    time.sleep(len(data) / rate)  # the link's speed, not a wait
                b.sendall(data)
        for s in (a, b):
            with contextlib.suppress(OSError):
                s.shutdown(socket.SHUT_RDWR)

    def stop(self):
        self.ended = True
        self.listener.close()
        for s in self.open:
            s.close()


def hub(port, name="district", send="[events, readings, status, directory, building]", more=""):
    return f"  - {{name: {name}, url: 'mqtt://127.0.0.1:{port}', send: {send}, commands: [snapshot, replay, refresh]{more}}}\n"


BUILDING = "    - {id: a, name: A座, class: class1-public, height_m: 98, floors: 32, basements: 2}\n"


def site_text(folder, buses, rules="", hubs="", commit="200ms", more="", buildings=BUILDING):
    """A whole site.yaml; buses, rules and hubs are the lists' bodies, indented by two."""
    return f"""site:
  gateway: qj-test-01
  name: 文龙大厦
  region: "500110002003"
  timezone: Asia/Shanghai
  buildings:
{buildings}storage: {{path: firegw.db, commit: {commit}}}
control: {{socket: {folder}/fw.sock}}
log: {{level: debug}}
{more}{"hubs:" if hubs else ""}
{hubs}buses:
{buses}{"rules:" if rules else ""}
{rules}"""


def bus(port, points, name="line", device="facp", every="200ms", more="", timeout="2s"):
    return (f"  - name: {name}\n    url: tcp://127.0.0.1:{port}\n    timeout: {timeout}\n    devices:\n"
            f"      - name: {device}\n        unit: 1\n        every: {every}\n        building: a\n        floor: \"12\"\n        zone: 12-N\n{more}"
            f"        points:\n" + "".join(f"          - {p}\n" for p in points))


SMOKE_RULE = """  - id: smoke
    for: {kind: smoke_detector}
    when: {equals: 1}
    class: fire
    message: {zh: "{name} 火警", en: "{name}: fire"}
"""
CONFIRM_RULE = """  - id: fire-confirmed
    when: {count: 2, of: {class: fire}, same: zone, within: 5m}
    class: fire
    latch: true
"""


def smoke_points(n, fc=1, start=0):
    return [f"{{point: smoke{i + 1}, name: 烟感{i + 1}, kind: smoke_detector, fc: {fc}, register: {start + i}, type: bool}}" for i in range(n)]
