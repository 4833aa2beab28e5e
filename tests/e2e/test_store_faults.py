"""A disk that stalls, fails and fills up under the daemon: fires arrive all the same, marked, and come again with their numbers (DESIGN.md, promise 2)."""
import time

import pytest
from stage import SMOKE_RULE, bus, hub, set_fault, site_text, smoke_points, wait_for


def start(site, n=6):
    broker = site.broker()
    console = site.console(broker)
    eq = site.equipment()
    fault = site.folder / "fault"
    fault.write_text("ok")
    d = site.daemon(site_text(site.folder, bus(eq.ports[0], smoke_points(n)), rules=SMOKE_RULE, hubs=hub(broker.port)), start=False, program="firegwd-faulty")
    d.start(env={"FIREGW_FAULT": str(fault)})
    d.hub_up()
    return console, eq, fault, d


@pytest.mark.parametrize("word,state,alarm", [("stall", "stalled", "_gw.storage/slow"), ("fail", "failing", "_gw.storage/failing"), ("full", "full", "_gw.storage/full")])
def test_a_fire_does_not_wait_for_the_disk(site, word, state, alarm):
    console, eq, fault, d = start(site)
    eq.set(1, 0, 1)
    wait_for(lambda: console.events(alarm="facp.smoke1/smoke"), what="the first, stored fire")
    set_fault(fault, word, d)
    eq.set(1, 1, 1)
    early = wait_for(lambda: console.events(alarm="facp.smoke2/smoke"), what="a fire while the disk is bad")[0]
    assert early["durable"] is False and early["seq"] is None and early["n"] is None
    eq.set(1, 2, 1)
    second = wait_for(lambda: console.events(alarm="facp.smoke3/smoke"), what="another one")[0]
    assert second["durable"] is False
    wait_for(lambda: d.status()["store"]["state"] == state, what="the status says so")
    wait_for(lambda: console.events(alarm=alarm), what="the gateway's own fault")
    wait_for(lambda: any(t.endswith("alarm/facp.smoke2~smoke") for t in console.retained()), what="its retained state")
    set_fault(fault, "ok")
    late = wait_for(lambda: console.events(alarm="facp.smoke2/smoke", durable=True), what="the stored version")[0]
    assert late["id"] == early["id"] and late["seq"] == 2
    wait_for(lambda: console.events(alarm="facp.smoke3/smoke", durable=True), what="the other's")
    wait_for(lambda: console.events(alarm=alarm, transition="returned"), what="the own fault is over")
    wait_for(lambda: console.events(alarm=alarm, transition="returned", durable=True), what="its number")
    numbered = lambda: {e["n"] for e in console.events() if e["n"]}
    wait_for(lambda: numbered() == set(range(1, max(numbered()) + 1)), what="no number is missing")
    fires = [e["seq"] for e in console.events(**{"class": "fire"}) if e["seq"]]
    assert fires == sorted(fires)
    retained = console.retained()
    state = next(v for t, v in retained.items() if t.endswith("alarm/facp.smoke2~smoke"))
    assert state["durable"] is True


def test_kill_while_the_disk_stalls_loses_no_announced_fire_for_good(site):
    """What was announced and not stored is decided again by the next life: the detector still says so."""
    console, eq, fault, d = start(site)
    set_fault(fault, "stall", d)
    eq.set(1, 0, 1)
    wait_for(lambda: console.events(alarm="facp.smoke1/smoke", durable=False), what="undurable")
    d.kill()
    set_fault(fault, "ok")
    d.start(env={"FIREGW_FAULT": str(fault)})
    again = wait_for(lambda: console.events(alarm="facp.smoke1/smoke", durable=True), what="stored by the next life")[0]
    assert again["transition"] == "raised" and again["seq"] == 1


def test_what_was_announced_and_is_over_stays_over_when_it_is_stored(site):
    console, eq, fault, d = start(site)
    alarm = "facp.smoke1/smoke"
    set_fault(fault, "stall", d)
    eq.set(1, 0, 1)
    wait_for(lambda: console.events(alarm=alarm, durable=False), what="raised, undurable")
    eq.set(1, 0, 0)
    wait_for(lambda: console.events(alarm=alarm, transition="returned", durable=False), what="returned")
    d.ask("ack", alarm=alarm)
    wait_for(lambda: console.events(alarm=alarm, transition="cleared", durable=False), what="cleared")
    wait_for(lambda: not any("smoke1" in t for t in console.retained()), what="its retained state is gone")
    states = lambda: [p for _, t, p, _ in console.all() if t.endswith("alarm/facp.smoke1~smoke")]
    before = len(states())
    set_fault(fault, "ok")
    wait_for(lambda: console.events(alarm=alarm, transition="cleared", durable=True), what="all is stored")
    d.hub_up()
    assert not any(b'"active":true' in p for p in states()[before:]), "it stood as active again"
    assert not any("smoke1" in t for t in console.retained())


@pytest.mark.parametrize("end", ["kill", "stop"])
def test_revs_go_on_above_what_was_announced_and_never_stored(site, end):
    console, eq, fault, d = start(site)
    alarm = "facp.smoke1/smoke"
    set_fault(fault, "fail", d)
    eq.set(1, 0, 1)
    wait_for(lambda: console.events(alarm=alarm, durable=False), what="raised, undurable")
    eq.set(1, 0, 0)
    wait_for(lambda: console.events(alarm=alarm, transition="returned"), what="returned")
    if end == "kill":
        d.kill()
    else:
        d.terminate()
    set_fault(fault, "ok")
    d.start(env={"FIREGW_FAULT": str(fault)})
    d.hub_up()
    eq.set(1, 0, 1)
    new = wait_for(lambda: console.events(alarm=alarm, durable=True), what="a new fire")[0]
    assert new["transition"] == "raised" and new["rev"] > max(e["rev"] for e in console.events(alarm=alarm, durable=False))
    wait_for(lambda: any(v.get("id") == new["id"] for v in console.retained().values()), what="it stands")


def test_a_store_in_trouble_is_said_once_and_then_counted(site):
    console, eq, fault, d = start(site)
    set_fault(fault, "fail", d)
    eq.set(1, 0, 1)
    wait_for(lambda: console.events(alarm="_gw.storage/failing"), what="the gateway's own fault")
    again = time.monotonic() + 5
    wait_for(lambda: time.monotonic() > again, what="several tries more")
    assert d.text().count("disk I/O error") == 1, d.text()
    set_fault(fault, "ok")
    wait_for(lambda: "store: storing again" in d.text(), what="the end is said at once")


def test_a_start_on_a_full_disk(site):
    """A full disk is no reason to stay down: what stands is known, and what happens goes out undurable."""
    console, eq, fault, d = start(site)
    eq.set(1, 0, 1)
    wait_for(lambda: console.events(alarm="facp.smoke1/smoke", durable=True), what="a stored fire")
    assert d.terminate() == 0
    set_fault(fault, "full")
    d.start(env={"FIREGW_FAULT": str(fault)})
    assert d.alarms()["facp.smoke1/smoke"]["state"] == "active"
    eq.set(1, 1, 1)
    early = wait_for(lambda: console.events(alarm="facp.smoke2/smoke"), what="a fire that cannot be stored")[0]
    assert early["durable"] is False
    set_fault(fault, "ok")
    wait_for(lambda: console.events(alarm="facp.smoke2/smoke", durable=True), what="it is stored when there is room")
