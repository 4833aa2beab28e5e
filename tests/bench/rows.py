"""The rows of scripts/bench. Each is a function of a context (folder, seconds, quick) that yields figures; what cannot be measured raises CannotMeasure."""
import dataclasses
import random
import time

import machine
import rig
import rows_field
import rows_life
import rows_past
import stage
from rig import CannotMeasure, median, ms, quantile, say

DEVICES = 50
MB_DAY = 86400 / 1e6
FIRE_TOPICS, ALL_TOPICS = ["fire/+/+/+/+/+/event/#"], ["fire/#"]


@dataclasses.dataclass
class Figure:
    what: str
    value: float
    unit: str
    floor: float = None  # the same with nothing in between, measured in the same run
    aim: float = None
    more_is_better: bool = False
    note: str = ""


def measure(what, pids, server, seconds):
    """Lets it run: ({process: use}, registers read a second)."""
    say(f"{what}: {seconds} s")
    before, meter = server.total(), rig.Meter(pids)
    time.sleep(seconds)
    used, _ = meter.end()
    after = server.total()
    return used, (after[2] + after[3] - before[2] - before[3]) / ((after[0] - before[0]) / 1e9)


def measure_floor(st, broker, server, devices, interval_ms, seconds):
    floor = st.add(rig.Floor(st.folder, broker.port, interval_ms, server.ports[:devices]))
    time.sleep(1)
    used, rate = measure("floor", {"floor": floor.pid()}, server, seconds)
    _, polls, acked, errors = floor.counts()
    floor.stop()
    if errors or acked < polls * 0.9:
        raise CannotMeasure(f"the floor had {errors} errors, {acked} of {polls} polls acknowledged")
    return used["floor"], rate


def polling(ctx, devices, interval_ms, cpu_aim, rss_aim=None):
    """CPU, memory and writes at a given load of reading; then the floor at the same load."""
    with stage.Stage(ctx.folder) as st:
        server = st.add(rig.Server(st.folder, devices))
        broker = st.broker()
        console = st.add(rig.Console(st.folder, broker.port, ALL_TOPICS))
        site = rig.Site(st.folder)
        site.load(server.ports, f"{interval_ms}ms")
        daemon = rig.start_daemon(st, site, broker, settle=2 if ctx.quick else 5)
        before = daemon.status()
        messages = len(console.messages)
        used, rate = measure("firegwd", rig.pids_of(daemon), server, ctx.seconds)
        messages = len(console.messages) - messages
        after = daemon.status()
        daemon.terminate()
        floor, floor_rate = measure_floor(st, broker, server, devices, interval_ms, ctx.seconds)
    wanted = devices * rig.REGISTERS * 1000 / interval_ms
    stored = sum(s["stored"] - before["streams"][k]["stored"] for k, s in after["streams"].items() if k.endswith("/reading")) / ctx.seconds
    daemon_use, uplink_use = used["firegwd"], used["uplink"]
    yield Figure("registers read", rate, "/s", floor_rate, note=f"{wanted:,.0f} asked for")
    yield Figure("CPU, both processes", daemon_use["cpu"] + uplink_use["cpu"], "% of a core", floor["cpu"], cpu_aim)
    yield Figure("CPU, firegwd", daemon_use["cpu"], "% of a core")
    yield Figure("CPU, firegw-uplink", uplink_use["cpu"], "% of a core")
    yield Figure("RSS, both processes", daemon_use["rss"] + uplink_use["rss"], "MB", floor["rss"], rss_aim)
    yield Figure("RSS, firegwd", daemon_use["rss"], "MB", note=f"at most {daemon_use['hwm']:.1f}")
    yield Figure("RSS, firegw-uplink", uplink_use["rss"], "MB", note=f"at most {uplink_use['hwm']:.1f}")
    yield Figure("written", daemon_use["written"] * MB_DAY, "MB/day", note="from this span")
    yield Figure("readings stored", stored, "/s", note=f"{messages / ctx.seconds:.0f} messages/s")
    yield Figure("loop late, worst", after["loop_late_ms"], "ms", note="since the start")


def row_poll_1hz(ctx):
    yield from polling(ctx, DEVICES, 1000, 1.5)


def row_poll_10hz(ctx):
    yield from polling(ctx, DEVICES, 100, 10)


def row_thousand(ctx):
    rig.open_files(8192)
    yield from polling(ctx, 1000, 1000, 100, rss_aim=64)


def latency_figures(what, latencies, floor=None):
    yield Figure(f"{what}, median", ms(median(latencies)), "ms", ms(median(floor)) if floor else None, 5, note=f"{len(latencies)} samples")
    yield Figure(f"{what}, p99", ms(quantile(latencies, 0.99)), "ms", ms(quantile(floor, 0.99)) if floor else None, 20)


def raise_fires(server, port, ids, seconds):
    """Spread over the time, at random distances, so that they meet every phase of the poll."""
    rng = random.Random(1)
    for i in ids:
        server.set(port, 1, i, 1)
        time.sleep(seconds / len(ids) * rng.uniform(0.5, 1.5))


def fire_latencies(server, console, port, ids):
    """Register read → raised at the subscriber, by detector; waits for the last."""
    def arrivals():
        found = {}
        for at, e in console.live("/event/fire"):
            if e.get("transition") == "raised":
                found.setdefault(e["alarm"], at)
        return found if all(f"facp.smoke{i}/smoke" in found for i in ids) else None
    try:
        found = stage.wait_for(arrivals, 20, "every fire at the subscriber")
    except AssertionError as e:
        raise CannotMeasure(e)
    return [found[f"facp.smoke{i}/smoke"] - server.served[(port, 1, i, 1)] for i in ids]


def row_alarm(ctx):
    """Fires beside the 1 Hz load: register read → the event at the subscriber, made durable on the way."""
    samples = 60 if ctx.quick else max(200, 10 * ctx.seconds)
    if samples > 2000:
        samples = 2000
    with stage.Stage(ctx.folder) as st:
        server = st.add(rig.Server(st.folder, DEVICES + 1))
        broker = st.broker()
        console = st.add(rig.Console(st.folder, broker.port, FIRE_TOPICS))
        site = rig.Site(st.folder)
        site.load(server.ports[:DEVICES], "1s")
        site.detectors(server.ports[DEVICES], samples)
        daemon = rig.start_daemon(st, site, broker)
        say(f"{samples} fires")
        raise_fires(server, DEVICES, range(samples), ctx.seconds)
        latencies = fire_latencies(server, console, DEVICES, range(samples))
        store = daemon.status()["store"]
        daemon.terminate()
        floor = floor_latencies(st, server, broker, samples, ctx.seconds)
    yield from latency_figures("register read → alarm event", latencies, floor)
    yield Figure("the store's commit, p99", store["commit_ms_p99"], "ms", note=f"median {store['commit_ms_p50']:.2f} ms")


def change_probe(server, samples, seconds):
    """A new value at a time on the probe's register, each only after the one before was read."""
    for v in range(1, samples + 1):
        server.set(DEVICES, 3, rig.REGISTERS, v)
        try:
            stage.wait_for(lambda: (DEVICES, 3, rig.REGISTERS, v) in server.served, 10, "the probe's register to be read")
        except AssertionError as e:
            raise CannotMeasure(e)
        time.sleep(random.Random(v).uniform(0, max(0.0, 2 * (seconds / samples - 0.06))))


def floor_latencies(st, server, broker, samples, seconds):
    say(f"floor: {samples} changes")
    console = st.add(rig.Console(st.folder, broker.port, [f"floor/{DEVICES}"]))
    floor = st.add(rig.Floor(st.folder, broker.port, 1000, server.ports[:DEVICES], probe=(rig.REGISTERS, 100, server.ports[DEVICES])))
    change_probe(server, samples, seconds)
    time.sleep(0.5)
    floor.stop()
    first = {}
    for at, _, _, payload in console.messages:
        first.setdefault(int(payload, 16), at)
    return [first[v] - server.served[(DEVICES, 3, rig.REGISTERS, v)] for v in range(1, samples + 1) if v in first]


def row_reading(ctx):
    """commit: 0ms beside the 1 Hz load: register read → the reading at the subscriber, made durable on the way."""
    samples = 40 if ctx.quick else max(100, 7 * ctx.seconds)
    with stage.Stage(ctx.folder) as st:
        server = st.add(rig.Server(st.folder, DEVICES + 1))
        broker = st.broker()
        console = st.add(rig.Console(st.folder, broker.port, ["fire/+/+/+/+/+/reading"], match='"probe.p"'))
        site = rig.Site(st.folder, commit="0ms")
        site.load(server.ports[:DEVICES], "1s")
        site.probe(server.ports[DEVICES], rig.REGISTERS)
        daemon = rig.start_daemon(st, site, broker)
        say(f"{samples} changes")
        change_probe(server, samples, ctx.seconds)
        served = dict(server.served)
        time.sleep(1)
        store = daemon.status()["store"]
        daemon.terminate()
        floor = floor_latencies(st, server, broker, samples, ctx.seconds)
    first = {}
    for at, m in console.live("/reading"):
        for r in m.get("readings", []):
            if r[0] == "probe.p" and len(r) == 3:
                first.setdefault(r[2], at)
    latencies = [first[v] - served[(DEVICES, 3, rig.REGISTERS, v)] for v in range(1, samples + 1) if v in first]
    if len(latencies) < samples * 0.95:
        raise CannotMeasure(f"only {len(latencies)} of {samples} values came to the subscriber")
    yield from latency_figures("register read → reading", latencies, floor)
    yield Figure("the store's commit, p99", store["commit_ms_p99"], "ms", note=f"median {store['commit_ms_p50']:.2f} ms")


def row_dead_unit(ctx):
    """One line, ten units at 1 Hz, one of which never answers: polls a second of the others, counted at the equipment."""
    units, dead = list(range(1, 11)), 5
    with stage.Stage(ctx.folder) as st:
        server = st.add(rig.Server(st.folder, 1, registers=10))
        server.send(f"dead 0 {dead}")
        broker = st.broker()
        site = rig.Site(st.folder)
        site.profile("small", [f"r{r},generic,3,{r},u16,0" for r in range(10)])
        site.bus("line", server.ports[0], [(f"u{u}", u, "small", "1s") for u in units])
        daemon = st.daemon(site.text(broker.port))
        time.sleep(3)
        say(f"nine units and a dead one: {ctx.seconds} s")
        began, first = server.counts(0)
        time.sleep(ctx.seconds)
        ended, last = server.counts(0)
        daemon.terminate()
    rates = [(last.get(u, 0) - first.get(u, 0)) / ((ended - began) / 1e9) for u in units if u != dead]
    yield Figure("polls of a good unit, slowest", min(rates), "/s", 1.0, 0.99, True)
    yield Figure("polls of a good unit, mean", sum(rates) / len(rates), "/s", 1.0, 0.99, True)


class Ledger:
    """Which numbers of which streams came, and whether a number came first after a higher one."""

    def __init__(self, messages):
        self.seen, self.highest, self.disordered = {}, {}, 0
        for _, m in messages:
            if "first" in m and "last" in m:
                self.put((m["node"], m["log"], m["stream"]), m["first"], m["last"])
            elif m.get("seq"):
                self.put((m["node"], m["log"], m["stream"]), m["seq"], m["seq"])

    def put(self, key, first, last):
        seen = self.seen.setdefault(key, set())
        for n in range(first, last + 1):
            if n not in seen:
                self.disordered += n < self.highest.get(key, 0)
                seen.add(n)
        self.highest[key] = max(last, self.highest.get(key, 0))

    def missing(self, status):
        out = 0
        for name, numbers in status["streams"].items():
            node, stream = name.split("/")
            out += numbers["stored"] - len(self.seen.get((node, status["log"], stream), ()))
        return out


def quiet(console, daemon, seconds=60):
    try:
        stage.wait_for(lambda: rig.no_backlog(daemon), seconds, "the backlog's end")
    except AssertionError as e:
        raise CannotMeasure(e)
    known = -1
    while known != len(console.messages):
        known = len(console.messages)
        time.sleep(0.5)


def row_outage(ctx):
    """The hub is away, and the daemon is killed in the middle of that: what of all that was stored came, and in which order."""
    away = 6 if ctx.quick else 20
    with stage.Stage(ctx.folder) as st:
        server = st.add(rig.Server(st.folder, DEVICES + 1))
        broker = rig.lasting_broker(st)
        console = st.add(rig.Console(st.folder, broker.port, ["fire/+/+/+/+/+/event/#", "fire/+/+/+/+/+/reading"]))
        site = rig.Site(st.folder)
        site.load(server.ports[:DEVICES], "1s")
        site.detectors(server.ports[DEVICES], 100)
        daemon = rig.start_daemon(st, site, broker)
        raise_fires(server, DEVICES, range(0, 20), 3)
        say(f"the hub goes away for {away} s; kill -9 in the middle")
        broker.terminate()
        raise_fires(server, DEVICES, range(20, 60), away / 2)
        daemon.kill()
        daemon.start()
        raise_fires(server, DEVICES, range(60, 90), away / 2)
        broker.start()
        raise_fires(server, DEVICES, range(90, 100), 2)
        server.send("change 0")
        time.sleep(3)
        quiet(console, daemon)
        status = daemon.status()
        ledger = Ledger(console.live("/event/") + console.live("/reading"))
    total = sum(s["stored"] for s in status["streams"].values())
    fires = len({e["alarm"] for _, e in console.live("/event/fire") if e["transition"] == "raised"})
    yield Figure("missing", ledger.missing(status), "", aim=0, note=f"of {total} records")
    yield Figure("out of order", ledger.disordered, "", aim=0)
    yield Figure("fires missing", 100 - fires, "", aim=0, note="of 100")


def row_catch_up(ctx):
    """Readings pile up while the hub is away; then it comes back, and while they are drained fires are raised."""
    away, fires = max(8, min(ctx.seconds, 60)), 200
    with stage.Stage(ctx.folder) as st:
        server = st.add(rig.Server(st.folder, DEVICES + 1, change="all"))
        broker = rig.lasting_broker(st)
        console = st.add(rig.Console(st.folder, broker.port, ["fire/+/+/+/+/+/event/#", "fire/+/+/+/+/+/reading"]))
        site = rig.Site(st.folder)
        site.load(server.ports[:DEVICES], "200ms")
        site.detectors(server.ports[DEVICES], fires)
        daemon = rig.start_daemon(st, site, broker)
        broker.terminate()
        say(f"25,000 readings/s pile up for {away} s")
        time.sleep(away)
        server.send("change 0")
        time.sleep(2)
        backlog = daemon.status()["hubs"][0]["backlog"]["readings"]
        broker.start()
        up, drained, raised, used = drain_with_fires(daemon, server, range(fires))
        quiet(console, daemon)
        latencies = fire_latencies(server, console, DEVICES, raised) if raised else []
        daemon.terminate()
    counts = [(at, m["last"] - m["first"] + 1) for at, m in console.live("/reading") if at >= up]
    came, span = sum(n for _, n in counts), (max(drained, counts[-1][0]) - up) / 1e9 if counts else 0
    if came < backlog * 0.9:
        raise CannotMeasure(f"{came} of {backlog} readings came after the link was seen up")
    yield Figure("readings drained", backlog / span, "/s", None, 50000, True, f"{backlog} in {span:.1f} s; CPU {used['firegwd']['cpu']:.0f} + {used['uplink']['cpu']:.0f} %")
    if not latencies:
        raise CannotMeasure("the backlog was gone before a fire could be raised; give it more --seconds")
    yield Figure("a fire meanwhile, median", ms(median(latencies)), "ms", note=f"{len(latencies)} samples")
    yield Figure("a fire meanwhile, worst", ms(max(latencies)), "ms")


def drain_with_fires(daemon, server, ids):
    """From the link up to the backlog's end: (ns, ns, fires raised, use)."""
    try:
        stage.wait_for(lambda: daemon.status()["hubs"][0]["up"], 60, "the hub's link")
    except AssertionError as e:
        raise CannotMeasure(e)
    up, meter, raised = rig.mono_ns(), rig.Meter(rig.pids_of(daemon)), []
    while not rig.no_backlog(daemon) and len(raised) < len(ids):
        server.set(DEVICES, 1, ids[len(raised)], 1)
        raised.append(ids[len(raised)])
        time.sleep(0.03)
    if not rig.no_backlog(daemon):
        stage.wait_for(lambda: rig.no_backlog(daemon), 120, "the backlog's end")
    return up, rig.mono_ns(), raised, meter.end()[0]


TOWER_ANALOG = [("hydrant_pressure", "0.001"), ("sprinkler_pressure", "0.001"), ("conductor_temperature", "0.1"), ("residual_current", "0.1")]


def row_tower(ctx):
    """2,000 points at default intervals, deadbands and heartbeats: 16 loops of 100 smoke detectors, 4 lines of 100 analog points that move by a step every 5 s."""
    with stage.Stage(ctx.folder) as st:
        server = st.add(rig.Server(st.folder, 20, change=0.2))
        broker = st.broker()
        st.add(rig.Console(st.folder, broker.port, ALL_TOPICS))
        site = rig.Site(st.folder)
        site.profile("loop", [f"smoke{i},smoke_detector,1,{i},bool" for i in range(100)], "point,kind,fc,register,type")
        for i in range(16):
            site.bus(f"loop{i}", server.ports[i], [(f"loop{i}", 1, "loop", None)])
        for i, (kind, scale) in enumerate(TOWER_ANALOG):
            site.profile(kind, [f"p{r},{kind},3,{r},u16,{scale}" for r in range(100)], "point,kind,fc,register,type,scale")
            site.bus(f"analog{i}", server.ports[16 + i], [(kind.replace("_", "-"), 1, kind, None)])
        daemon = rig.start_daemon(st, site, broker, settle=3 if ctx.quick else 5)
        before = daemon.status()
        used, rate = measure("tower", rig.pids_of(daemon), server, ctx.seconds)
        after = daemon.status()
        daemon.terminate()
    stored = sum(s["stored"] - before["streams"][k]["stored"] for k, s in after["streams"].items() if k.endswith("/reading")) / ctx.seconds
    yield Figure("RSS, firegwd", used["firegwd"]["rss"], "MB", None, 16, note=f"at most {used['firegwd']['hwm']:.1f}")
    yield Figure("RSS, firegw-uplink", used["uplink"]["rss"], "MB", None, 12, note=f"at most {used['uplink']['hwm']:.1f}")
    yield Figure("written", used["firegwd"]["written"] * MB_DAY, "MB/day", None, 1500, note=f"{stored:.1f} readings stored/s; heartbeats only in a span longer than they")
    yield Figure("CPU, both processes", used["firegwd"]["cpu"] + used["uplink"]["cpu"], "% of a core", note=f"{rate:.0f} points/s")


def row_disk(ctx):
    n = 200 if ctx.quick else 1000
    for what, times in (("write 4 KiB + fdatasync", machine.sync_times(ctx.folder, n)), ("SQLite FULL commit, one row", machine.commit_times(ctx.folder, n))):
        yield Figure(f"{what}, median", times["p50_ms"], "ms", note=f"{times['n']} times")
        yield Figure(f"{what}, p99", times["p99_ms"], "ms")


ROWS = {
    "poll-1hz": (row_poll_1hz, "50 devices × 100 registers at 1 Hz"),
    "poll-10hz": (row_poll_10hz, "50 devices × 100 registers at 10 Hz"),
    "alarm": (row_alarm, "register read → alarm event at the subscriber, durable first"),
    "reading": (row_reading, "register read → reading at the subscriber, commit: 0ms"),
    "dead-unit": (row_dead_unit, "one line, ten units at 1 Hz, one dead"),
    "faulty-unit": (lambda ctx: rows_field.row_faulty_unit(ctx, Figure), "ten units at 1 Hz, one of them late, dripping, lying …, over each kind of line"),
    "serial": (lambda ctx: rows_field.row_serial(ctx, Figure), "how much of a serial line is used at 9,600 and 115,200 baud"),
    "outage": (row_outage, "hub away, kill -9 in the middle"),
    "catch-up": (row_catch_up, "after an outage, live fires meanwhile"),
    "thousand": (row_thousand, "1,000 devices × 100 registers at 1 Hz"),
    "thousand-dead": (lambda ctx: rows_field.row_thousand_dead(ctx, Figure), "the same, 50 of them dead"),
    "tower": (row_tower, "a tower of 2,000 points, defaults"),
    "backtest": (lambda ctx: rows_past.row_backtest(ctx, Figure), "a month of 2,000 points put through rules again"),
    "chatter": (lambda ctx: rows_life.row_chatter(ctx, Figure), "fires among 500 points that chatter; the floor is fires alone"),
    "disk": (row_disk, "the disk alone"),
}
