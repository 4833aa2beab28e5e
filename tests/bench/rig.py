"""What a measurement is put together from: equipment, floor and console of our own in C (cheap, and they stamp), the end-to-end tests' broker and daemon, and meters on /proc."""
import json
import os
import pathlib
import resource
import statistics
import subprocess
import sys
import threading
import time

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "e2e"))
import stage  # noqa: E402

TICKS = os.sysconf("SC_CLK_TCK")
REGISTERS = 100


class CannotMeasure(Exception):
    """Why a row has no figure."""


def say(*words):
    print("   ", *words, file=sys.stderr, flush=True)


def mono_ns():
    return time.clock_gettime_ns(time.CLOCK_MONOTONIC)


def ms(ns):
    return ns / 1e6


def quantile(values, q):
    values = sorted(values)
    return values[min(len(values) - 1, int(q * len(values)))]


def median(values):
    return statistics.median(values)


def open_files(n):
    """Raises this process' limit, which the daemon inherits."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if soft < n:
        if hard != resource.RLIM_INFINITY and hard < n:
            raise CannotMeasure(f"{n} open files are needed, {hard} are allowed (ulimit -n)")
        resource.setrlimit(resource.RLIMIT_NOFILE, (n, hard))


class Tool:
    """A bench_* program: commands to its stdin, its lines to `take`. Ends with its stdin."""

    def __init__(self, folder, name, *args):
        program = stage.BIN / name
        if not program.exists():
            raise CannotMeasure(f"{program} is not there; build the target bench_tools")
        self.name, self.log = name, open(folder / f"{name}.log", "ab")
        self.child = subprocess.Popen([str(program), *map(str, args)], stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=self.log, bufsize=0)
        self.lines = open(self.child.stdout.fileno(), "rb", buffering=1 << 16, closefd=False)
        self.lock = threading.Lock()
        self.answer, self.answered = None, threading.Condition()

    def listen(self):
        threading.Thread(target=self.read_all, daemon=True).start()

    def read_all(self):
        for line in self.lines:
            self.take(line)

    def send(self, line):
        with self.lock:
            self.child.stdin.write(line.encode() + b"\n")

    def ask(self, line):
        """One command that has one line of answer."""
        with self.answered:
            self.answer = None
            self.send(line)
            if not self.answered.wait_for(lambda: self.answer is not None, 10):
                raise CannotMeasure(f"{self.name} does not answer; it ended with {self.child.poll()}")
            return self.answer

    def give(self, answer):
        with self.answered:
            self.answer = answer
            self.answered.notify()

    def pid(self):
        return self.child.pid

    def stop(self):
        self.child.stdin.close()
        try:
            self.child.wait(5)
        except subprocess.TimeoutExpired:
            self.child.kill()
            self.child.wait()
        self.log.close()


class Server(Tool):
    """bench_server. `change`: steps a second each register makes, or "all" = a step at every read."""

    def __init__(self, folder, ports, registers=REGISTERS, change=0.1):
        super().__init__(folder, "bench_server", ports, registers, change)
        self.ports = [int(p) for p in self.lines.readline().split()[1:]]
        if len(self.ports) != ports:
            raise CannotMeasure("bench_server could not open its ports")
        self.served = {}  # (port index, fc, address, value) -> when, CLOCK_MONOTONIC ns
        self.listen()

    def take(self, line):
        words = line.split()
        if words[0] == b"served":
            self.served[tuple(map(int, words[1:5]))] = int(words[5])
        else:
            self.give([w.decode() for w in words[1:]])

    def set(self, port, fc, address, value):
        self.served.pop((port, fc, address, value), None)
        self.send(f"set {port} {fc} {address} {value}")

    def counts(self, port):
        """(ns, {unit: answers})"""
        _, at, *pairs = self.ask(f"counts {port}")
        return int(at), {int(u): int(n) for u, n in (p.split(":") for p in pairs)}

    def total(self):
        """(ns, answers, registers, bits)"""
        return tuple(map(int, self.ask("total 0")))


class Floor(Tool):
    def __init__(self, folder, broker_port, interval_ms, ports, probe=None, registers=REGISTERS):
        super().__init__(folder, "bench_floor", broker_port, registers, interval_ms, *ports, *(["--", *probe] if probe else []))
        self.listen()

    def take(self, line):
        self.give([int(w) for w in line.split()])

    def counts(self):
        """(ns, polls, acknowledged, errors)"""
        return tuple(self.ask("counts"))


class Console(Tool):
    """bench_console. Messages are (ns of arrival, retained, topic, payload in bytes); see its source for what of readings is kept."""

    def __init__(self, folder, broker_port, topics, match="\x01"):
        super().__init__(folder, "bench_console", broker_port, f"bench-{stage.free_port()}", match, *topics)
        self.messages, self.connected = [], []
        self.listen()
        stage.wait_for(lambda: self.connected, what="the console")

    def take(self, line):
        words = line.rstrip(b"\n").split(b" ", 3)
        if words[0] == b"connected":
            self.connected.append(int(words[1]))
        elif len(words) == 4:
            self.messages.append((int(words[0]), words[1] == b"1", words[2].decode(), words[3]))

    def live(self, part):
        """Parsed, with the arrival: what came unretained on topics that hold `part`."""
        return [(at, json.loads(p)) for at, retained, topic, p in list(self.messages) if not retained and part in topic and p]


class Meter:
    """CPU and writes of some processes over a span; RSS at its end."""

    def __init__(self, pids):
        self.pids = dict(pids)
        self.at, self.first = time.monotonic(), {name: self.read(pid) for name, pid in self.pids.items()}

    @staticmethod
    def read(pid):
        try:
            stat = pathlib.Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()
            io = dict(line.split(": ") for line in pathlib.Path(f"/proc/{pid}/io").read_text().splitlines())
        except OSError as e:
            raise CannotMeasure(f"process {pid} cannot be read: {e}")
        return (int(stat[11]) + int(stat[12])) / TICKS, int(io["write_bytes"])

    def end(self):
        """{name: {cpu: % of one core, written: bytes/s, rss, hwm: MB}}, and the span in s."""
        span, out = time.monotonic() - self.at, {}
        for name, pid in self.pids.items():
            cpu, written = self.read(pid)
            status = dict(line.split(":", 1) for line in pathlib.Path(f"/proc/{pid}/status").read_text().splitlines())
            out[name] = {"cpu": 100 * (cpu - self.first[name][0]) / span, "written": (written - self.first[name][1]) / span,
                         "rss": int(status["VmRSS"].split()[0]) / 1024, "hwm": int(status["VmHWM"].split()[0]) / 1024}
        return out, span


def lasting_broker(st):
    """A mosquitto that keeps what it holds over a stop. The tests' one saves at every message, which would be measured with ours."""
    broker = stage.Broker(st.folder, persistence=True)
    broker.conf.write_text(broker.conf.read_text().replace("autosave_on_changes true\nautosave_interval 1\n", "autosave_interval 0\n"))
    return st.add(broker).start()


RULES = """  - id: bench-high
    for: {kind: [generic, hydrant_pressure, sprinkler_pressure, conductor_temperature, residual_current]}
    when: {above: 5000, deadband: 10}
    on_delay: 10s
    class: supervisory
  - id: bench-bad
    for: {kind: [generic, hydrant_pressure, sprinkler_pressure, conductor_temperature, residual_current]}
    when: {quality: bad}
    on_delay: 30s
    class: fault
""" + stage.SMOKE_RULE


class Site:
    """A site's text, built line by line. Every point has its rules: a threshold and its quality, or fire."""

    def __init__(self, folder, commit="1s"):
        self.folder, self.commit, self.buses = folder, commit, []
        (folder / "profiles").mkdir(exist_ok=True)

    def profile(self, name, rows, columns="point,kind,fc,register,type,deadband"):
        (self.folder / "profiles" / f"{name}.csv").write_text("\n".join([columns, *rows]) + "\n")

    def bus(self, name, port, devices, timeout="500ms"):
        """devices: (name, unit, profile, every or None)"""
        text = f"  - name: {name}\n    url: tcp://127.0.0.1:{port}\n    timeout: {timeout}\n    devices:\n"
        for device, unit, profile, every in devices:
            text += (f"      - {{name: {device}, unit: {unit}, profile: {profile}, building: a, floor: \"12\", zone: 12-N"
                     + (f", every: {every}" if every else "") + "}\n")
        self.buses.append(text)

    def load(self, ports, every, registers=REGISTERS):
        """One device of so many registers on each port."""
        self.profile("block", [f"r{r},generic,3,{r},u16,0" for r in range(registers)])
        for i, port in enumerate(ports):
            self.bus(f"line{i}", port, [(f"d{i}", 1, "block", every)])

    def detectors(self, port, n, every="100ms"):
        self.profile("detectors", [f"smoke{i},smoke_detector,1,{i},bool," for i in range(n)])
        self.bus("detectors", port, [("facp", 1, "detectors", every)])

    def probe(self, port, register, every="100ms"):
        self.profile("probe", [f"p,generic,3,{register},u16,0"])
        self.bus("probe", port, [("probe", 1, "probe", every)])

    def text(self, broker_port):
        hub = stage.hub(broker_port)
        text = stage.site_text(self.folder, "".join(self.buses), rules=RULES, hubs=hub, commit=self.commit)
        return text.replace("log: {level: debug}", "log: {level: info}")


def start_daemon(st, site, broker, settle=2):
    """Started, connected, every point good, and then some seconds of rest."""
    began = time.monotonic()
    daemon = st.daemon(site.text(broker.port))
    started = time.monotonic() - began

    def ready():
        s = daemon.status()
        return s["points"]["good"] == s["points"]["total"] and s["hubs"][0]["up"]
    try:
        stage.wait_for(ready, 60, "all points good and the hub up")
    except (AssertionError, OSError) as e:
        raise CannotMeasure(f"{e}\n{daemon.text()[-1500:]}")
    say(f"the daemon was up after {started:.1f} s")
    time.sleep(settle)
    return daemon


def pids_of(daemon):
    uplinks = daemon.uplinks()
    if not uplinks:
        raise CannotMeasure("there is no firegw-uplink")
    return {"firegwd": daemon.child.pid, "uplink": uplinks[0]}


def no_backlog(daemon):
    h = daemon.status()["hubs"][0]
    return h["up"] and h["backlog"]["events"] == 0 and h["backlog"]["readings"] == 0 and h["in_flight"] == 0
