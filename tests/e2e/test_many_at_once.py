"""More alarms in one step than a batch was made for: each is told, kept and closed."""
import signal

import pytest
from stage import SMOKE_RULE, bus, hub, site_text, smoke_points, wait_for
from test_store_faults import set_fault, start

N = 2500


def bits(n):
    return [f"{{point: s{i}, kind: smoke_detector, fc: 1, register: {i}, type: bool}}" for i in range(n)]


def standing(console, **want):
    return {e["alarm"] for e in console.events(**want)}


def numbers(console):
    """Of what was stored; on a busy disk an event goes out before, and comes again with its number."""
    return [e["seq"] for e in console.events(durable=True, **{"class": "fire"})]


def open_at_hub(console):
    return [t for t in console.retained() if "/alarm/facp" in t]


@pytest.fixture
def house(site):
    broker = site.broker()
    console = site.console(broker)
    eq = site.equipment(size=4000)

    def text(rules):
        return site_text(site.folder, bus(eq.ports[0], bits(N), every="500ms", timeout="2s"), hubs=hub(broker.port, send="[events]"), rules=rules)
    return console, eq, text


def test_a_rule_that_comes_and_goes_while_thousands_stand(site, house):
    console, eq, text = house
    eq.set(1, 0, [1] * N)
    d = site.daemon(text("")).hub_up()
    wait_for(lambda: sum(p["quality"] == "good" for p in d.points().values()) == N, seconds=60, what="all points")
    d.site.write_text(text(SMOKE_RULE))
    d.signal(signal.SIGHUP)
    wait_for(lambda: len(standing(console, transition="raised")) == N, seconds=60, what="an alarm for each")
    wait_for(lambda: len(open_at_hub(console)) == N, seconds=60, what="each of them retained")
    assert d.status()["lost_events"] == 0 and d.status()["alarms"]["fire"] == N
    d.site.write_text(text(""))
    d.signal(signal.SIGHUP)
    wait_for(lambda: len(standing(console, transition="removed")) == N, seconds=60, what="the end of each")
    wait_for(lambda: not open_at_hub(console), seconds=60, what="none of them retained")
    assert d.status()["lost_events"] == 0 and not [a for a in d.alarms() if not a.startswith("_gw.")]  # a busy machine may make the loop late
    wait_for(lambda: numbers(console) == list(range(1, 2 * N + 1)), seconds=60, what="each number once, in order")


def test_one_reply_that_raises_thousands(site, house):
    console, eq, text = house
    more = "  - id: look\n    for: {kind: smoke_detector}\n    when: {equals: 1}\n    class: supervisory\n"
    d = site.daemon(text(SMOKE_RULE + more)).hub_up()
    wait_for(lambda: sum(p["quality"] == "good" for p in d.points().values()) == N, seconds=60, what="all points")
    eq.set(1, 0, [1] * N)
    for word in ("fire", "supervisory"):
        wait_for(lambda: len(standing(console, durable=True, **{"class": word})) == N, seconds=60, what=f"{word} for each, stored")
    d.kill()
    d.start()
    d.hub_up()
    assert d.status()["alarms"]["fire"] == N and len([a for a in d.alarms() if not a.startswith("_gw.")]) == 2 * N
    assert len(standing(console, transition="raised", **{"class": "fire"})) == N
    wait_for(lambda: set(numbers(console)) == set(range(1, N + 1)), seconds=60, what="each number")  # what the hub's cursor did not know yet comes twice


def test_hundreds_of_fires_while_the_disk_fails(site):
    n = 400
    console, eq, fault, d = start(site, n)
    set_fault(fault, "fail", d)
    eq.set(1, 0, [1] * n)
    wait_for(lambda: len(standing(console, durable=False, **{"class": "fire"})) == n, what="each of them, undurable")
    set_fault(fault, "ok")
    wait_for(lambda: len(standing(console, durable=True, **{"class": "fire"})) == n, what="each of them, numbered")
    assert [e["seq"] for e in console.events(durable=True, **{"class": "fire"})] == list(range(1, n + 1))
