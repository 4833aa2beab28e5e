"""Faults that the gateway has with itself end when what they speak of ends, also if another life of the daemon or another config told of them."""
from stage import SMOKE_RULE, bus, free_port, hub, site_text, smoke_points, wait_for


def standing(d, alarm):
    return wait_for(lambda: d.alarms().get(alarm, {}).get("active"), seconds=60, what=f"{alarm} stands")


def over(d, alarm):
    return wait_for(lambda: not d.alarms().get(alarm, {}).get("active"), seconds=60, what=f"{alarm} is over")


def two_lines(site, first, second):
    points = smoke_points(1)
    return bus(first, points) + bus(second, points, name="second", device="other")


def test_a_line_and_a_hub_that_come_back_while_the_daemon_is_away(site):
    """Both were bad when the last run ended; the next one finds them good. A fault that nobody ended would stand for ever."""
    broker = site.broker()
    dead = free_port()
    eq = site.equipment(n=2)
    ports = eq.ports
    eq.stop()
    text = site_text(site.folder, two_lines(site, *ports), rules=SMOKE_RULE, hubs=hub(broker.port) + hub(dead, name="second"))
    d = site.daemon(text)
    for alarm in ("_gw.bus-line/down", "_gw.bus-second/down", "_gw.hub-second/unreachable"):
        standing(d, alarm)
    (site.folder / "site.yaml").write_text(text + "nonsense: 1\n")
    d.signal(1)
    standing(d, "_gw.config/refused")
    (site.folder / "site.yaml").write_text(text)
    before = {a: d.alarms()[a] for a in ("_gw.bus-line/down", "_gw.hub-second/unreachable")}
    newest = max(a["rev"] for a in d.ask("alarms", all=True)[0])
    d.kill()
    d.start()
    over(d, "_gw.config/refused")
    now = d.alarms()
    for alarm, was in before.items():
        assert now[alarm]["active"] and now[alarm]["rev"] == was["rev"], "what is still so is not told again"
    eq.start()
    site.add(type(broker)(site.folder, port=dead, name="other")).start()
    for alarm in ("_gw.bus-line/down", "_gw.bus-second/down", "_gw.hub-second/unreachable"):
        over(d, alarm)
        assert d.alarms()[alarm]["rev"] == newest + 10001, "told once since, and above what the run that was killed can have sent"


def test_a_line_and_a_hub_that_a_new_config_cures(site):
    broker = site.broker()
    eq = site.equipment()
    bad = site_text(site.folder, bus(free_port(), smoke_points(1)), rules=SMOKE_RULE, hubs=hub(free_port()))
    d = site.daemon(bad)
    for alarm in ("_gw.bus-line/down", "_gw.hub-district/unreachable"):
        standing(d, alarm)
    (site.folder / "site.yaml").write_text(site_text(site.folder, bus(eq.ports[0], smoke_points(1)), rules=SMOKE_RULE, hubs=hub(broker.port)))
    d.signal(1)
    for alarm in ("_gw.bus-line/down", "_gw.hub-district/unreachable"):
        over(d, alarm)
        assert d.alarms()[alarm]["rev"] == 2, "it was not told twice"
