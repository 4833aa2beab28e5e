"""Chaos: a TCP line, RTU over TCP and a serial line of ten units each, simulated, under faults of the talk that come and go as a seed says; and the daemon that polls them.

Each register shows which one it is and when (firegw-sim --marks), so a value that is another's, or an old one, is known at the console. One fault at a time stands on each line, so that
what the line counted meanwhile can be held against it."""
import json
import random
import re
import threading
import time

import stage as parts

UNITS = 10
REGISTERS = {"a": 20, "b": 60}  # of the same length: an answer to the one has the shape of the other's
TIMEOUT = 0.15  # two tries of both requests of a unit leave the others their second
TENTHS = 65536
OLDEST = 1.0   # seconds that a value may be old: timeout, transmission, a tick of the simulator, and the machine's own delays
RAISED, REST = 3.5, 1.5
RECOVERED = 40

DEVICE = ["device-dead", "device-lying", "exception", "wrong-unit", "wrong-function", "wrong-count", "oversized", "half", "noise", "late", "drip"]
LINE = ["babble", "flood"]
KINDS = {
    "tcp": [*DEVICE, "wrong-number", "closing", *LINE],
    "rtu+tcp": [*DEVICE, "wrong-crc", "closing", "echo", "other-master", *LINE],
    "rtu": [*DEVICE, "wrong-crc", "echo", "other-master", *LINE],
}
ENDING = {"oversized", "half", "noise", "drip", "closing"}
LEAST = 0.99  # polls a second of the healthy units beside a sick one
OF_LINE = {"echo", "babble", "flood", "other-master"}
# Under which name a fault must be counted: one of these. On TCP what cannot be a frame, or is half of one, ends the connection.
COUNTED = {
    "device-dead": {"timeouts"}, "exception": {"exceptions"}, "late": {"late"}, "closing": {"disconnects"}, "wrong-unit": {"wrong"}, "wrong-number": {"wrong", "late"},
    "wrong-function": {"wrong"}, "wrong-crc": {"crc_errors"}, "echo": {"echoes"}, "other-master": {"foreign_frames"}, "flood": {"wrong", "late"},
}
COUNTED_TCP = {
    "wrong-count": {"wrong"}, "device-lying": {"wrong", "late"}, "oversized": {"garbage_bytes"}, "half": {"disconnects"}, "drip": {"disconnects"},
    "noise": {"garbage_bytes", "wrong", "disconnects"}, "babble": {"garbage_bytes", "wrong", "disconnects"},
}
COUNTED_RTU = {
    "wrong-count": {"garbage_bytes", "half_frames", "crc_errors"}, "device-lying": {"wrong", "crc_errors", "garbage_bytes"}, "oversized": {"garbage_bytes"}, "half": {"half_frames", "garbage_bytes"},
    "drip": {"half_frames", "garbage_bytes", "late"}, "noise": {"garbage_bytes"}, "babble": {"garbage_bytes"},
}
HOW = {"late": ["by=200ms", "by=200ms", "by=350ms", "by=1500ms", "by=2500ms"], "drip": ["by=20ms"], "babble": ["by=150ms", "by=700ms"], "flood": ["by=20ms", "by=100ms"],
       "other-master": ["by=200ms", "by=500ms"], "exception": ["code=busy", "code=acknowledge", "code=failure", "code=illegal-address", "code=no-target"]}


def counted(kind, line):
    return COUNTED.get(kind) or (COUNTED_TCP if line == "tcp" else COUNTED_RTU)[kind]


def site(folder, hubs):
    urls = {"tcp": f"tcp://127.0.0.1:{parts.free_port()}", "rtu+tcp": f"rtu+tcp://127.0.0.1:{parts.free_port()}", "rtu": f"rtu://{folder}/tty-line?baud=38400&parity=none"}
    text = ""
    for name, url in urls.items():
        text += f"  - name: {name.replace('+', '-')}\n    url: \"{url}\"\n    timeout: {int(TIMEOUT * 1000)}ms\n    max_gap: 0\n    devices:\n"
        for unit in range(1, UNITS + 1):
            text += f"      - name: {name.replace('+', '-')}-{unit}\n        unit: {unit}\n        every: 1s\n        points:\n"
            text += "".join(f"          - {{point: {p}, kind: generic, fc: 3, register: {r}, type: u32, deadband: 0}}\n" for p, r in REGISTERS.items())
    path = folder / "site.yaml"
    path.write_text(parts.site_text(folder, text, hubs=hubs).replace("level: debug", "level: info"))
    return path


class Pulse(threading.Thread):
    """When this machine let nobody run: what was measured then says nothing about the daemon."""

    def __init__(self):
        super().__init__(daemon=True)
        self.late = []

    def run(self):
        while True:
            at = time.time()
            time.sleep(0.05)
            if time.time() - at > 0.35:
                self.late.append((at, time.time()))

    def was_late(self, begin, end):
        return any(a <= end and b >= begin for a, b in list(self.late))


PULSE = Pulse()


class Witness(parts.Console):
    """Looks at every reading that the hub gets."""

    def __init__(self, *args, **more):
        super().__init__(*args, **more)
        self.start_s = None  # when the simulator began, by the values of a calm while
        self.wrong, self.old, self.good, self.times, self.oldest = [], [], 0, {}, 0.0

    def on_message(self, client, userdata, m):
        if "/reading" not in m.topic:
            return
        batch = json.loads(m.payload)
        with self.lock:
            for point, ms, value, *quality in batch["readings"]:
                if value is not None and not quality:
                    self.look(point, (batch["t0"] + ms) / 1000, int(value))

    def look(self, point, at, value):
        self.good += 1
        self.times.setdefault(point, []).append(at)
        device, name = point.rsplit(".", 1)
        unit, register, tenths = value >> 24, value >> 16 & 0xFF, value % TENTHS
        if unit != int(device.rsplit("-", 1)[1]) or register != REGISTERS[name]:
            self.wrong.append(f"{point} at {at:.3f}: {value:#x} is unit {unit}, register {register}")
            return
        begin = at - tenths / 10
        if self.start_s is None or self.calm:
            self.start_s = min(self.start_s or begin, begin)
            return
        age = (at - self.start_s - tenths / 10 + TENTHS / 20) % (TENTHS / 10) - TENTHS / 20
        self.oldest = max(self.oldest, age)
        if not -0.2 <= age <= OLDEST:
            self.old.append((at, age, f"{point} at {at:.3f}: {value:#x} is {age:.1f} s old"))

    calm = True

    def polls(self, point, begin, end):
        """(intervals, seconds) between the good readings around a while."""
        with self.lock:
            times = self.times.get(point, [])
            inside = [t for t in times if begin <= t <= end]
            before, after = [t for t in times[-4000:] if t < begin], [t for t in times[-4000:] if t > end]
        whole = before[-1:] + inside + after[:1]
        return (len(whole) - 1, whole[-1] - whole[0]) if len(whole) > 1 else (0, end - begin)


class Line(threading.Thread):
    """Raises and clears one fault after the other on one line."""

    def __init__(self, name, rng, sim, daemon, witness, end):
        super().__init__(daemon=True)
        self.line, self.name_, self.rng, self.sim, self.daemon_, self.witness, self.end = name, name.replace("+", "-"), rng, sim, daemon, witness, end
        self.errors, self.struck, self.uncounted, self.slow, self.deck = [], {}, {}, [], []
        self.tally = {False: [0, 0.0], True: [0, 0.0]}  # (intervals, seconds) of healthy units, by whether the fault ends the connection

    def counters(self):
        return next(x for x in self.daemon_.status()["lines"] if x["name"] == self.name_)

    def next_kind(self):
        if not self.deck:
            # Late answers are what values get mixed up by: twice as often as the rest.
            self.deck = self.rng.sample([*KINDS[self.line], "late"], len(KINDS[self.line]) + 1)
        return self.deck.pop()

    def round(self):
        kind, unit, chance = self.next_kind(), self.rng.randint(1, UNITS), self.rng.choice([30, 60, 100])
        place = f"bus={self.name_}" if kind in OF_LINE else f"device={self.name_}-{unit}"
        how = [f"chance={chance}%", *([self.rng.choice(HOW[kind])] if kind in HOW else [])]
        told = f"{kind} {place} {' '.join(how)}"
        before, began = self.counters(), time.time()
        code, text = self.sim.ask("--raise", kind, place, *how)
        if code:
            self.errors.append(f"{told}: {text}")
            return
        time.sleep(RAISED)  # so long it stands
        done = re.search(rf"^  {kind} {place}, .*done (\d+) time", self.sim.ask("--list")[1], re.M)
        self.sim.ask("--clear", kind, place)
        ended = time.time()
        time.sleep(REST + (2.5 if kind == "late" else 0))
        after = self.counters()
        self.recover(told)
        n = int(done.group(1)) if done else 0
        moved = {k: after[k] - before[k] for k in after if isinstance(after[k], int) and not isinstance(after[k], bool) and after[k] != before[k]}
        if n:
            self.struck[kind] = self.struck.get(kind, 0) + n
            if not any(moved.get(k) for k in counted(kind, self.line)):
                self.uncounted[kind] = self.uncounted.get(kind, []) + [f"{told}, done {n} times: {moved}"]
            else:
                self.uncounted.setdefault(kind, []).append(None)
        if kind not in OF_LINE and n:
            self.measure(told, unit, began, ended, self.line == "tcp" and kind in ENDING)

    def recover(self, told):
        """Every point of the line has a good value that is new: units that were silent are asked at longer and longer intervals."""
        since, points = time.time(), [f"{self.name_}-{u}.{p}" for u in range(1, UNITS + 1) for p in REGISTERS]
        until = time.monotonic() + RECOVERED
        while left := [p for p in points if self.witness.times[p][-1] < since]:
            if time.monotonic() > until:
                self.errors.append(f"{self.line}: {left} did not come back within {RECOVERED} s of {told}")
                return
            time.sleep(0.1)

    def measure(self, told, sick, begin, end, ending):
        if PULSE.was_late(begin - 1, end + 1):
            return
        for unit in range(1, UNITS + 1):
            if unit == sick:
                continue
            for p in REGISTERS:
                n, seconds = self.witness.polls(f"{self.name_}-{unit}.{p}", begin, end)
                self.tally[ending][0] += n
                self.tally[ending][1] += seconds
                if n < 0.8 * seconds:
                    self.slow.append(f"{self.name_}-{unit}.{p}: {n / seconds:.2f} polls/s under {told}")

    def run(self):
        while time.monotonic() < self.end:
            try:
                self.round()
            except Exception as e:  # a daemon that is gone, above all
                self.errors.append(f"{self.line}: {e!r}")
                return


    def rate(self, ending):
        n, seconds = self.tally[ending]
        return n / seconds if seconds else None

    def rates(self):
        beside = self.rate(True)
        return f"{self.rate(False) or 1:.3f} polls/s" + (f", {beside:.3f} beside faults that end the connection" if beside is not None else "")


def findings(lines, witness, daemon, sim, least):
    late = daemon.status()["loop_late_ms"] / 1000 if daemon.running() else 0
    errors = [*witness.wrong, *(text for at, age, text in witness.old if age < -0.2 or (age > OLDEST + late and not PULSE.was_late(at - age, at)))]
    for line in lines:
        errors += line.errors
        for kind, told in line.uncounted.items():
            # A fault that struck a few times may have hit only what nobody waited for; one that is never counted is not.
            if all(told):
                errors.append(f"{line.line}: never counted as {' or '.join(sorted(counted(kind, line.line)))}: {told[0]}")
        for ending in (False, True):
            rate = line.rate(ending)
            if rate is not None and rate < (least if ending else LEAST):
                errors.append(f"{line.line}: healthy units had {line.rates()}; {'; '.join(line.slow[:3])}")
    for name, process in (("firegwd", daemon), ("firegw-sim", sim)):
        code = process.terminate(30)
        if code != 0:
            errors.append(f"{name} ended with {code}")
        report = re.search(r"^.*(?:ERROR: \w+Sanitizer|runtime error:).*$", process.text(), re.M)
        if report:
            errors.append(f"{name}: {report.group(0)}")
    return errors


def run(stage, seconds, seed, say=print, least=0.99):
    """Errors, each a line; what was seen is said. least: polls a second of the healthy units of a TCP line beside one that makes the connection end."""
    rng = random.Random(seed)
    if not PULSE.is_alive():
        PULSE.start()
    broker = stage.broker()
    path = site(stage.folder, parts.hub(broker.port, send="[readings]"))
    sim = stage.simulator("--site", path, "--marks", "--seed", str(seed))
    daemon = stage.daemon().hub_up()
    witness = stage.add(Witness(broker.port)).start()
    points = 3 * UNITS * len(REGISTERS)
    try:
        parts.wait_for(lambda: len(witness.times) == points, 30, "a good value of every point")
    except AssertionError as e:
        raise AssertionError(f"{e}: {len(witness.times)} of {points}; {[(x['name'], x['why']) for x in daemon.status()['lines']]}; {daemon.status()['hubs']}") from e
    n = witness.good
    parts.wait_for(lambda: witness.good >= n + 2 * points, 30, "a calm while")
    witness.calm = False
    end = time.monotonic() + seconds
    lines = [Line(name, random.Random(rng.randrange(1 << 32)), sim, daemon, witness, end) for name in KINDS]
    for line in lines:
        line.start()
    for line in lines:
        line.join()
    sim.ask("--clear", "all")
    try:
        parts.wait_for(lambda: all(p["quality"] == "good" for p in daemon.points().values()), 60, "every value good again")
    except (AssertionError, OSError) as e:
        bad = [p["id"] for p in daemon.points().values() if p["quality"] != "good"] if daemon.running() else "the daemon is gone"
        witness.wrong.append(f"{e}: {bad}")
    for line in lines:
        say(f"{line.line}: struck {dict(sorted(line.struck.items()))}; healthy units {line.rates()}")
    say(f"{witness.good} good readings, the oldest {witness.oldest:.2f} s old; {len(witness.wrong)} wrong, {len(witness.old)} too old" + (f"; the machine stood still {len(PULSE.late)} times" if PULSE.late else ""))
    return findings(lines, witness, daemon, sim, least)
