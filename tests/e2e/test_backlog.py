"""A hub that was away for long: what is urgent does not stand behind what is old, also on a slow link, and what is given up is told."""
import signal
import subprocess
import time

import pytest
from stage import BIN, SMOKE_RULE, Broker, bus, free_port, hub, site_text, smoke_points, wait_for

COUNT = 1_000_000


def fill(site, count, age_s, name="district"):
    points = [f"facp.p{i}" for i in range(100)]
    subprocess.run([BIN / "fill_store", site.folder / "firegw.db", "qj-test-01", "qj-test-01", name, str(count), str(int(age_s * 1000)), *points], check=True, timeout=600)


def points():
    return smoke_points(3) + [f"{{point: p{i}, kind: generic, fc: 3, register: {i}, type: u16}}" for i in range(100)]


def received(console):
    return sum(m["last"] - m["first"] + 1 for m in console.got("/reading"))


def in_order(console):
    """The readings that came are those from the first on, without a gap, each once."""
    messages = console.got("/reading")
    at = 1
    for m in messages:
        assert m["first"] == at and m["last"] - m["first"] + 1 == len(m["readings"])
        at = m["last"] + 1


@pytest.mark.parametrize("rate", [2_000_000, 8000], ids=["16Mbit", "64kbit"])
def test_a_fire_does_not_stand_behind_a_million_readings(site, rate):
    fill(site, COUNT, 3600)
    port = free_port()
    broker = Broker(site.folder, port=port)
    way = site.throttle(broker, rate)
    eq = site.equipment()
    d = site.daemon(site_text(site.folder, bus(eq.ports[0], points(), every="100ms"), rules=SMOKE_RULE, hubs=hub(way.port)))
    eq.set(1, 0, 1)
    wait_for(lambda: "facp.smoke1/smoke" in d.alarms(), what="a fire before the hub comes")
    assert d.hub()["backlog"]["readings"] >= COUNT
    d.signal(signal.SIGSTOP)  # nothing is sent before the console is there
    site.add(broker).start()
    console = site.console(broker)
    d.signal(signal.SIGCONT)
    wait_for(lambda: received(console) > 1000, seconds=60, what="the first old readings")
    topics = [t for _, t, p, r in console.all() if not r]
    first = next(i for i, t in enumerate(topics) if t.endswith("/reading"))
    assert any(t.endswith("/event/fire") for t in topics[:first]) and any(t.endswith("alarm/facp.smoke1~smoke") for t in topics[:first]), "what burned before came first"
    for n in (2, 3):
        began = time.monotonic()
        eq.set(1, n - 1, 1)
        wait_for(lambda: console.events(alarm=f"facp.smoke{n}/smoke"), seconds=20, what="a fire in the midst of them")
        took, there = time.monotonic() - began, received(console)
        print(f"{rate} bytes/s: the fire took {1000 * took:.0f} ms, with {there} of {COUNT} readings there, {d.hub()['backlog']['readings']} behind")
        assert there < COUNT / 2
    in_order(console)
    fires = lambda: [e["seq"] for e in console.events(durable=True, **{"class": "fire"})]
    wait_for(lambda: len(fires()) >= 3, what="all numbered")
    assert fires() == [1, 2, 3]
    assert d.hub()["reconnects"] == 0


def test_a_backlog_beyond_its_limit_is_given_up_and_told(site):
    fill(site, 20_000, 600)
    eq, broker = site.equipment(), site.broker()
    console = site.console(broker)  # before the daemon: what comes while nobody listens is not seen
    d = site.daemon(site_text(site.folder, bus(eq.ports[0], points(), every="100ms"), rules=SMOKE_RULE, hubs=hub(broker.port, more=", backlog: {readings: 60s}")))
    wait_for(lambda: console.got("/reading"), seconds=40, what="readings")
    lost = console.got("/lost")
    assert len(lost) == 1 and lost[0]["why"] == "backlog" and lost[0]["stream"] == "reading" and lost[0]["from_seq"] == 1 and lost[0]["log"] == d.status()["log"]
    # the youngest 60 s of 600 s are at most a tenth of them
    assert 17_900 < lost[0]["to_seq"] < 20_000
    wait_for(lambda: console.got("/reading")[-1]["last"] > 20_000, seconds=40, what="all the rest")
    at = lost[0]["to_seq"] + 1
    for m in console.got("/reading"):
        assert m["first"] == at
        at = m["last"] + 1
    topics = [t for _, t, p, r in console.all()]
    assert topics.index(next(t for t in topics if t.endswith("/lost"))) < topics.index(next(t for t in topics if t.endswith("/reading"))), "told before what follows it"
    assert d.hub()["lost"] == lost[0]["to_seq"] and d.hub()["backlog"]["readings"] < 2000


def test_reloads_in_the_midst_of_a_backlog(site):
    """The reader thread writes names of the config under which it was asked: a reload that comes before its answer, and leaves nothing else of that config, takes none away."""
    count = 300_000
    fill(site, count, 3600)
    broker, eq = site.broker(), site.equipment()
    console = site.console(broker)
    way = site.throttle(broker, 2_000_000)
    text = lambda ms: site_text(site.folder, bus(eq.ports[0], points(), every="1s", timeout=f"{ms}ms"), rules=SMOKE_RULE, hubs=hub(way.port))
    d = site.daemon(text(300))
    i = 0
    while received(console) < count and i < 200:
        i += 1
        d.site.write_text(text(300 + i))  # every line is opened anew
        d.signal(signal.SIGHUP)
        wait_for(lambda: d.text().count("configuration loaded:") >= i, seconds=30, what="the reload")
    assert i > 5
    wait_for(lambda: received(console) >= count, seconds=120, what="all of it")
    in_order(console)
    assert d.terminate() == 0
    for word in ("Sanitizer", "runtime error"):
        assert word not in d.text(), d.text()[-5000:]
