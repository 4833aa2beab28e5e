"""firegw hub: what each hub has, everything afresh, nothing left behind, against a broker that keeps what is retained."""
import json
import re

from stage import PREFIX, SMOKE_RULE, bus, hub, site_text, smoke_points, wait_for

NODE = PREFIX + "qj-test-01/"
FIRE = NODE + "alarm/facp.smoke1~smoke"


def stand(site, more=""):
    broker, eq = site.broker(), site.equipment()
    console = site.console(broker)
    d = site.daemon(site_text(site.folder, bus(eq.ports[0], smoke_points(3)), rules=SMOKE_RULE, hubs=hub(broker.port, more=more))).hub_up()
    eq.set(1, 0, 1)
    wait_for(lambda: {FIRE, NODE + "building", NODE + "status", NODE + "directory/1"} <= set(console.retained()), what="all that stands")
    return broker, eq, console, d


def test_list(site):
    broker, eq, console, d = stand(site)
    text = d.cli("hub", "list").stdout
    assert "district" in text and f"mqtt://127.0.0.1:{broker.port}" in text and "up" in text
    text = d.cli("hub", "list", "district").stdout
    assert "STREAM" in text and "fire" in text
    taken = lambda: next(s for s in d.ask("hubs")[0][0]["streams"] if s["stream"] == "fire")["acked"]
    wait_for(lambda: taken() == 1, what="the broker's word for the fire")
    h = json.loads(d.cli("hub", "list", "--json").stdout)
    assert [x["name"] for x in h] == ["district"]
    fire = next(s for s in h[0]["streams"] if s["stream"] == "fire")
    assert fire["node"] == "qj-test-01" and fire["stored"] == fire["acked"] == fire["sent"] == 1 and fire["backlog"] == 0
    ageless = lambda *args: re.sub(r"(STATE\s+SINCE\s+|\d+ s ago\s+)", "ago ", d.cli("hub", *args).stdout)
    wait_for(lambda: ageless() == ageless("list"), what="the same twice")  # what is acknowledged in between counts
    wrong = d.cli("hub", "list", "nowhere", check=False)
    assert wrong.returncode == 1 and "no hub 'nowhere'" in wrong.stderr
    assert d.cli("hub", "burn", check=False).returncode == 2 and d.cli("hub", "purge", check=False).returncode == 2


def test_resend(site):
    broker, eq, console, d = stand(site)
    seen = len(console.all())
    assert "district: everything is sent again" in d.cli("hub", "resend", "district", "--note", "asked by the city").stdout
    again = lambda: {t for _, t, p, r in console.all()[seen:] if p}
    wait_for(lambda: {FIRE, NODE + "building", NODE + "status", NODE + "directory/1"} <= again(), what="everything again")
    assert json.loads(d.cli("hub", "resend", "district", "--json").stdout) == {"ok": True, "error": None}
    done = d.cli("hub", "resend", "other", "--json", check=False)
    assert done.returncode == 1 and json.loads(done.stdout)["ok"] is False
    broker.terminate()
    wait_for(lambda: not d.hub()["up"], what="the link is down")
    assert "when it is" in d.cli("hub", "resend", "district").stdout
    refused = d.cli("hub", "purge", "district", check=False)
    assert refused.returncode == 1 and "not connected" in refused.stderr


def test_purge(site):
    broker, eq, console, d = stand(site, more=", classes: [fire]")  # a fault of our own that changes would end the purge
    console.client.publish(NODE + "alarm/ghost.x~smoke", b'{"v":1}', 1, retain=True)
    wait_for(lambda: NODE + "alarm/ghost.x~smoke" in console.retained(), what="a leftover")
    text = d.cli("hub", "purge", "district", "--note", "moves to another city").stdout
    assert "retained messages were cleared" in text
    assert not console.retained()
    assert d.hub()["state"] == "purged" and d.alarms()["facp.smoke1/smoke"]["state"] == "active"
    # An alarm that changes brings everything back, the standing one too.
    eq.set(1, 1, 1)
    wait_for(lambda: {FIRE, NODE + "alarm/facp.smoke2~smoke", NODE + "building", NODE + "status", NODE + "directory/1"} <= set(console.retained()), what="all of it again")
    assert d.hub()["state"] == "up"
    # Purged, then stopped: nothing is left, also not that it is offline.
    assert json.loads(d.cli("hub", "purge", "district", "--json").stdout) == {"ok": True, "error": None}
    d.terminate()
    assert not console.retained()
    # Its next life begins as if nothing had been.
    d.start().hub_up()
    wait_for(lambda: {FIRE, NODE + "building", NODE + "status", NODE + "directory/1"} <= set(console.retained()), what="all of it again")


def test_many_buildings(site):
    """Each with a node of its own, more than one subscription takes: the hub comes up, commands reach the last of them, and a purge ends."""
    broker, eq = site.broker(), site.equipment()
    console = site.console(broker)
    rows = "".join(f"    - {{id: b{i}, name: B{i}, class: class1-public, height_m: 98, floors: 32, basements: 2, node: node-{i}}}\n" for i in range(150))
    line = bus(eq.ports[0], smoke_points(1)).replace("building: a", "building: b149")
    gone = PREFIX + "node-149/alarm/gone.x~smoke"
    console.client.publish(gone, b'{"v":1}', 1, retain=True)
    wait_for(lambda: gone in console.retained(), what="a leftover")
    d = site.daemon(site_text(site.folder, line, rules=SMOKE_RULE, hubs=hub(broker.port, more=", classes: [fire]"), buildings=rows)).hub_up()
    wait_for(lambda: gone not in console.retained(), what="the leftover is cleared")
    assert console.command("snapshot", node="node-149")[0]["ok"]
    eq.set(1, 0, 1)
    wait_for(lambda: PREFIX + "node-149/alarm/facp.smoke1~smoke" in console.retained(), what="a fire at the last")
    d.cli("hub", "purge", "district")
    assert not console.retained()
