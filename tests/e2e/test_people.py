"""What people do beside acknowledging, by the command, seen at an independent console: shelves, points out of service, tests and drills, verdicts, reports, duty, the self-test."""
import json
import os
import re
import signal

import pytest
from stage import CONFIRM_RULE, SMOKE_RULE, as_nobody, bus, hub, set_fault, site_text, smoke_points, wait_for

LOW = """  - id: low
    for: {kind: hydrant_pressure}
    when: {below: 0.1}
    class: supervisory
    escalate: {after: 2s}
"""
POINTS = [*smoke_points(3), "{point: hyd, name: 消火栓, kind: hydrant_pressure, fc: 3, register: 10, scale: 0.01}"]
SMOKE = "facp.smoke1/smoke"


def house(site, **more):
    site.broker_ = site.broker(persistence=True)
    console = site.console(site.broker_)
    eq = site.equipment()
    eq.set(3, 10, 50)
    d = site.daemon(site_text(site.folder, bus(eq.ports[0], POINTS), rules=SMOKE_RULE + CONFIRM_RULE + LOW, hubs=hub(site.broker_.port), **more)).hub_up()
    wait_for(lambda: d.points()["facp.hyd"]["quality"] == "good", what="the points")
    return console, eq, d


def done(d, *words):
    r = d.cli(*words, check=False)
    assert r.returncode == 0, (words, r.stdout, r.stderr)
    return r.stdout


def refused(d, *words, code=1):
    r = d.cli(*words, check=False)
    assert r.returncode == code, (words, r.stdout, r.stderr)
    return r.stderr + r.stdout


def event(console, **fields):
    return wait_for(lambda: console.events(**fields), what=str(fields))[-1]


def test_a_shelved_alarm_goes_on_marked_and_comes_back(site):
    console, eq, d = house(site)
    assert "--for" in refused(d, "shelve", "facp.hyd/low", code=2)
    assert "24 h at most" in refused(d, "shelve", "facp.hyd/low", "--for", "25h", code=2)
    assert "no alarm" in refused(d, "shelve", "facp.hyd/lo", "--for", "1h")
    done(d, "shelve", "facp.hyd/low", "--for", "1h", "--note", "换表")
    shelved = event(console, alarm="facp.hyd/low", transition="shelved")
    assert shelved["state"] == "normal" and shelved["shelved"] and shelved["shelved_until"] and shelved["note"] == "换表" and shelved["class"] == "supervisory"
    stands = event(console, alarm="facp.hyd/low/shelved", transition="raised")
    assert stands["class"] == "disablement" and stands["active"] and stands["cause"] == "person" and "换表" in stands["message"]["zh"] and stands["point"] == "facp.hyd"
    assert "already" in refused(d, "shelve", "facp.hyd/low", "--for", "1h")
    eq.set(3, 10, 5)
    raised = event(console, alarm="facp.hyd/low", transition="raised")
    assert raised["shelved"] is True
    assert "supervisory" not in d.cli("alarms").stdout and "supervisory" in d.cli("alarms", "--all").stdout
    done(d, "unshelve", "facp.hyd/low")
    assert event(console, alarm="facp.hyd/low", transition="unshelved")["cause"] == "person"
    done(d, "shelve", "facp.hyd/low", "--for", "3s")
    back = event(console, alarm="facp.hyd/low", transition="unshelved", cause="delay")
    shelved = event(console, alarm="facp.hyd/low", transition="shelved", note=None)
    assert back["shelved"] is False and back["state"] == "active"
    assert abs((parse(back["at"]) - parse(shelved["at"])) - 3) < 0.01  # the moment of its end, not when somebody looked
    gone = event(console, alarm="facp.hyd/low/shelved", transition="cleared", cause="delay")
    assert gone["state"] == "normal" and "facp.hyd/low/shelved" not in d.alarms()
    assert "not shelved" in refused(d, "unshelve", "facp.hyd/low")


def parse(at):
    import datetime
    return datetime.datetime.fromisoformat(at).timestamp()


def test_until_when_is_said_in_the_site_s_zone(site, monkeypatch):
    monkeypatch.setenv("TZ", "UTC0")
    console, _, d = house(site)
    for words, transition, field in ((("shelve", "facp.hyd/low"), "shelved", "shelved_until"), (("test", "all"), "test_start", "until")):
        said = re.search(r" until (\S+ \S+)$", done(d, *words, "--for", "1h").strip()).group(1)
        # The command's own clock is a moment before the daemon's: a minute may lie between.
        assert 0 <= parse(event(console, transition=transition)[field]) - parse(said.replace(" ", "T") + "+08:00") < 120


def test_what_nobody_acknowledges_escalates_once(site):
    console, eq, d = house(site)
    eq.set(3, 10, 5)
    e = event(console, alarm="facp.hyd/low", transition="escalated")
    raised = event(console, alarm="facp.hyd/low", transition="raised")
    assert e["state"] == e["from"] == "active" and e["cause"] == "delay" and not e["acked"] and abs(parse(e["at"]) - parse(raised["at"]) - 2) < 0.01
    assert "逾时未确认" in e["message"]["zh"]
    assert e["rev"] == raised["rev"] + 1 and e["occurrence"] == raised["id"]


def test_a_test_is_marked_counts_for_nothing_and_what_stands_after_it_is_real(site):
    console, eq, d = house(site)
    assert "4 h at most" in refused(d, "test", "zone=12-N", "--for", "5h", code=2)
    assert "no point fits" in refused(d, "test", "floor=9", "--for", "1h")
    done(d, "test", "zone=12-N", "--for", "1h", "--note", "季度测试")
    begun = event(console, transition="test_start")
    assert begun["class"] == "operation" and begun["mode"] == "test" and begun["select"] == "zone=12-N" and begun["note"] == "季度测试" and begun["alarm"] is None
    assert [t["select"] for t in d.status()["tests"]] == ["zone=12-N"] and d.status()["tests"][0]["mode"] == "test"
    eq.set(1, 0, [1, 1])
    assert event(console, alarm=SMOKE, transition="raised")["mode"] == "test" and event(console, alarm="facp.smoke2/smoke", transition="raised")["mode"] == "test"
    eq.set(1, 1, 0)
    event(console, alarm="facp.smoke2/smoke", transition="returned")
    assert not console.events(alarm="a.12-N/fire-confirmed")
    done(d, "test", "--end")
    again = event(console, alarm=SMOKE, transition="raised", mode="normal")
    assert again["state"] == "active" and again["from"] == "normal" and again["occurrence"] == again["id"]
    assert event(console, alarm=SMOKE, transition="removed")["mode"] == "test" and event(console, alarm="facp.smoke2/smoke", transition="removed")
    assert "facp.smoke2/smoke" not in d.alarms() and d.status()["tests"] == [] and event(console, transition="test_end")
    eq.set(1, 1, 1)
    assert event(console, alarm="a.12-N/fire-confirmed", transition="confirmed")["mode"] == "normal"
    assert "no test" in refused(d, "test", "--end")


def test_a_drill_ends_by_itself_also_over_a_restart(site):
    console, eq, d = house(site)
    done(d, "test", "all", "--for", "20s", "--drill")
    assert event(console, transition="drill_start", durable=True)["mode"] == "drill"
    eq.set(1, 0, 1)
    assert event(console, alarm=SMOKE, transition="raised")["mode"] == "drill"
    d.kill()
    d.start()
    wait_for(lambda: d.status()["tests"], what="the drill goes on")
    again = event(console, alarm=SMOKE, transition="raised", mode="normal")
    begun, ended = event(console, transition="drill_start"), event(console, transition="drill_end")
    assert ended["cause"] == "delay" and abs(parse(ended["at"]) - parse(begun["at"]) - 20) < 0.01 and again["at"] == ended["at"]


def test_a_point_out_of_service_counts_for_nothing_until_it_is_in_again(site):
    console, eq, d = house(site)
    done(d, "service", "facp.smoke2", "out", "--note", "进水")
    assert event(console, alarm="facp.smoke2/out-of-service", transition="raised")["class"] == "disablement"
    assert event(console, transition="service_out", durable=True)["note"] == "进水"
    assert "already" in refused(d, "service", "facp.smoke2", "out")
    eq.set(1, 0, [1, 1])
    assert event(console, alarm="facp.smoke2/smoke", transition="raised")["out_of_service"] is True
    assert event(console, alarm=SMOKE, transition="raised")["out_of_service"] is False
    d.kill()
    d.start().hub_up()
    wait_for(lambda: "facp.smoke2/out-of-service" in d.alarms(), what="out of service after a restart")
    wait_for(lambda: d.points()["facp.smoke2"]["quality"] == "good", what="its point is read again")
    done(d, "selftest")
    event(console, transition="selftest")  # what was decided before it has come
    assert not console.events(alarm="a.12-N/fire-confirmed")
    done(d, "service", "facp.smoke2", "in")
    assert event(console, alarm="a.12-N/fire-confirmed", transition="confirmed")["members"] == ["facp.smoke1", "facp.smoke2"]
    assert event(console, alarm="facp.smoke2/out-of-service", transition="cleared") and event(console, transition="service_in")
    # Consoles go by the flags of the latest event: it is told once more, or it would be set aside for as long as it stands.
    again = event(console, alarm="facp.smoke2/smoke", transition="unsuppressed")
    assert again["out_of_service"] is False and again["active"] and again["message"]["zh"].startswith("恢复运行")
    listed = [json.loads(row) if isinstance(row, str) else row for row in json.loads(done(d, "alarms", "--json"))]
    assert "facp.smoke2/smoke" in [row["alarm"] for row in listed]
    # And the other way round: what stands is not heard any more.
    done(d, "service", "facp.smoke2", "out")
    again = event(console, alarm="facp.smoke2/smoke", transition="suppressed")
    assert again["out_of_service"] is True and again["active"] and again["suppressed"] is False and again["message"]["zh"].startswith("已屏蔽")
    listed = {row["alarm"]: row for row in json.loads(done(d, "alarms", "--json"))}
    assert listed["facp.smoke2/smoke"]["out_of_service"] is True and "facp.smoke2/smoke" not in done(d, "alarms")


def test_a_verdict_belongs_to_the_occurrence_also_when_it_is_over(site):
    console, eq, d = house(site)
    assert "never raised" in refused(d, "verify", SMOKE, "false")
    assert "no verdict" in refused(d, "verify", SMOKE, "wrong", code=2)
    eq.set(1, 0, 1)
    raised = event(console, alarm=SMOKE, transition="raised")
    eq.set(1, 0, 0)
    event(console, alarm=SMOKE, transition="returned")
    done(d, "ack", SMOKE)
    event(console, alarm=SMOKE, transition="cleared")
    done(d, "verify", SMOKE, "false", "--cause", "装修粉尘", "--note", "12 层")
    v = event(console, alarm=SMOKE, transition="verified")
    assert v["verdict"] == {"what": "false", "cause": "装修粉尘"} and v["occurrence"] == raised["id"] and v["state"] == "normal" and v["note"] == "12 层" and v["cause"] == "person"
    assert SMOKE not in d.alarms()
    eq.set(1, 0, 1)
    second = wait_for(lambda: [e for e in console.events(alarm=SMOKE, transition="raised") if e["id"] != raised["id"]], what="the next one")[0]
    assert "verdict" not in second and second["occurrence"] != raised["id"]


def test_a_person_reports_and_it_stands_until_it_is_reset(site):
    console, _, d = house(site)
    assert "--floor" in refused(d, "raise", "fire", code=2)
    assert "33" not in refused(d, "raise", "fire", "--floor", "33", code=2) and "32 floors" in refused(d, "raise", "fire", "--floor", "33", code=2)
    assert "no building" in refused(d, "raise", "fire", "--floor", "3", "--building", "z")
    assert "nothing to report" in refused(d, "raise", "actuation", "--floor", "3", code=2)
    done(d, "raise", "fire", "--building", "a", "--floor", "3", "--note", "茶水间冒烟")
    id = "_manual.a.3/fire"
    raised = event(console, alarm=id, transition="raised", durable=True)
    assert raised["class"] == "fire" and raised["hazard"] == "fire" and raised["cause"] == "manual" and raised["floor"] == "3" and raised["building"] == "a" and raised["rule"] == "fire"
    assert "茶水间冒烟" in raised["message"]["zh"] and raised["actor"] and raised["point"] is None
    assert "already" in refused(d, "raise", "fire", "--floor", "3")
    assert "acknowledge" in refused(d, "reset", id)
    d.kill()
    d.start()
    wait_for(lambda: id in d.alarms(), what="the report after a restart")
    done(d, "ack", id)
    done(d, "reset", id)
    assert event(console, alarm=id, transition="cleared")["state"] == "normal" and id not in d.alarms()
    done(d, "raise", "fire", "--floor", "3")
    second = wait_for(lambda: [e for e in console.events(alarm=id, transition="raised") if e["id"] != raised["id"]], what="reported again")[0]
    assert second["rev"] > raised["rev"] + 2


def test_duty_is_kept_and_too_few_are_a_fault(site):
    console, _, d = house(site)
    assert d.status()["duty"] is None and "_gw.duty/unstaffed" not in d.alarms()
    assert "nobody ever" in done(d, "duty", "show")
    done(d, "duty", "on", "李明")
    assert event(console, transition="duty_on")["message"]["zh"].startswith("李明 上岗")
    assert event(console, alarm="_gw.duty/unstaffed", transition="raised")["class"] == "fault"
    done(d, "duty", "on", "王芳")
    event(console, alarm="_gw.duty/unstaffed", transition="returned")
    assert d.status()["duty"]["on"] == 2
    assert "already" in refused(d, "duty", "on", "王芳") and "not on duty" in refused(d, "duty", "off", "赵六")
    done(d, "duty", "handover", "赵六", "--from", "李明", "--note", "2 号泵检修中")
    assert event(console, transition="handover", durable=True)["message"]["en"] == "李明 hands over to 赵六"
    d.kill()
    d.start()
    wait_for(lambda: d.status()["duty"], what="duty after a restart")
    shown = done(d, "duty", "show")
    assert "赵六" in shown and "王芳" in shown and "2 号泵检修中" in shown
    assert {p["name"] for p in json.loads(done(d, "duty", "show", "--json"))["on"]} == {"赵六", "王芳"}
    assert "no duty check" in refused(d, "duty", "answer")


def test_silence_lasts_until_a_new_fire(site):
    console, eq, d = house(site)
    done(d, "silence", "--note", "已知")
    assert event(console, transition="silence")["note"] == "已知" and d.status()["silenced"]["by"]
    eq.set(3, 10, 5)
    event(console, alarm="facp.hyd/low", transition="raised")
    assert d.status()["silenced"]
    eq.set(1, 0, 1)
    event(console, alarm=SMOKE, transition="raised")
    assert d.status()["silenced"] is None


def test_a_fire_that_is_stored_late_does_not_sound_again(site):
    broker = site.broker()
    console, eq, fault = site.console(broker), site.equipment(), site.folder / "fault"
    fault.write_text("ok")
    d = site.daemon(site_text(site.folder, bus(eq.ports[0], smoke_points(2)), rules=SMOKE_RULE, hubs=hub(broker.port)), start=False, program="firegwd-faulty")
    d.start(env={"FIREGW_FAULT": str(fault)})
    d.hub_up()
    set_fault(fault, "fail", d)
    eq.set(1, 0, 1)
    wait_for(lambda: console.events(alarm=SMOKE, durable=False), what="the fire, before it is stored")
    done(d, "silence")
    assert d.status()["silenced"]
    set_fault(fault, "ok")
    wait_for(lambda: console.events(alarm=SMOKE, durable=True), what="the fire, stored")
    assert d.status()["silenced"]


def test_how_many_must_be_on_duty_is_judged_anew_by_a_reload(site):
    console, _, d = house(site)
    done(d, "duty", "on", "李明")
    event(console, alarm="_gw.duty/unstaffed", transition="raised")
    text = d.site.read_text()
    d.site.write_text(text.replace("  timezone:", "  duty: {least: 1}\n  timezone:"))
    d.signal(signal.SIGHUP)
    event(console, alarm="_gw.duty/unstaffed", transition="returned")
    d.site.write_text(text)
    d.signal(signal.SIGHUP)
    event(console, alarm="_gw.duty/unstaffed", transition="reraised")


def test_the_selftest_goes_to_the_hub_and_back(site):
    console, _, d = house(site)
    out = json.loads(done(d, "selftest", "--json"))
    assert out["ok"] and out["stored_ms"] > 0 and out["hubs"][0]["ok"] and out["hubs"][0]["ms"] >= out["stored_ms"]
    e = event(console, transition="selftest")
    assert e["mode"] == "test" and e["class"] == "operation"
    assert "acknowledged" in done(d, "selftest")
    site.broker_.kill()
    r = d.cli("selftest", "--json", check=False)
    assert r.returncode == 1 and not json.loads(r.stdout)["hubs"][0]["ok"]


def test_how_the_gateway_is_fed_is_told_where_points_say_so(site):
    broker = site.broker()
    console = site.console(broker)
    eq = site.equipment()
    eq.set(3, 20, [0, 0])
    points = [*smoke_points(1), "{point: mains, kind: mains_power, fc: 3, register: 20, enum: 0=normal|1=lost, tags: gateway}",
              "{point: battery, kind: backup_power, fc: 3, register: 21, enum: 0=normal|1=low, tags: gateway}", "{point: other, kind: mains_power, fc: 3, register: 22, enum: 0=lost|1=normal}"]
    d = site.daemon(site_text(site.folder, bus(eq.ports[0], points), rules=SMOKE_RULE, hubs=hub(broker.port))).hub_up()
    wait_for(lambda: d.status()["power"] == {"mains": True, "battery": True}, what="both are well")
    assert not console.events(transition="power")
    eq.set(3, 20, 1)
    assert event(console, alarm="_gw.power/mains", transition="raised")["class"] == "fault" and d.status()["power"]["mains"] is False
    assert "mains supply is lost" in event(console, transition="power")["message"]["en"]
    eq.set(3, 20, 0)
    event(console, alarm="_gw.power/mains", transition="returned")
    eq.set(3, 21, 1)
    assert event(console, alarm="_gw.power/battery", transition="raised") and d.status()["power"] == {"mains": True, "battery": False}


def test_who_may_what(site):
    """A viewer looks, an operator shelves but no fire, a maintainer shelves a fire, tests and takes out of service."""
    eq = site.equipment()
    eq.set(3, 10, 50)
    text = site_text(site.folder, bus(eq.ports[0], POINTS), rules=SMOKE_RULE + LOW)
    site.daemon(text.replace("fw.sock}", "fw.sock, operators: games, maintainers: staff}"))
    if os.geteuid() != 0:
        pytest.skip("needs another user to be")

    def run(group, *words):
        return as_nobody(site.folder, *words, groups=[group] if group else [])

    for words in (("shelve", "facp.hyd/low", "--for", "1h"), ("silence",), ("raise", "fault", "--floor", "3"), ("duty", "on"), ("selftest",), ("verify", SMOKE, "false")):
        code, said = run(None, *words)
        assert code == 1 and "games" in said, (words, said)
    assert run(None, "duty", "show")[0] == 0
    assert run("games", "shelve", "facp.hyd/low", "--for", "1h")[0] == 0
    assert run("games", "unshelve", "facp.hyd/low")[0] == 0
    assert run("games", "silence")[0] == 0
    for words in (("shelve", SMOKE, "--for", "1h"), ("test", "all", "--for", "1h"), ("service", "facp.smoke1", "out")):
        code, said = run("games", *words)
        assert code == 1 and "staff" in said, (words, said)
    assert run("staff", "shelve", SMOKE, "--for", "1h")[0] == 0
    assert run("games", "unshelve", SMOKE)[0] == 1 and run("staff", "unshelve", SMOKE)[0] == 0
    assert run("staff", "service", "facp.smoke1", "out")[0] == 0 and run("staff", "test", "all", "--for", "1h")[0] == 0


TEXT, FLAG, NUMBER = "must be a text", "must be true or false", "must be an integer"
ARGUMENTS = {
    "ack": {"alarm": TEXT, "note": TEXT}, "reset": {"alarm": TEXT, "note": TEXT}, "shelve": {"alarm": TEXT, "for": NUMBER, "note": TEXT}, "unshelve": {"alarm": TEXT, "note": TEXT},
    "verify": {"alarm": TEXT, "what": TEXT, "cause": TEXT, "note": TEXT}, "service": {"point": TEXT, "what": TEXT, "note": TEXT}, "silence": {"note": TEXT},
    "test": {"end": FLAG, "drill": FLAG, "select": TEXT, "for": NUMBER, "note": TEXT}, "raise": {"class": TEXT, "building": TEXT, "floor": TEXT, "note": TEXT},
    "duty": {"what": TEXT, "name": TEXT, "from": TEXT, "note": TEXT}, "hub-resend": {"hub": TEXT, "note": TEXT}, "alarms": {"all": FLAG, "select": TEXT}, "points": {"bad": FLAG, "follow": FLAG},
    "events": {"follow": FLAG, "since": NUMBER},
}
WHOLE = {
    "ack": {"alarm": SMOKE}, "reset": {"alarm": SMOKE}, "shelve": {"alarm": "facp.hyd/low", "for": 3600000}, "unshelve": {"alarm": "facp.hyd/low"}, "verify": {"alarm": SMOKE, "what": "real"},
    "service": {"point": "facp.smoke1", "what": "out"}, "test": {"select": "all", "for": 3600000}, "raise": {"class": "fire", "floor": "3"}, "duty": {"what": "on", "name": "li"}, "hub-resend": {"hub": "district"},
}


def test_arguments_of_the_wrong_type_are_refused_by_name(site):
    eq = site.equipment()
    eq.set(3, 10, 50)
    d = site.daemon(site_text(site.folder, bus(eq.ports[0], POINTS), rules=SMOKE_RULE + LOW))
    for verb, wanted in ARGUMENTS.items():
        for key, want in wanted.items():
            wrong = [7, True, ["x"], {"x": 1}] if want == TEXT else ["yes", 1, []] if want == FLAG else ["1h", True, 1.5]
            for value in wrong:
                rows, end = d.ask(verb, **{**WHOLE.get(verb, {}), key: value})
                assert f"'{key}' {want}" in str(end.get("error")), (verb, key, value, end)
    for verb, args in WHOLE.items():
        for key in args:
            if key in ("for", "name"):
                continue
            left = {k: v for k, v in args.items() if k != key}
            for more, what in (({}, "is missing"), ({key: ""}, "is empty"), ({key: " \u3000"}, "is empty"), ({key: "a\u001b[2Jb"}, "control character (U+001B)"), ({key: "a\u202eb"}, "control character (U+202E)")):
                rows, end = d.ask(verb, **left, **more)
                assert f"'{key}' " in str(end.get("error")) and what in str(end.get("error")), (verb, key, more, end)
    for name in ("", " ", "\u3000", " li", "li ", "li\n", "a\u009bb", "x" * 64):
        rows, end = d.ask("duty", what="on", name=name)
        assert "'name' " in str(end.get("error")), (name, end)
    for note in ("\u001b]0;x\u0007", "x" * 1001):
        assert "'note' " in str(d.ask("silence", note=note)[1]["error"])
    assert not d.ask("silence", note="一\n二\t三")[1].get("error")
    # Nothing came of any of it.
    status = d.status()
    assert status["duty"] is None and not status["tests"] and not d.alarms()


def test_a_report_is_verified_also_after_its_reset_and_a_restart(site):
    console, _, d = house(site)
    done(d, "raise", "fire", "--floor", "12", "--note", "茶水间有烟")
    raised = event(console, alarm="_manual.a.12/fire", transition="raised")
    done(d, "ack", "_manual.a.12/fire")
    done(d, "reset", "_manual.a.12/fire")
    event(console, alarm="_manual.a.12/fire", transition="cleared", durable=True)
    d.kill()
    d.start().hub_up()
    done(d, "verify", "_manual.a.12/fire", "false", "--cause", "水壶蒸汽")
    verified = event(console, alarm="_manual.a.12/fire", transition="verified")
    assert verified["occurrence"] == raised["occurrence"] and verified["state"] == "normal" and verified["verdict"] == {"what": "false", "cause": "水壶蒸汽"}
    assert "_manual.a.12/fire" not in d.alarms()
