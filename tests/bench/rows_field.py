"""The rows of scripts/bench about lines: what one unit does to the others, how much of a serial line is used, and a thousand lines of which fifty are dead."""
import json
import time

import rig
import stage
from rig import CannotMeasure, say

FAULTS = ["dead", "late", "drip", "half", "unit", "id", "garbage"]
UNITS = range(1, 11)


class Lines(rig.Tool):
    """bench_line: see its source."""

    def __init__(self, folder, specs):
        super().__init__(folder, "bench_line", *specs)
        self.ports = [int(p) for p in self.lines.readline().split()[1:]]
        if len(self.ports) != len(specs):
            raise CannotMeasure("bench_line could not open its lines")
        self.listen()

    def take(self, line):
        self.give([int(w) for w in line.split()[1:]])

    def counts(self):
        """(ns, requests by line)"""
        at, *requests = self.ask("counts")
        return at, requests


def url_of(folder, i, wire, port, baud):
    return f"rtu://{folder}/tty{i}?baud={baud}&parity=even" if wire == "rtu" else f"{wire}://127.0.0.1:{port}"


def config(folder, broker, urls, every, registers=2, timeout="500ms"):
    buses = ""
    for i, url in enumerate(urls):
        buses += f"  - name: line{i}\n    url: \"{url}\"\n    timeout: {timeout}\n    devices:\n"
        for u in UNITS:
            points = "".join(f"          - {{point: r{a}, kind: generic, fc: 3, register: {a}, type: u32, deadband: 0}}\n" for a in range(0, registers, 2))
            buses += f"      - name: l{i}u{u}\n        unit: {u}\n        every: {every}\n        building: a\n        points:\n{points}"
    return stage.site_text(folder, buses, hubs=stage.hub(broker.port), commit="200ms").replace("log: {level: debug}", "log: {level: info}")


class Checker:
    """Looks at every reading at the hub: the value must say that it is of this unit and address, and of the time at which it says it was read."""

    def __init__(self, st, broker):
        self.console = st.console(broker, topics=("fire/+/+/+/+/+/reading",))
        self.began = None

    def judge(self):
        boot = time.clock_gettime(time.CLOCK_BOOTTIME) - time.time()
        seen = wrong = 0
        for m in self.console.all():
            body = json.loads(m[2])
            for point, at, value, *quality in body["readings"]:
                if quality:
                    continue
                unit, address = int(point.split("u")[1].split(".")[0]), int(point.split("r")[-1])
                seen += 1
                tenths = (int((body["t0"] + at) / 100 + boot * 10) - (value & 0xFFFF)) & 0xFFFF
                wrong += value >> 16 != unit << 8 | address or not (tenths <= 7 or tenths >= 0xFFFE)
        return seen, wrong


def row_faulty_unit(ctx, Figure):
    """Ten units at 1 Hz on each of 21 lines, unit 2 at fault: good polls a second of the other nine, counted by the daemon."""
    kinds = [(wire, fault) for wire in ("tcp", "rtu+tcp", "rtu") for fault in FAULTS if (wire, fault) not in (("rtu", "id"), ("rtu+tcp", "id"))]
    with stage.Stage(ctx.folder) as st:
        specs = [f"{wire}:{19200 if wire == 'rtu' else 0}:{fault}" + (f":{st.folder}/tty{i}" if wire == "rtu" else "") for i, (wire, fault) in enumerate(kinds)]
        lines = st.add(Lines(st.folder, specs))
        broker = st.broker()
        checker = Checker(st, broker)
        daemon = st.daemon(config(st.folder, broker, [url_of(st.folder, i, wire, lines.ports[i], 19200) for i, (wire, _) in enumerate(kinds)], "1s"))
        time.sleep(5)
        say(f"{len(kinds)} lines with ten units each, one at fault: {ctx.seconds} s")

        def polls():
            return {d["name"]: d["polls_good"] for line in daemon.status()["lines"] for d in line["devices"]}

        began, first = time.monotonic(), polls()
        time.sleep(ctx.seconds)
        span, last = time.monotonic() - began, polls()
        daemon.terminate()
        time.sleep(1)
        seen, wrong = checker.judge()
    for i, (wire, fault) in enumerate(kinds):
        rates = [(last[f"l{i}u{u}"] - first[f"l{i}u{u}"]) / span for u in UNITS if u != 2]
        yield Figure(f"{wire}, {fault}: slowest of nine", min(rates), "/s", None, 0.99, True)
    yield Figure("wrong values", wrong, "", aim=0, note=f"of {seen:,} good readings")


def row_serial(ctx, Figure):
    """RTU at two rates, intervals such that the line has no time left: what share of the polls that it could carry it carries."""
    for baud, registers, aim in ((9600, 40, 95), (115200, 100, 90)):
        character = 11 / baud
        silence = 0.00175 if baud > 19200 else 3.5 * character
        exchange = (8 + 5 + 2 * registers) * character + 2 * silence
        every = int(exchange * 10 * 1000) + 1
        folder = ctx.folder / str(baud)
        folder.mkdir()
        with stage.Stage(folder) as st:
            lines = st.add(Lines(st.folder, [f"rtu:{baud}:none:{st.folder}/tty0"]))
            broker = st.broker()
            daemon = st.daemon(config(st.folder, broker, [url_of(st.folder, 0, "rtu", 0, baud)], f"{every}ms", registers))
            time.sleep(5)
            say(f"{baud} baud, a poll of ten units each {every} ms: {ctx.seconds} s")
            began, first = lines.counts()
            time.sleep(ctx.seconds)
            ended, last = lines.counts()
            line = daemon.status()["lines"][0]
            daemon.terminate()
        rate, possible = (last[0] - first[0]) / ((ended - began) / 1e9), 1 / exchange
        yield Figure(f"{baud} baud: requests", rate, "/s", None, note=f"of {possible:.2f} possible; {line['missed']} polls missed, {line['timeouts']} timeouts")
        yield Figure(f"{baud} baud: share of the line", 100 * rate / possible, "%", None, aim, True)


def with_dead_ones(folder, n, seconds):
    """So many TCP devices × 100 registers at 1 Hz, one in twenty of them dead: (polls a second of each live one, use of firegwd, descriptors, ms that the loop was late)."""
    folder.mkdir()
    with stage.Stage(folder) as st:
        server = st.add(rig.Server(st.folder, n))
        broker = st.broker()
        site = rig.Site(st.folder)
        site.load(server.ports, "1s")
        for i in range(0, n, 20):
            server.send(f"dead {i} 1")
        daemon = st.daemon(site.text(broker.port))
        time.sleep(10)
        say(f"{n} devices, {n // 20} dead: {seconds} s")

        def polls():
            return {line["name"]: line["polls_good"] for line in daemon.status()["lines"]}

        meter, began, first = rig.Meter(rig.pids_of(daemon)), time.monotonic(), polls()
        time.sleep(seconds)
        used, _ = meter.end()
        span, last = time.monotonic() - began, polls()
        late = daemon.status()["loop_late_ms"]
        files = len(list((stage.pathlib.Path("/proc") / str(daemon.child.pid) / "fd").iterdir()))
        daemon.terminate()
    return [(last[f"line{i}"] - first[f"line{i}"]) / span for i in range(n) if i % 20], used["firegwd"], files, late


def row_thousand_dead(ctx, Figure):
    """1,000 devices, 50 of them dead; and 1,600, which are more descriptors than select (and so libmodbus) could take."""
    rig.open_files(16384)
    rates, used, files, late = with_dead_ones(ctx.folder / "1000", 1000, ctx.seconds)
    yield Figure("polls of a live device, slowest", min(rates), "/s", None, 0.99, True)
    yield Figure("polls of a live device, mean", sum(rates) / len(rates), "/s", None, 0.99, True)
    yield Figure("CPU, firegwd", used["cpu"], "% of a core", None, 100)
    yield Figure("RSS, firegwd", used["rss"], "MB")
    yield Figure("descriptors, firegwd", files, "")
    yield Figure("loop late, worst", late, "ms", note="since the start")
    rates, used, files, late = with_dead_ones(ctx.folder / "1600", 1600, ctx.seconds)
    yield Figure("1,600 devices: slowest", min(rates), "/s", None, 0.99, True, f"{files} descriptors, CPU {used['cpu']:.1f} %, loop late {late:.0f} ms at worst")
