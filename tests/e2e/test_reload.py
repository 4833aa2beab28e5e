"""SIGHUP: what changed takes effect, what did not keeps its connection, its state and its numbers; a bad file changes nothing but says so."""
import pathlib
import signal

from stage import CONFIRM_RULE, MACHINE, SMOKE_RULE, bus, hub, site_text, smoke_points, wait_for

PRESSURE = "{point: p, name: 压力, kind: hydrant_pressure, fc: 3, register: 0, type: u16, scale: 0.01, unit: MPa}"
SLOW = "{point: slow, name: 慢, kind: hydrant_pressure, fc: 3, register: 1, type: u16, scale: 0.01, unit: MPa, every: 1h}"


def low(limit):
    return f"  - id: low\n    for: {{kind: hydrant_pressure}}\n    when: {{below: {limit}, deadband: 0.02}}\n    class: supervisory\n"


def config_events(console, transition):
    """Of reloads, not of a start; each once."""
    return list({e["id"]: e for e in console.events(transition=transition, cause="person")}.values())


def reload(d, console, text, expect="config_loaded"):
    """Puts this text there and waits for the event that says what became of it."""
    before = len(config_events(console, expect))
    d.site.write_text(text)
    d.signal(signal.SIGHUP)
    return wait_for(lambda: config_events(console, expect)[before:], seconds=30, what=f"{expect} after a reload")[-1]


def sockets(port):
    """The established connections to this port of ours, by their own port."""
    lines = pathlib.Path("/proc/net/tcp").read_text().splitlines()[1:]
    return {line.split()[1] for line in lines if line.split()[2].endswith(f":{port:04X}") and line.split()[3] == "01"}


def line(d, name="line"):
    return next(x for x in d.status()["lines"] if x["name"] == name)


class House:
    def __init__(self, site):
        self.site = site
        self.broker = site.broker()
        self.console = site.console(self.broker)
        self.eq = site.equipment(n=3)
        self.eq.set(3, 0, [35, 36])

    def text(self, limit="0.10", points=3, rules=None, second="", gateway="qj-test-01"):
        lines = bus(self.eq.ports[0], [*smoke_points(points), PRESSURE, SLOW]) + second
        text = site_text(self.site.folder, lines, rules=(SMOKE_RULE + CONFIRM_RULE if rules is None else rules) + low(limit), hubs=hub(self.broker.port))
        return text.replace("gateway: qj-test-01", f"gateway: {gateway}")

    def start(self):
        self.d = self.site.daemon(self.text()).hub_up()
        return self.d


def test_what_changed_and_what_did_not(site):
    h = House(site)
    d, console, eq = h.start(), h.console, h.eq
    eq.set(1, 0, [1, 1])
    wait_for(lambda: console.events(alarm="a.12-N/fire-confirmed"), what="a confirmed fire")
    d.ask("ack", alarm="facp.smoke1/smoke")
    wait_for(lambda: d.points()["facp.p"]["value"] == 0.35, what="the pressure")
    before, tcp, mqtt, polls = d.alarms(), sockets(eq.ports[0]), sockets(h.broker.port), line(d)["requests"]
    assert len(tcp) == 1 and len(mqtt) >= 2 and before["facp.smoke1/smoke"]["state"] == "acked"
    # a limit beyond the value that stands: decided at once; and a line more
    second = bus(eq.ports[1], smoke_points(1), name="second", device="other")
    wait_for(lambda: d.points()["facp.slow"]["value"] == 0.36, what="the pressure that is read once an hour")
    event = reload(d, console, h.text(limit="0.40", second=second))
    standing = wait_for(lambda: console.events(alarm="facp.slow/low"), what="the alarm of a value that is not read again for long")[0]
    assert standing["value"] == 0.36 and standing["limit"] == 0.4
    raised = wait_for(lambda: console.events(alarm="facp.p/low", durable=True), what="the alarm of the new limit")[0]
    assert raised["transition"] == "raised" and raised["limit"] == 0.4 and raised["value"] == 0.35 and raised["n"] > 0
    assert event["class"] == "operation" and event["message"]["zh"]
    eq.set(1, 0, 1, port=1)
    wait_for(lambda: console.events(alarm="other.smoke1/smoke", transition="raised"), what="a fire of the new line")
    # as it was
    assert sockets(eq.ports[0]) == tcp and sockets(h.broker.port) == mqtt and d.hub()["reconnects"] == 0
    wait_for(lambda: line(d)["requests"] > polls, what="the line goes on, and its count with it")
    for alarm in ("facp.smoke1/smoke", "facp.smoke2/smoke"):
        assert d.alarms()[alarm] == before[alarm], "state, rev and occurrence"
    # back: it returns; the line goes, and its alarm with it
    reload(d, console, h.text())
    back = wait_for(lambda: console.events(alarm="facp.p/low", transition="returned"), what="returned by the old limit")[0]
    assert back["occurrence"] == raised["id"] and back["rev"] == 2
    gone = wait_for(lambda: console.events(alarm="other.smoke1/smoke", transition="removed"), what="the alarm of the line that went")[0]
    assert gone["state"] == "normal" and gone["rev"] == 2
    wait_for(lambda: not any("other.smoke1" in t for t in console.retained()), what="its retained state is gone")
    assert "other.smoke1" not in d.points() and sockets(eq.ports[1]) == set() and sockets(eq.ports[0]) == tcp
    # a rule that goes takes its alarms, of single points and over several
    reload(d, console, h.text(rules=""))
    for alarm in ("facp.smoke1/smoke", "facp.smoke2/smoke", "a.12-N/fire-confirmed"):
        wait_for(lambda: console.events(alarm=alarm, transition="removed"), what=f"{alarm} removed")
    assert not [a for a in d.alarms() if "smoke" in a or "confirmed" in a]
    assert {e["alarm"] for e in console.command("snapshot")[0]["result"]} - set(MACHINE) == {"facp.p/low", "facp.slow/low"}
    # and comes again as new
    reload(d, console, h.text())
    new = wait_for(lambda: [e for e in console.events(alarm="facp.smoke1/smoke", transition="raised") if e["id"] != before["facp.smoke1/smoke"]["occurrence"]], what="raised anew")[0]
    assert new["rev"] > 1 or new["occurrence"] == new["id"]
    numbers = lambda: {e["n"] for e in console.events() if e["n"]}
    wait_for(lambda: numbers() == set(range(1, max(numbers()) + 1)), what="no number was lost")
    told = [e["n"] for e in console.events() if e["n"]]
    assert len(told) == len(set(told)), "a number came twice"
    first = 1
    for m in console.got("/reading"):
        assert m["first"] == first
        first = m["last"] + 1
    assert sockets(eq.ports[0]) == tcp and d.hub()["reconnects"] == 0


def test_a_broken_file_is_refused_whole(site):
    h = House(site)
    d, console, eq = h.start(), h.console, h.eq
    config = d.status()["config"]
    event = reload(d, console, h.text(limit="0.40").replace("type: u16", "type: u17", 1), "config_refused")
    assert "u17" in event["message"]["en"] and ": site.yaml:" in event["message"]["en"]
    raised = wait_for(lambda: console.events(alarm="_gw.config/refused", transition="raised"), what="the fault")[0]
    line = 1 + next(i for i, t in enumerate(d.site.read_text().splitlines()) if "u17" in t)
    assert raised["class"] == "fault"
    for text in raised["message"].values():
        assert f":site.yaml:{line}: " in text.replace(": site", ":site") and "'u17'" in text, "the first finding, by the file's own name"
    assert d.status()["config"] == config and "facp.p/low" not in d.alarms(), "nothing of it took effect"
    eq.set(1, 0, 1)
    wait_for(lambda: console.events(alarm="facp.smoke1/smoke"), what="the old one runs on")
    # what needs a restart
    event = reload(d, console, h.text(gateway="qj-test-02"), "config_refused")
    assert "restart" in event["message"]["en"] and "site.gateway" in event["message"]["en"]
    again = wait_for(lambda: console.events(alarm="_gw.config/refused", transition="reraised"), what="the fault says what it is now")[0]
    assert "restart" in again["message"]["zh"] and "restart" in again["message"]["en"] and "u17" not in again["message"]["en"]
    d.site.unlink()
    d.signal(signal.SIGHUP)
    wait_for(lambda: len(config_events(console, "config_refused")) == 3, what="a file that is not there")
    reload(d, console, h.text(limit="0.40"))
    wait_for(lambda: console.events(alarm="_gw.config/refused", transition="returned"), what="the fault is over")
    wait_for(lambda: console.events(alarm="facp.p/low", transition="raised"), what="the new limit")
    assert d.status()["config"] != config
    assert len({e["id"] for e in console.events(alarm="_gw.config/refused", transition="raised")}) == 1


def test_a_changed_line_keeps_its_alarms(site):
    """A line with another timeout is closed and opened; what its points' alarms are does not change by that."""
    h = House(site)
    d, console, eq = h.start(), h.console, h.eq
    eq.set(1, 0, 1)
    raised = wait_for(lambda: console.events(alarm="facp.smoke1/smoke"), what="a fire")[0]
    was, tcp = d.alarms()["facp.smoke1/smoke"], sockets(eq.ports[0])
    reload(d, console, h.text().replace("timeout: 2s", "timeout: 3s"))
    wait_for(lambda: sockets(eq.ports[0]) and sockets(eq.ports[0]) != tcp, what="a new connection")
    assert d.alarms()["facp.smoke1/smoke"] == was
    eq.set(1, 0, 0)
    back = wait_for(lambda: console.events(alarm="facp.smoke1/smoke", transition="returned"), what="returned")[0]
    assert back["occurrence"] == raised["id"] and back["rev"] == 2


def test_many_reloads_under_load(site):
    """Lines, points, rules and hubs come and go while everything changes; no number is lost, nothing is told twice, the daemon ends clean."""
    h = House(site)
    d, console, eq = h.start(), h.console, h.eq
    numbers = "".join(f"          - {{point: n{i}, kind: generic, fc: 3, register: {10 + i}, type: u16}}\n" for i in range(50))
    text = lambda i: (h.text(limit="0.40" if i % 2 else "0.10", points=3 + i % 3, second=bus(eq.ports[1], smoke_points(1 + i % 2), name="second", device="other") if i % 3 else "")
                      .replace("        points:\n", "        points:\n" + numbers, 1) + ("" if i % 4 else "# no other\n"))
    for i in range(20):
        eq.set(3, 10, [i] * 50)
        eq.set(1, 0, [(i >> bit) & 1 for bit in range(3)])
        if i % 5 == 4:  # several at once: the last one counts
            d.site.write_text(text(i + 1))
            d.signal(signal.SIGHUP)
        reload(d, console, text(i))
    wait_for(lambda: d.points()["facp.n49"]["value"] == 19, what="the last values")
    numbered = lambda: [e["n"] for e in console.events() if e["n"]]
    wait_for(lambda: len(set(numbered())) == sum(v["stored"] for k, v in d.status()["streams"].items() if not k.endswith("/reading")), what="all events")
    got = numbered()
    assert sorted(got) == list(range(1, len(got) + 1))
    first = 1
    for m in console.got("/reading"):
        assert m["first"] == first
        first = m["last"] + 1
    assert d.hub()["reconnects"] == 0 and d.status()["lost_events"] == 0 and d.status()["lost_readings"] == 0
    revs = {}
    for e in console.events():
        if e["alarm"] and e["n"]:
            assert e["rev"] > revs.get(e["alarm"], 0), e["alarm"]
            revs[e["alarm"]] = e["rev"]
    assert d.terminate() == 0
    for word in ("Sanitizer", "runtime error"):
        assert word not in d.text(), d.text()[-5000:]
