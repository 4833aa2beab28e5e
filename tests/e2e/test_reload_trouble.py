"""Reloads that meet trouble: no memory for the swap, a store that does not answer, hubs that are closed in the middle of something."""
import signal
import sqlite3

from stage import SMOKE_RULE, bus, hub, set_fault, site_text, smoke_points, wait_for

NUMBER = "{point: p, kind: generic, fc: 3, register: 0, type: u16}"


def send(d, text):
    d.site.write_text(text)
    d.signal(signal.SIGHUP)


def outcomes(d):
    return d.text().count("configuration loaded:") + d.text().count("was refused")


def reload(d, text):
    """True: it was loaded; False: refused."""
    before = outcomes(d)
    send(d, text)
    wait_for(lambda: outcomes(d) > before, seconds=30, what="what became of the reload")
    return "configuration loaded:" in [x for x in d.text().splitlines() if "configuration loaded:" in x or "was refused" in x][-1]


def test_a_swap_without_memory_changes_nothing(site):
    """The lines that stay have other indices under the new config: half a swap would put their values to other points."""
    broker, eq = site.broker(), site.equipment(n=2)
    console = site.console(broker)
    line = bus(eq.ports[0], [NUMBER, *smoke_points(2)])
    before = site_text(site.folder, line, rules=SMOKE_RULE, hubs=hub(broker.port))
    after = site_text(site.folder, bus(eq.ports[1], [NUMBER, *smoke_points(5)], name="first", device="other") + line, rules=SMOKE_RULE,
                      hubs=hub(broker.port, name="second", more=", client_id: second") + hub(broker.port))
    d = site.daemon(before, program="firegwd-starved").hub_up()
    refused = 0
    for i in range(1, 200):
        eq.set(3, 0, i)
        loaded = reload(d, after)
        if not loaded:
            refused += 1
            assert "no memory" in d.text() and len(d.status()["lines"]) == 1 and len(d.status()["hubs"]) == 1
        wait_for(lambda: d.points()["facp.p"]["value"] == i, what="the value goes to its own point")
        assert not any("smoke" in a for a in d.alarms()), d.alarms()
        untouched = f"reload {i} passed untouched" in d.text()
        if loaded and not untouched:  # a description less: the next one begins anew
            break
        if untouched:
            break
    assert loaded and refused > 10, (i, refused)
    d.hub_up("second").hub_up()
    eq.set(1, 0, 1)
    wait_for(lambda: console.events(alarm="facp.smoke1/smoke"), what="a fire of the line that stayed")
    eq.set(1, 1, 1, port=1)
    wait_for(lambda: console.events(alarm="other.smoke2/smoke"), what="a fire of the new line")
    assert {a for a in d.alarms() if "smoke" in a} == {"facp.smoke1/smoke", "other.smoke2/smoke"}
    assert d.terminate() == 0
    for word in ("Sanitizer", "runtime error"):
        assert word not in d.text(), d.text()[-5000:]


def test_a_store_that_does_not_answer_refuses_it(site):
    broker, eq = site.broker(), site.equipment()
    console = site.console(broker)
    fault = site.folder / "fault"
    fault.write_text("ok")
    text = lambda n: site_text(site.folder, bus(eq.ports[0], smoke_points(n)), rules=SMOKE_RULE, hubs=hub(broker.port))
    d = site.daemon(text(2), start=False, program="firegwd-faulty")
    d.start(env={"FIREGW_FAULT": str(fault)}).hub_up()
    set_fault(fault, "fail", d)
    eq.set(1, 0, 1)
    wait_for(lambda: console.events(alarm="facp.smoke1/smoke"), what="a fire out of memory")
    send(d, text(3))
    event = wait_for(lambda: console.events(transition="config_refused"), seconds=25, what="it is refused")[0]
    assert "store" in event["message"]["en"] and event["durable"] is False
    wait_for(lambda: console.events(alarm="_gw.config/refused", transition="raised"), what="and the alarm says so")
    assert "facp.smoke3" not in d.points()
    set_fault(fault, "ok")
    wait_for(lambda: console.events(alarm="_gw.storage/failing", transition="returned"), what="the store works")
    assert "facp.smoke3" not in d.points(), "what was given up does not come after all"
    assert reload(d, text(3))
    assert "facp.smoke3" in d.points()
    set_fault(fault, "fail")  # and a stop while one waits
    eq.set(1, 1, 1)
    wait_for(lambda: console.events(alarm="facp.smoke2/smoke"), what="another one")
    send(d, text(4))
    wait_for(lambda: d.text().count("reloading") == 3, what="it is under way")
    assert d.terminate() == 0
    for word in ("Sanitizer", "runtime error"):
        assert word not in d.text(), d.text()[-5000:]


def test_a_hub_closed_by_a_reload_keeps_its_cursors(site):
    """What the broker has does not come again, whether the hub goes on in another way or comes back later."""
    broker, eq = site.broker(), site.equipment()
    console = site.console(broker)
    text = lambda more, hubs=True: site_text(site.folder, bus(eq.ports[0], smoke_points(30), every="100ms"), rules=SMOKE_RULE,
                                             hubs=hub(broker.port, send="[events]", more=more) if hubs else "", commit="1s")
    d = site.daemon(text("")).hub_up()
    for i in range(1, 6):
        eq.set(1, i, 1)
        wait_for(lambda: console.events(alarm=f"facp.smoke{i + 1}/smoke"), what="a fire")
        wait_for(lambda: not d.hub()["in_flight"], what="its acknowledgement")
        assert reload(d, text(f", client_id: other{i}"))
        d.hub_up()
    eq.set(1, 10, 1)
    wait_for(lambda: console.events(alarm="facp.smoke11/smoke"), what="a fire")
    wait_for(lambda: not d.hub()["in_flight"], what="its acknowledgement")
    assert reload(d, text("", hubs=False))
    assert reload(d, text(""))
    d.hub_up()
    eq.set(1, 11, 1)
    wait_for(lambda: console.events(alarm="facp.smoke12/smoke"), what="the last fire")
    fires = [e["id"] for e in console.events() if e["n"] and e["alarm"] and "smoke" in e["alarm"]]
    assert len(fires) == len(set(fires)), "an event came twice"


def test_a_hub_that_a_reload_takes_away_holds_nothing(site):
    broker, eq = site.broker(), site.equipment()
    console = site.console(broker)
    gone = hub(1, name="gone", more=", start: oldest")
    text = lambda hubs: site_text(site.folder, bus(eq.ports[0], smoke_points(2)), rules=SMOKE_RULE, hubs=hubs).replace("commit: 200ms", "commit: 200ms, keep_events: 1d")
    d = site.daemon(text(hub(broker.port) + gone)).hub_up()
    for value in (1, 0, 1, 0):
        eq.set(1, 0, value)
        wait_for(lambda: (d.points()["facp.smoke1"]["value"] == value), what="the detector")
    wait_for(lambda: len(console.events(alarm="facp.smoke1/smoke")) >= 2, what="its events")
    assert d.terminate() == 0
    db = sqlite3.connect(site.folder / "firegw.db")
    db.execute("UPDATE event_log SET at = at - 5 * 86400000 WHERE n < (SELECT max(n) FROM event_log)")
    db.commit()
    db.close()
    d.start().hub_up()
    first = lambda: d.status()["streams"]["qj-test-01/fire"]["first"]
    assert reload(d, text(hub(broker.port)))
    wait_for(lambda: first() > 1, seconds=20, what="old events go")
