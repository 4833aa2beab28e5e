"""A life with as much in it as possible, at a console that is not ours: each message is one that docs/asyncapi.yaml promises, by its topic, its payload, its QoS and whether it is retained."""
import signal
import subprocess

import asyncapi
from stage import BIN, CONFIRM_RULE, PREFIX, SMOKE_RULE, Console, bus, hub, set_fault, site_text, smoke_points, wait_for

C = asyncapi.contract()
NODE = PREFIX + "qj-test-01/"
SMOKE = "facp.smoke1/smoke"
BUILDINGS = """    - {id: a, name: A座, code: "500110-17", address: 文龙街道沙溪路1号, location: {lat: 29.02, lon: 106.65, datum: GCJ-02}, use: mixed, class: class1-public, height_m: 98.5, floors: 32,
       basements: 2, parties: {manager: {name: 王主管, phone: "023-1", unit: 文龙物业, uscc: 91500110MA5UKC1X2Y}, owner: {unit: 业主}}}
    - {id: b, name: B座, node: qj-test-b, class: residential}
    - {id: c, name: C座, class: industrial}
"""
FACP = [
    *smoke_points(12), "{point: hyd, name: 消火栓, kind: hydrant_pressure, fc: 3, register: 10, scale: 0.01, low: 0.1, gb_addr: 12|3, location: 楼梯间}",
    "{point: flap, kind: hydrant_pressure, fc: 3, register: 11, scale: 0.01}", "{point: pump, kind: fire_pump, fc: 3, register: 12, enum: 0=off|1=on}",
    "{point: valve, kind: gas_valve, fc: 3, register: 13, type: bool}", "{point: power, kind: pump_power, fc: 3, register: 14, enum: 0=normal|1=lost}",
    "{point: leak, kind: residual_current, fc: 3, register: 15}", "{point: lane, kind: fire_lane, fc: 3, register: 16, type: bool}",
    "{point: mains, kind: mains_power, fc: 3, register: 20, enum: 0=normal|1=lost, tags: gateway}", "{point: big, kind: generic, fc: 3, register: 30, type: u64}",
    "{point: text, kind: generic, fc: 3, register: 34, type: 'string:6'}", "{point: range, kind: generic, fc: 3, register: 38, max: 100, enum: 1=one}",
    "{point: device, kind: tank_level, fc: 3, register: 39, scale: 0.01, invalid: 65535}",
]
RULES = SMOKE_RULE + CONFIRM_RULE + """  - {id: low, for: {kind: hydrant_pressure}, when: {below: 0.1}, class: supervisory, escalate: {after: 1s}, suppressed_by: [facp.power/off]}
  - {id: "off", for: {kind: pump_power}, when: {equals: lost}, class: fault, latch: true}
  - {id: runs, for: {kind: fire_pump}, when: {equals: "on"}, class: actuation, ack: false}
  - {id: shut, for: {kind: gas_valve}, when: {equals: 1}, class: actuation, ack: false}
  - {id: leaks, for: {kind: residual_current}, when: {above: 300}, class: prealarm}
  - {id: blocked, for: {kind: fire_lane}, when: {equals: 1}, class: supervisory, ack: false}
  - {id: unread, for: {point: facp.device}, when: {quality: bad}, class: fault}
"""


class Judge(Console):
    """A console that keeps each message's QoS too, and has them judged."""

    def __init__(self, *args, **more):
        self.qos = []
        super().__init__(*args, **more)

    def on_message(self, client, userdata, m):
        super().on_message(client, userdata, m)
        with self.lock:
            self.qos.append((m.topic, m.qos))

    def judged(self):
        """Everything that the gateway sent, judged: (channel, message) pairs."""
        assert {q for _, q in self.qos} == {1}
        return {C.judge(t, p) for _, t, p, _ in self.all() if "/command/" not in t}


def judged_retained(console):
    """What a newcomer gets is of the channels whose binding says so."""
    channels = {C.channel(t)[0].name for t in console.retained()}
    assert all(C.sent[c]["bindings"]["mqtt"]["retain"] for c in channels), channels
    return channels


def event(console, **fields):
    return wait_for(lambda: console.events(**fields), what=str(fields))[-1]


class Life:
    """The steps of a life, one after another."""

    def __init__(self, site):
        self.site, self.broker = site, site.broker()
        self.console = site.add(Judge(self.broker.port)).start()
        self.eq = site.equipment(n=2)
        self.eq.set(3, 10, [50, 50])
        self.eq.set(3, 39, 12)
        self.d = site.daemon(self.text()).hub_up()
        wait_for(lambda: self.d.points()["facp.hyd"]["quality"] == "good" and self.d.points()["bpanel.smoke1"]["quality"] == "good", what="the points")

    def text(self, lane=True):
        points = [p for p in FACP if lane or "lane" not in p]
        lines = bus(self.eq.ports[0], points) + bus(self.eq.ports[1], smoke_points(2), name="second", device="bpanel").replace("building: a", "building: b")
        send = "[events, readings, status, directory, building, report]"
        return site_text(self.site.folder, lines, rules=RULES, hubs=hub(self.broker.port, send=send, more=", personal: full"), buildings=BUILDINGS)

    def done(self, *words):
        self.d.cli(*words)

    def all_of(self, transition, **more):
        return event(self.console, transition=transition, **more)

    def readings(self):
        self.eq.set(3, 30, [0xFFFF, 0xFFFF, 0xFFFF, 0xFFFF, 0x4142, 0x4344, 0x4500])
        self.eq.set(3, 38, [500, 65535])
        seen = lambda: {tuple(r[2:]) for m in self.console.got("/reading") for r in m["readings"]}
        wait_for(lambda: {(str(2 ** 64 - 1),), ("ABCDE",), (None, "range"), (None, "device"), (0.5,)} <= seen(), what="readings of every kind")
        self.all_of("raised", alarm="facp.device/unread", cause="quality")
        self.eq.set(3, 39, 12)

    def alarms(self):
        for register, value in ((12, 1), (13, 1), (15, 400), (16, 1), (20, 1), (10, 5)):
            self.eq.set(3, register, value)
        for alarm in ("facp.pump/runs", "facp.valve/shut", "facp.leak/leaks", "facp.lane/blocked", "_gw.power/mains", "facp.hyd/low"):
            self.all_of("raised", alarm=alarm)
        self.all_of("power")
        self.all_of("escalated", alarm="facp.hyd/low")
        self.eq.set(3, 14, 1)
        self.all_of("suppressed", alarm="facp.hyd/low")
        self.done("ack", "facp.power/off")
        self.eq.set(3, 12, [0, 0, 0])
        self.all_of("unsuppressed", alarm="facp.hyd/low")
        self.all_of("cleared", alarm="facp.valve/shut")
        wait_for(lambda: self.console.events(alarm="facp.power/off", state="latched"), what="latched")
        self.done("reset", "facp.power/off")
        for alarm in ("facp.power/off", "facp.pump/runs"):
            self.all_of("cleared", alarm=alarm)
        for n in range(3):
            self.eq.set(3, 11, 5)
            wait_for(lambda: self.d.alarms().get("facp.flap/low", {}).get("active"), what="it comes")
            self.eq.set(3, 11, 50)
            wait_for(lambda: not self.d.alarms()["facp.flap/low"]["active"], what="it goes")
        self.all_of("chattering", alarm="facp.flap/low")

    def people(self):
        for words in (("shelve", "facp.hyd/low", "--for", "1h", "--note", "换表"), ("unshelve", "facp.hyd/low"), ("verify", "facp.leak/leaks", "false", "--cause", "放水"),
                      ("service", "facp.smoke9", "out"), ("service", "facp.smoke9", "in"), ("raise", "fire", "--building", "b", "--floor", "3", "--note", "冒烟"), ("silence",),
                      ("duty", "on", "李明"), ("duty", "handover", "王芳", "--from", "李明"), ("duty", "off", "王芳"), ("selftest",), ("test", "zone=12-N", "--for", "1h")):
            self.done(*words)
        wait_for(lambda: any(m["silenced"] for m in self.asked_for_status()), what="a status that says that the sound was stopped")
        self.eq.set(1, 3, 1)
        self.all_of("raised", alarm="facp.smoke4/smoke", mode="test")
        self.done("test", "--end")
        self.all_of("removed", alarm="facp.smoke4/smoke", mode="test")
        self.done("test", "all", "--for", "1h", "--drill")
        wait_for(lambda: any(m["tests"] for m in self.asked_for_status()), what="a status with a drill in it")
        self.done("test", "--end")

    def asked_for_status(self):
        self.console.command("refresh")
        return self.console.got("/status")

    def fires(self):
        self.eq.set(1, 0, [1] * 12)
        self.eq.set(1, 0, 1, port=1)
        self.all_of("confirmed", alarm="a.12-N/fire-confirmed")
        self.all_of("raised", alarm="bpanel.smoke1/smoke", node="qj-test-b")
        self.all_of("flood_start")
        self.done("ack", SMOKE)
        self.eq.set(1, 0, 0)
        self.all_of("cleared", alarm=SMOKE)
        self.eq.set(1, 1, 0)
        self.all_of("returned", alarm="facp.smoke2/smoke")
        self.eq.set(1, 1, 1)
        self.all_of("reraised", alarm="facp.smoke2/smoke")

    def questions(self):
        log = self.d.status()["log"]
        assert len(self.console.command("snapshot")[0]["result"]) > 5
        for stream in ("operation", "fire", "reading"):
            assert self.console.command("replay", log=log, stream=stream, **{"from": 1, "to": 5})[0]["result"]
        for name, fields in (("replay", {"log": "00000000"}), ("inspect", {}), ("nonsense", {}), ("snapshot", {"expires": None}), ("snapshot", {"id": None})):
            assert self.console.command(name, **fields)[0]["ok"] is False

    def reloads(self):
        self.d.site.write_text(self.text() + "nonsense: 1\n")
        self.d.signal(signal.SIGHUP)
        self.all_of("config_refused")
        self.d.site.write_text(self.text(lane=False))
        self.d.signal(signal.SIGHUP)
        self.all_of("config_loaded")
        self.all_of("removed", alarm="facp.lane/blocked")

    def statuses(self, reason):
        return wait_for(lambda: [m for m in self.console.got("/status") if m.get("reason") == reason], what=f"the status that says {reason}")

    def ends(self):
        """The report that is made at the next start has some of each list."""
        for words in (("shelve", "facp.flap/low", "--for", "1h"), ("service", "facp.smoke10", "out"), ("test", "zone=12-N", "--for", "1h")):
            self.done(*words)
        self.d.terminate()
        self.statuses("stopped")
        self.all_of("stopped")
        self.d.start().hub_up()
        purged = lambda: self.d.cli("hub", "purge", "district", check=False).returncode == 0 and not self.console.retained()
        wait_for(purged, seconds=60, what="nothing is retained")  # an alarm that changes ends a purge: then once more
        self.d.kill()
        self.statuses("lost")


# What this version never sends, or only after more time than a test has.
NOT_SEEN = {"duty_check", "duty_answer", "duty_missed", "clock_step", "flood_end"}


def test_a_whole_life(site):
    life = Life(site)
    for step in (life.readings, life.alarms, life.people, life.fires, life.questions, life.reloads):
        step()
    console = life.console
    assert judged_retained(console) == {"alarm", "directory", "building", "furtherBuilding", "report", "status"}
    life.ends()
    seen = console.judged()
    states = {"alarm": "alarm", "directory": "directory", "building": "building", "furtherBuilding": "building", "report": "report", "status": "status"}
    assert seen == {("event", "event"), ("reading", "readings"), *states.items(), *((c, "cleared") for c in states), *(("reply", m) for m in C.channels["reply"].messages)}
    events = console.events()
    enums = {name: set(C.document["components"]["schemas"][name]["enum"]) for name in ("alarmTransition", "operationTransition", "class", "state", "mode", "hazard", "quality")}
    assert {e["transition"] for e in events} - {"clock_step"} == (enums["alarmTransition"] | enums["operationTransition"]) - NOT_SEEN
    assert {e["class"] for e in events} == enums["class"] and {e["mode"] for e in events} == enums["mode"]
    assert {e["state"] for e in events} == {*enums["state"], None}
    assert {e["hazard"] for e in events} >= enums["hazard"] - {"gas"} and {e["quality"] for e in events} >= {"good", "device"}
    assert {e["signal"] for e in events} == {None, "start", "stop", "feedback"}
    assert {e["cause"] for e in events} >= {"value", "quality", "delay", "rule", "person", "restart", "manual", "self"}
    assert any(e["verdict"]["what"] == "false" for e in events if "verdict" in e) and any(e["gb26875"] and e["gb26875"]["analogue"] for e in events)
    assert any(e["alarm"] and e["alarm"].startswith("_gw.") for e in events) and any("times" in e for e in events)


def test_what_cannot_be_stored_or_kept(site):
    """An event that goes out before it could be stored, and again; readings that are too old for the hub."""
    subprocess.run([BIN / "fill_store", site.folder / "firegw.db", "qj-test-01", "qj-test-01", "district", "2000", "600000", "facp.smoke1"], check=True, timeout=60)
    broker, eq, fault = site.broker(), site.equipment(), site.folder / "fault"
    console = site.add(Judge(broker.port)).start()
    fault.write_text("ok")
    text = site_text(site.folder, bus(eq.ports[0], smoke_points(2)), rules=SMOKE_RULE, hubs=hub(broker.port, more=", backlog: {readings: 60s}"))
    d = site.daemon(text, start=False, program="firegwd-faulty").start(env={"FIREGW_FAULT": str(fault)}).hub_up()
    wait_for(lambda: console.got("/lost"), what="what is lost")
    set_fault(fault, "fail", d)
    eq.set(1, 0, 1)
    wait_for(lambda: console.events(alarm=SMOKE, durable=False), what="the fire, before it is stored")
    set_fault(fault, "ok", d)
    wait_for(lambda: console.events(alarm=SMOKE, durable=True), what="the fire, stored")
    assert {("lost", "lost"), ("event", "event"), ("alarm", "alarm")} <= console.judged()
