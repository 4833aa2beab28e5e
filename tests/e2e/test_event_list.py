"""A device's event list (mode: log), from its registers to the hub: each event once, with the device's own time, whatever happens to us in between."""
import datetime
import sqlite3
import time

from stage import bus, free_port, hub, site_text, wait_for

ENTRIES, SIZE, FIRST, NEWEST = 12, 3, 89, 87
POINT = ("{point: events, name: 事件, kind: aspirating_detector, fc: 3, register: 89, enum: \"1=normal|28=alert|31=fire1|32=fire2\","
         " mode: \"log entries=12 size=3 value=2 time=epoch32@0 newest=87\"}")
OTHER = "{point: level, kind: tank_level, fc: 3, register: 7, scale: 0.01}"
RULES = """  - id: fire
    for: {kind: aspirating_detector}
    when: {equals: fire1}
    class: fire
    message: {zh: "{name} 火警", en: "{name}: fire"}
"""


class Detector:
    """The list, written as the device would: the record, then the register that says so."""

    def __init__(self, equipment):
        self.equipment, self.n = equipment, 0
        self.write(1)

    def write(self, event, at=None):
        at = int(at or time.time())
        place = self.n % ENTRIES
        self.equipment.set(3, FIRST + place * SIZE, [at >> 16, at & 0xFFFF, event])
        self.equipment.set(3, NEWEST, [place])
        self.n += 1
        return at


def raised(console):
    """The fires' moments. What was sent and not yet acknowledged when the daemon was killed comes twice, under the same id."""
    fires = {e["id"]: e["device_at"] for e in console.events(transition="raised", alarm="facp.events/fire")}
    return [datetime.datetime.fromisoformat(at).timestamp() for at in fires.values()]


def readings(console):
    return [r[2:] for e in console.got("/reading") for r in e["readings"] if r[0] == "facp.events"]


def start(site):
    broker = site.broker()
    console = site.console(broker)
    equipment = site.equipment()
    detector = Detector(equipment)
    text = site_text(site.folder, bus(equipment.ports[0], [POINT, OTHER]), RULES, hub(broker.port))
    daemon = site.daemon(text)
    daemon.hub_up()
    return console, equipment, detector, daemon, text


def quality(daemon):
    return daemon.points()["facp.events"]["quality"]


def test_an_event_becomes_an_alarm_with_the_devices_time(site):
    console, equipment, detector, daemon, _ = start(site)
    wait_for(lambda: quality(daemon) == "good", what="the list")
    assert daemon.points()["facp.events"]["value"] is None  # nothing is new
    wait_for(lambda: daemon.status()["points"]["good"] == 2, what="both points")
    first = detector.write(31, time.time() - 40)
    wait_for(lambda: raised(console) == [first], what="the fire")
    event = console.events(transition="raised", alarm="facp.events/fire")[0]
    assert event["value"] == 31 and event["at"] != event["device_at"]
    # Over before the next poll: both are seen.
    detector.write(1)
    detector.write(31)
    detector.write(1)
    wait_for(lambda: len({e["id"] for e in console.events(alarm="facp.events/fire", transition="returned")}) == 2, what="both ends")
    assert raised(console)[:1] == [first] and len(console.events(alarm="facp.events/fire")) >= 4
    wait_for(lambda: readings(console) == [[31], [1], [31], [1]], what="each record as a reading")
    # A clock that nobody set says nothing.
    detector.write(31, 5)
    wait_for(lambda: len([e for e in console.events(alarm="facp.events/fire") if e["device_at"] is None and e["value"] == 31]) >= 1, what="the fire without the device's time")


def acknowledge(daemon):
    daemon.cli("ack", "facp.events/fire", "--note", "seen")


def test_events_while_we_were_away(site):
    console, equipment, detector, daemon, text = start(site)
    wait_for(lambda: quality(daemon) == "good", what="the list")
    times = [detector.write(31, time.time() - 30)]
    wait_for(lambda: raised(console) == times, what="the first fire")
    detector.write(1)
    wait_for(lambda: console.events(alarm="facp.events/fire", transition="returned"), what="its end")
    acknowledge(daemon)
    wait_for(lambda: console.events(alarm="facp.events/fire", transition="cleared"), what="the end of it")
    # Stopped in order, and killed: what happens meanwhile is news, what was given is not.
    for end in (daemon.terminate, daemon.kill):
        end()
        times.append(detector.write(31, time.time() - 20 + len(times)))
        detector.write(1)
        daemon.start()
        wait_for(lambda: raised(console) == times, seconds=20, what=f"the fires {times}, not {raised(console)}")
        wait_for(lambda: daemon.alarms().get("facp.events/fire", {}).get("state") == "returned", what="its end")
        acknowledge(daemon)
        wait_for(lambda: "facp.events/fire" not in daemon.alarms(), what="the end of it")
    # A reload that opens the line anew.
    (site.folder / "site.yaml").write_text(text.replace("timeout: 2s", "timeout: 3s"))
    times.append(detector.write(31, time.time() - 3))
    daemon.signal(1)
    wait_for(lambda: "configuration loaded" in daemon.text(), what="the reload")
    detector.write(1)
    wait_for(lambda: daemon.alarms().get("facp.events/fire", {}).get("state") == "returned", what="its end")
    wait_for(lambda: raised(console) == times, what="the fire during the reload, once")


def test_a_stop_before_the_batch_is_due(site):
    """What was given in the last moment is stored with the mark that it was."""
    equipment = site.equipment()
    detector = Detector(equipment)
    text = site_text(site.folder, bus(equipment.ports[0], [POINT, OTHER]), commit="5s")
    daemon = site.daemon(text)
    wait_for(lambda: quality(daemon) == "good", what="the list")
    detector.write(28)
    wait_for(lambda: daemon.points()["facp.events"]["value"] == 28, what="the event")
    daemon.terminate()
    detector.write(32)
    daemon.start()
    wait_for(lambda: daemon.points()["facp.events"]["value"] == 32, what="the next event")
    daemon.terminate()
    with sqlite3.connect(site.folder / "firegw.db") as db:
        assert db.execute("SELECT value FROM v_readings WHERE point = 'facp.events' AND value IS NOT NULL ORDER BY at").fetchall() == [(28,), (32,)]


def test_a_device_that_is_away_shows(site):
    console, equipment, detector, daemon, _ = start(site)
    wait_for(lambda: quality(daemon) == "good", what="the list")
    before = len(readings(console))
    equipment.stop()
    wait_for(lambda: quality(daemon) == "comm", what="comm")
    wait_for(lambda: "_gw.bus-line/down" in daemon.alarms() or "_gw.device-facp/silent" in daemon.alarms(), seconds=30, what="the fault")
    assert readings(console)[before:] == [[None, "comm"]], "said once"
    equipment.start()
    detector.n = 0
    detector.write(1)
    wait_for(lambda: quality(daemon) == "good", seconds=30, what="good again")


def test_an_overrun_is_said(site):
    console, equipment, detector, daemon, _ = start(site)
    wait_for(lambda: quality(daemon) == "good", what="the list")
    daemon.signal(19)
    for _ in range(ENTRIES + 5):
        detector.write(1)
    daemon.signal(18)
    wait_for(lambda: "wrote over 5 records of its event list" in daemon.text(), what="the loss in the log")
    wait_for(lambda: readings(console) == [[None, "device"]] + [[1]] * ENTRIES, what="the readings")


def test_the_simulator_has_an_empty_one(site):
    port = free_port()
    text = site_text(site.folder, bus(port, [POINT, OTHER]), RULES)
    daemon = site.daemon(text, start=False)
    site.simulator("--site", site.folder / "site.yaml")
    daemon.start()
    wait_for(lambda: {p["quality"] for p in daemon.points().values()} == {"good"}, what="both points")
    assert daemon.points()["facp.events"]["value"] is None
