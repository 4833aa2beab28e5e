"""A month of the simulated tower with people in it (tests/sim/tower_month.c): every figure of its report against a count made from what came over MQTT, and from nothing else.

What events do not tell, and is therefore not counted here:
- that a report sampled its durations, or left anything out (`sampled`, `left_out`, `uncounted`, `events_left_out`): the month is too small for that (tests/unit/gateway/test_report_limits.c);
- duty checks and their answers: the gateway does not take them from a hub yet; they are 0 here, and counted in test_report.py;
- `at`, `node`, `v`: of the report itself.
Only shares and means have a tolerance, that of a double's last digits."""
import pytest

import month_count
import tower_life
from tower_life import BEGIN, MONTH, events_of

pytestmark = pytest.mark.xdist_group("month")  # lived through once
SEED = 6
POLL = 1200


@pytest.fixture(scope="module")
def tower(tmp_path_factory):
    folder = tmp_path_factory.mktemp("month")
    seen = tower_life.live(folder, SEED, POLL, timeout=1200)
    return folder, seen, *tower_life.check(folder, seen)


def test_every_figure(tower):
    """The fixture compared them. What the hub has of the month at last is the same, without names."""
    _, seen, _, report = tower
    sent = [s["payload"] for s in seen if s["hub"] == "district" and s["topic"].endswith("/report/" + MONTH)][-1]
    assert sent["complete"] is True
    assert {**report["duty"], "people": None} == {**sent["duty"], "people": None} and "people" not in sent["duty"]
    for key in month_count.TOP - {"duty", "at", "v", "gateway", "node"}:
        assert sent[key] == report[key], key


def test_holds_several_of_everything(tower):
    """What never happens is not tested."""
    _, _, count, r = tower
    per_class = {x["class"]: x for x in r["alarms"]["classes"]}
    times, availability, disabled, duty, load = (r[k] for k in ("times", "availability", "disablement", "duty", "load"))
    some = {cls + " raised": per_class[cls]["raised"] for cls in month_count.CALLS}
    some |= {key: sum(x[key] for x in r["alarms"]["classes"]) for key in ("reraised", "escalated", "hidden")}
    some |= {"verdict " + v: sum(x["verdicts"][v] for x in r["alarms"]["classes"]) for v in ("real", "false", "test", "drill", "none")}
    some |= {f"{m} {key}": times[m]["all"][key] for m in month_count.MEASURES for key in ("count", "never", "waiting")}
    some |= {"not needed": times["acknowledge"]["all"]["not_needed"], "repair": times["repair"]["count"], "causes": r["alarms"]["causes"]["n"]}
    some |= {"in " + mode: sum(r["alarms"][mode].values()) for mode in ("test", "drill")}
    some |= {key: len(availability[key]["list"]) for key in ("devices", "lines", "hubs")}
    some |= {key: availability["itself"][key] for key in ("stopped", "died")}
    some |= {what: sum(x["what"] == what for x in disabled["disabled"]["list"]) for what in ("shelved", "out-of-service", "disabled")}
    some |= {what + " at the end": sum(x["what"] == what for x in disabled["beside"]["list"]) for what in ("shelved", "out-of-service", "disabled", "test", "drill")}
    some |= {key: disabled[key] for key in ("tests", "drills")} | {key: duty[key] for key in ("on", "off", "handovers")}
    some |= {"people": duty["people"]["n"], "own faults": r["own_faults"]["n"], "floods": r["floods"]["n"]}
    some |= {"chattering": sum(x["chattering"] for x in r["chatterers"]["list"]), "over": load["windows_over"], "standing": load["standing"]["n"], "stale": load["stale"]}
    some |= {"days": sum(any(d[c] for c in month_count.CALLS) for d in r["days"]), "hours": sum(map(bool, r["hours"]))}
    some |= {t: r["operations"].get(t, 0) for t in ("silence", "service_out", "service_in", "config_loaded", "config_refused", "test_end", "drill_end", "flood_end")}
    some |= {"manual": sum(e["cause"] == "manual" and e["transition"] == "raised" for _, e in count.month)}
    single = {key for key, n in some.items() if n == 1}
    assert min(some.values()) > 0, {k: n for k, n in some.items() if not n}
    assert single <= {"config_refused", *(k for k in some if k.endswith(" at the end"))}, single
    began = {e["alarm"] for _, e in count.events if e["transition"] in ("raised", "confirmed") and month_count.ms(e["at"]) < BEGIN}
    assert len(began & {e["alarm"] for _, e in count.month if e["transition"] in ("returned", "cleared", "removed")}) > 3, "what stood when the month began"


def test_what_came_late_is_counted_when_it_was(tower):
    """The district's hub was away for hours: what happened meanwhile came later, complete, and its figures are of its own time."""
    _, seen, count, _ = tower
    late = [s["payload"] for s in seen if s["hub"] == "district" and "/event/" in s["topic"] and s["received"] - month_count.ms(s["payload"]["at"]) > 1200000]
    assert len({e["id"] for e in late}) > 5
    told = {e["id"] for e in events_of(seen, "brigade")}
    assert told == {e["id"] for _, e in count.all if e["class"] in ("fire", "fault")}, "the brigade, away for a day, has all of its two classes too"
