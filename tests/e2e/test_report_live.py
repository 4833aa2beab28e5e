"""The month's report of a running daemon: counted again from what a console saw, and what the hub has of it."""
import collections
import datetime
import json
import socket
import subprocess
import zoneinfo

from stage import BIN, PREFIX, SMOKE_RULE, bus, hub, site_text, smoke_points, wait_for

ZONE = zoneinfo.ZoneInfo("Asia/Shanghai")
NODE = PREFIX + "qj-test-01/"
SEND = "[events, status, directory, building, report]"


def months():
    """This month and the one before, as the site says them."""
    now = datetime.datetime.now(ZONE)
    return f"{now:%Y-%m}", f"{now.replace(day=1) - datetime.timedelta(days=1):%Y-%m}"


def fill(site, steps):
    now = datetime.datetime.now(ZONE)
    begin = (now.replace(day=1) - datetime.timedelta(days=40)).timestamp()
    subprocess.run([BIN / "fill_months", site.folder / "firegw.db", "qj-test-01", "Asia/Shanghai", "7", str(int(begin * 1000)), str(int(now.timestamp() * 1000) - 600000), str(steps)],
                   check=True, timeout=400)


def text_of(site, hubs):
    eq = site.equipment()
    return eq, site_text(site.folder, bus(eq.ports[0], smoke_points(3)), rules=SMOKE_RULE, hubs=hubs)


def test_counted_from_what_the_console_saw(site):
    broker = site.broker()
    console = site.console(broker)
    eq, text = text_of(site, hub(broker.port))
    d = site.daemon(text).hub_up()
    for k in range(4):
        eq.set(1, k % 3, 1)
        wait_for(lambda: d.alarms().get(f"facp.smoke{k % 3 + 1}/smoke", {}).get("state") == "active", what="raised")
        if k % 2 == 0:
            d.cli("ack", f"facp.smoke{k % 3 + 1}/smoke")
        eq.set(1, k % 3, 0)
        wait_for(lambda: d.alarms().get(f"facp.smoke{k % 3 + 1}/smoke", {"state": "normal"})["state"] in ("normal", "returned"), what="over")
    eq.stop()
    wait_for(lambda: console.events(alarm="_gw.bus-line/down", transition="raised"), seconds=40, what="the line is down")
    newest = lambda: d.ask("events", limit=100000)[0][-1]["n"]

    def counted():
        last, report = newest(), json.loads(d.cli("report", "--json").stdout)
        return (last, report) if newest() == last else None
    last, report = wait_for(counted, what="a report with nothing beside it")
    wait_for(lambda: {e["n"] for e in console.events()} >= set(range(1, last + 1)), what="every event at the console")
    seen = {e["n"]: e for e in console.events() if e["n"] and e["n"] <= last}
    raised = collections.Counter(e["class"] for e in seen.values() if e["transition"] in ("raised", "confirmed"))
    assert {x["class"]: x["raised"] for x in report["alarms"]["classes"] if x["raised"]} == raised and raised["fire"] >= 3
    acks = [(datetime.datetime.fromisoformat(e["at"]), e) for e in seen.values() if e["transition"] == "acknowledged"]
    begun = {e["id"]: datetime.datetime.fromisoformat(e["at"]) for e in seen.values()}
    took = sorted((at - begun[e["occurrence"]]).total_seconds() * 1000 for at, e in acks)
    assert report["times"]["acknowledge"]["fire"]["count"] == len(took) == 2
    assert abs(report["times"]["acknowledge"]["fire"]["max_ms"] - took[-1]) < 1
    assert [x["name"] for x in report["availability"]["lines"]["list"] if x["down"]] == ["line"]
    assert report["month"] == months()[0] and report["complete"] is False
    assert "so far" in d.cli("report").stdout
    refused = d.cli("report", "--month", "2999-01", check=False)
    assert refused.returncode == 1 and "has not begun" in refused.stderr
    assert "no month" in str(d.ask("report", month="x")[1])


def test_what_the_hub_has(site):
    """This month so far and the last one, whole; as the database says, without names; only where it is wanted; and again at the next start."""
    broker = site.broker()
    fill(site, 3000)
    this, last = months()
    wanted = json.loads(subprocess.run([BIN / "firegw", "report", "--db", site.folder / "firegw.db", "--month", last, "--json"], capture_output=True, check=True, timeout=60).stdout)
    eq, text = text_of(site, hub(broker.port, send=SEND))
    d = site.daemon(text).hub_up()
    console = site.console(broker)
    wait_for(lambda: {NODE + f"report/{m}" for m in (this, last)} <= set(console.retained()), what="both reports")
    raw = {t: p for _, t, p, _ in console.all() if "/report/" in t}
    assert all(len(p) <= 131072 for p in raw.values())
    assert not any(name.encode() in p for p in raw.values() for name in ("王值班", "uid 1000", "chen", "=hub"))
    got = json.loads(raw[NODE + f"report/{last}"])
    assert (got["v"], got["gateway"], got["node"], got["month"], got["complete"]) == (1, "qj-test-01", "qj-test-01", last, True)
    assert wanted["duty"].pop("people")["n"] > 0 and "people" not in got["duty"]
    for key in ("events", "alarms", "times", "availability", "disablement", "duty", "load", "days", "hours", "operations", "floods"):
        assert got[key] == wanted[key], key
    so_far = json.loads(raw[NODE + f"report/{this}"])
    assert so_far["complete"] is False and so_far["month"] == this
    assert json.loads(d.cli("report", "--month", last, "--json").stdout)["load"] == wanted["load"]
    d.terminate()
    seen = len(console.all())
    d.start().hub_up()
    wait_for(lambda: {NODE + f"report/{m}" for m in (this, last)} <= {t for _, t, _, _ in console.all()[seen:]}, what="both again")
    # The order of docs/mqtt.md: what is current, then what describes.
    order = [t for _, t, p, _ in console.all()[seen:] if p]
    assert order.index(NODE + "building") < order.index(NODE + f"report/{this}") and order.index(NODE + "directory/1") < order.index(NODE + f"report/{this}")


def test_a_hub_that_does_not_want_it(site):
    broker = site.broker()
    eq, text = text_of(site, hub(broker.port))
    d = site.daemon(text).hub_up()
    console = site.console(broker)
    wait_for(lambda: NODE + "building" in console.retained(), what="what is current")
    eq.set(1, 0, 1)
    wait_for(lambda: console.events(transition="raised"), what="an event")
    assert not any("/report/" in t for t in console.retained())
    # A new config that wants it brings it, and a purge takes it away.
    site_file = site.folder / "site.yaml"
    site_file.write_text(text.replace("building]", "building, report]"))
    d.signal(1)
    wait_for(lambda: NODE + f"report/{months()[0]}" in console.retained(), what="the report after a reload")
    wait_for(lambda: d.cli("hub", "purge", "district", check=False).returncode == 0 and not console.retained(), seconds=60, what="nothing is left there")


def test_peer_that_leaves_and_many_at_once(site):
    """Those who go leave nothing behind; more than a few at once are told so; a stop in the midst of a count ends in order."""
    fill(site, 6000)
    eq, text = text_of(site, "")
    d = site.daemon(text)
    month = months()[1]
    peers = []
    for _ in range(12):
        s = socket.socket(socket.AF_UNIX)
        s.connect(str(site.folder / "fw.sock"))
        s.sendall((json.dumps({"verb": "report", "args": {"month": month}}) + "\n").encode())
        peers.append(s)
    for s in peers[::2]:
        s.close()
    answers = [s.makefile("r", encoding="utf-8").readline() for s in peers[1::2]]
    assert any('"row"' in a for a in answers) and all('"row"' in a or '"busy"' in a for a in answers)
    s = socket.socket(socket.AF_UNIX)
    s.connect(str(site.folder / "fw.sock"))
    s.sendall((json.dumps({"verb": "report", "args": {"month": month}}) + "\n").encode())
    d.terminate()
    assert "ERROR: " not in d.text()
