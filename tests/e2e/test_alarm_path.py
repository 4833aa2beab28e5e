"""From a register to the hub and back to normal: what docs/mqtt.md says of one alarm's life, seen by an independent console."""
import json
import sqlite3
import time

import pytest
from stage import CONFIRM_RULE, PREFIX, SMOKE_RULE, bus, hub, site_text, smoke_points, wait_for


def tower(site, broker, n=3, **more):
    eq = site.equipment()
    text = site_text(site.folder, bus(eq.ports[0], smoke_points(n)), rules=SMOKE_RULE + CONFIRM_RULE, hubs=hub(broker.port), **more)
    return eq, text


def topic_of(alarm):
    return "fire/v1/500110/002/003/qj-test-01/alarm/" + alarm.replace("/", "~")


def test_a_fire_is_raised_confirmed_acknowledged_returned_and_cleared(site):
    broker = site.broker()
    console = site.console(broker)
    eq, text = tower(site, broker)
    d = site.daemon(text)
    wait_for(lambda: console.got("/status"), what="the birth")
    eq.set(1, 0, 1)
    raised = wait_for(lambda: console.events(alarm="facp.smoke1/smoke", transition="raised", durable=True), what="raised")[0]
    assert raised["class"] == "fire" and raised["state"] == "active" and raised["from"] == "normal" and raised["durable"] is True
    assert raised["value"] == 1 and raised["point"] == "facp.smoke1" and raised["zone"] == "12-N" and raised["floor"] == "12"
    assert raised["message"] == {"zh": "烟感1 火警", "en": "烟感1: fire"}
    assert raised["occurrence"] == raised["id"] and raised["rev"] == 1 and raised["seq"] == 1
    eq.set(1, 1, 1)
    confirmed = wait_for(lambda: console.events(alarm="a.12-N/fire-confirmed"), what="confirmed")[0]
    assert confirmed["transition"] == "confirmed" and confirmed["point"] is None and set(confirmed["members"]) == {"facp.smoke1", "facp.smoke2"}
    # One who connects later has the alarms at once.
    late = wait_for(lambda: (lambda r: r if topic_of("a.12-N/fire-confirmed") in r else None)(console.retained()), what="retained alarms")
    assert late[topic_of("facp.smoke1/smoke")]["id"] == raised["id"]
    # Return and acknowledgement clear it.
    eq.set(1, 0, [0, 0, 0])
    wait_for(lambda: console.events(alarm="facp.smoke1/smoke", transition="returned"), what="returned")
    assert d.ask("ack", alarm="facp.smoke1/smoke", note="看过")[1]["ok"]
    cleared = wait_for(lambda: console.events(alarm="facp.smoke1/smoke", transition="cleared"), what="cleared")[0]
    assert cleared["state"] == "normal" and cleared["occurrence"] == raised["id"]
    acked = console.events(alarm="facp.smoke1/smoke", transition="acknowledged")[0]
    assert acked["cause"] == "person" and acked["note"] == "看过" and acked["actor"]
    wait_for(lambda: topic_of("facp.smoke1/smoke") not in console.retained(), what="the retained message is gone")
    # The normal state was sent once, retained, before the empty payload.
    mine = lambda: [p for _, t, p, _ in console.all() if t == topic_of("facp.smoke1/smoke")]
    wait_for(lambda: mine()[-1] == b"", what="it is gone here too")
    assert b'"state":"normal"' in mine()[-2]
    # The latching one stays until it is reset.
    assert d.ask("reset", alarm="a.12-N/fire-confirmed")[1]["code"] == "refused"
    assert d.ask("ack", alarm="a.12-N/fire-confirmed")[1]["ok"]
    assert d.alarms()["a.12-N/fire-confirmed"]["state"] in ("acked", "latched")
    gapless = lambda numbers: numbers == list(range(1, len(numbers) + 1))
    wait_for(lambda: gapless(sorted(e["n"] for e in console.events(durable=True))), what="no gap")  # what is more urgent overtakes


def test_a_broker_that_lost_its_store_is_told_everything_again(site):
    broker = site.broker()
    console = site.console(broker)
    eq, text = tower(site, broker)
    site.daemon(text)
    eq.set(1, 0, 1)
    wait_for(lambda: topic_of("facp.smoke1/smoke") in console.retained(), what="the retained alarm")
    broker.kill()
    broker.start()  # without persistence: it knows nothing
    def whole():
        topics = {t.split("qj-test-01/")[1] for t in console.retained()}
        return topics if {"status", "alarm/facp.smoke1~smoke", "directory/1", "building"} <= topics else None
    wait_for(whole, seconds=30, what="states after the broker's loss")


def test_retained_alarms_of_another_life_are_cleared(site):
    broker = site.broker()
    console = site.console(broker)
    console.client.publish(topic_of("ghost.x/smoke"), b'{"v":1}', 1, retain=True)
    wait_for(lambda: topic_of("ghost.x/smoke") in console.retained(), what="the ghost")
    eq, text = tower(site, broker)
    site.daemon(text)
    wait_for(lambda: topic_of("ghost.x/smoke") not in console.retained(), what="the ghost cleared")


def test_kill_and_restart_goes_on_where_it_was(site):
    broker = site.broker()
    console = site.console(broker)
    eq, text = tower(site, broker)
    d = site.daemon(text)
    eq.set(1, 0, 1)
    raised = wait_for(lambda: console.events(alarm="facp.smoke1/smoke", transition="raised", durable=True), what="raised")[0]
    d.kill()
    d.start()
    assert d.alarms()["facp.smoke1/smoke"]["state"] == "active"
    eq.set(1, 0, 0)
    back = wait_for(lambda: console.events(alarm="facp.smoke1/smoke", transition="returned"), what="returned")[0]
    assert back["occurrence"] == raised["id"] and back["rev"] > raised["rev"] and back["log"] == raised["log"] and back["boot"] != raised["boot"]
    assert not [e for e in console.events(alarm="facp.smoke1/smoke", transition="raised") if e["id"] != raised["id"]]


def test_readings_say_when_and_why(site):
    broker = site.broker()
    console = site.console(broker)
    eq = site.equipment()
    points = ["{point: p, name: 压力, kind: hydrant_pressure, fc: 3, register: 0, type: u16, scale: 0.01, unit: MPa}"]
    eq.set(3, 0, 35)
    d = site.daemon(site_text(site.folder, bus(eq.ports[0], points), hubs=hub(broker.port)))
    def rows():
        return [(r[0], r[2], r[3] if len(r) > 3 else "good", m["t0"] + r[1]) for m in console.got("/reading") for r in m["readings"]]
    wait_for(lambda: [r for r in rows() if r[:3] == ("facp.p", 0.35, "good")], what="35 × 0.01")
    eq.stop()
    wait_for(lambda: [r for r in rows() if r[2] == "comm"], what="quality comm")
    wait_for(lambda: [r for r in rows() if r[2] == "stale"], seconds=20, what="quality stale")
    assert all(r[1] is None for r in rows() if r[2] != "good")
    assert all(abs(r[3] / 1000 - time.time()) < 60 for r in rows())
    wait_for(lambda: "_gw.bus-line/down" in d.alarms(), seconds=20, what="the line's own fault")
    eq.start()
    wait_for(lambda: d.alarms().get("_gw.bus-line/down", {}).get("state") == "returned", seconds=30, what="the line is back")


def test_commands(site):
    broker = site.broker()
    console = site.console(broker)
    eq, text = tower(site, broker)
    d = site.daemon(text)
    d.hub_up()
    eq.set(1, 0, 1)
    wait_for(lambda: console.events(alarm="facp.smoke1/smoke"), what="raised")
    pages = console.command("snapshot")
    assert [a["alarm"] for a in pages[0]["result"] if not a["alarm"].startswith("_gw.")] == ["facp.smoke1/smoke"]
    assert console.command("refresh")[0]["ok"]
    status = wait_for(lambda: [s for s in console.got("/status") if s["streams"].get("qj-test-01/fire", {}).get("stored")] or None, seconds=40, what="a status with fire in it")[-1]
    whole = console.command("replay", log=status["log"], stream="fire", **{"from": 1, "to": 100})
    sent = {e["id"]: e for e in console.events()}
    for e in whole[0]["result"]:
        assert e == sent[e["id"]]
    readings = console.command("replay", log=status["log"], stream="reading", **{"from": 1, "to": 3})
    assert [m["first"] for m in readings[0]["result"]][0] == 1 and readings[0]["result"][-1]["last"] == 3
    for bad, fields in [("unknown", {}), ("history", {}), ("snapshot", {"expires": "2020-01-01T00:00:00Z"}), ("snapshot", {"expires": None}), ("replay", {"log": "ffffffff", "stream": "fire", "from": 1, "to": 2}),
                        ("replay", {"log": status["log"], "stream": "nothing", "from": 1, "to": 2})]:
        answer = console.command(bad, **fields)
        assert answer[0]["ok"] is False and answer[0]["error"], bad
    first = console.command("snapshot", id="same")
    assert first[0]["ok"]
    console.messages.clear()
    assert console.command("snapshot", id="same")[0]["ok"] is False
    assert d.ask("silence")[1]["ok"]  # answered when stored: so is what came before
    d.kill()
    d.start()
    console.messages.clear()
    d.hub_up()
    assert console.command("snapshot", id="same")[0]["ok"] is False, "a replayed id is remembered over kill -9"


def test_too_many_commands(site):
    """A hub that floods us gets an answer to the first that is too many, costs the audit table a row now and then for the rest, and is served again soon."""
    broker = site.broker()
    console = site.console(broker)
    eq, text = tower(site, broker)
    d = site.daemon(text)
    d.hub_up()
    for i in range(1600):
        console.client.publish(f"{PREFIX}qj-test-01/command/refresh", json.dumps({"v": 1, "id": f"flood-{i}", "issued": "2026-01-01T00:00:00Z", "expires": "2099-01-01T00:00:00Z"}), 1)
    wait_for(lambda: [r for r in console.got("/reply/refresh") if "too many" in r.get("error", "")], seconds=30, what="the refusal")
    taken = wait_for(lambda: sum(r["ok"] for r in console.got("/reply/refresh")) or None, what="those before it")
    assert taken >= 8

    def served():
        try:
            return console.command("snapshot", seconds=2)[0]["ok"]
        except AssertionError:
            return False  # one of those without an answer
    wait_for(served, seconds=30, what="an answer again")
    d.terminate()
    with sqlite3.connect(site.folder / "firegw.db") as db:
        rows = db.execute("SELECT action, result FROM audit WHERE actor = 'hub district'").fetchall()
    more = [r for r in rows if r[0] == "commands"]
    assert 1 <= len(more) < 20 and sum(int(r[1].split()[0]) for r in more) > 100, rows[-20:]
    assert len(rows) < 1200


def test_a_second_daemon_is_refused(site):
    broker = site.broker()
    eq, text = tower(site, broker)
    site.daemon(text)
    other = text.replace("fw.sock", "fw2.sock")
    (site.folder / "second.yaml").write_text(other)
    from stage import BIN
    import subprocess
    done = subprocess.run([BIN / "firegwd", "-c", site.folder / "second.yaml"], capture_output=True, text=True, timeout=30)
    assert done.returncode == 1 and "in use" in done.stderr


def test_a_killed_daemon_leaves_its_will_retained(site):
    broker = site.broker()
    console = site.console(broker)
    eq, text = tower(site, broker)
    d = site.daemon(text)
    birth = wait_for(lambda: console.got("/status"), what="the birth")[0]
    assert birth["online"] is True and birth["streams"]["qj-test-01/operation"]["stored"] >= 1
    d.kill()
    wait_for(lambda: [s for s in console.got("/status") if not s["online"]], what="the will")
    kept = console.retained()["fire/v1/500110/002/003/qj-test-01/status"]
    assert kept["online"] is False and kept["session"] == birth["session"]
    d.start()
    again = wait_for(lambda: [s for s in console.got("/status") if s["online"] and s["session"] > birth["session"]], what="the next birth")[0]
    assert again["boot"] != birth["boot"]
    assert d.terminate() == 0
    stopped = wait_for(lambda: [s for s in console.got("/status") if s.get("reason") == "stopped"], what="the stop")[0]
    assert stopped["online"] is False and stopped["session"] == again["session"]
