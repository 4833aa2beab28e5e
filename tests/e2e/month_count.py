"""The month's report, counted once more from the events alone (docs/mqtt.md, docs/report.md): plain, and with nothing of the product's code."""
import collections
import datetime
import json
import math
import sqlite3
import zoneinfo

import pytest

CALLS = ("fire", "prealarm", "supervisory", "fault")
MEASURES = ("acknowledge", "verify", "return")


def epoch(zone, *date):
    return int(datetime.datetime(*date, tzinfo=zoneinfo.ZoneInfo(zone)).timestamp() * 1000)


def ms(text):
    """A time of a message as epoch milliseconds; None stays."""
    return None if text is None else round(datetime.datetime.fromisoformat(text).timestamp() * 1000)


class Count:
    """Walks the events in plain Python: every list is kept whole, nothing streams."""

    def __init__(self, rows, zone, year, month):
        """rows: (epoch ms, event), in the order of n."""
        self.zone = zoneinfo.ZoneInfo(zone)
        self.begin = epoch(zone, year, month, 1)
        self.end = epoch(zone, year + month // 12, month % 12 + 1, 1)
        self.all = rows
        self.events = [(at, e) for at, e in self.all if at < self.end]
        self.first = max(self.begin, self.events[0][0])
        self.month = [(at, e) for at, e in self.events if at >= self.begin]

    @classmethod
    def of_database(cls, path, *month):
        with sqlite3.connect(f"file:{path}?mode=ro", uri=True) as db:
            rows = db.execute("SELECT at, body FROM v_events ORDER BY n").fetchall()
        return cls([(at, json.loads(body)) for at, body in rows], *month)

    @classmethod
    def of_messages(cls, events, *month):
        """What a hub got, of one log: an event that came twice is one, and one that was told before it was stored is the stored one."""
        stored = {e["n"]: e for e in events if e["n"] is not None}
        assert sorted(stored) == list(range(1, len(stored) + 1)), "the numbers have no gap"
        assert {e["id"] for e in events} == {e["id"] for e in stored.values()}, "what was told early was stored"
        return cls([(ms(stored[n]["at"]), stored[n]) for n in sorted(stored)], *month)

    def inside(self, at):
        return self.begin <= at < self.end

    def overlap(self, a, b):
        return max(0, min(b, self.end) - max(a, self.first))

    def stood(self, spans):
        return sum(self.overlap(f, self.end if t is None else t) for f, t, _, _ in spans)

    def occurrences(self):
        """Each with its events; an event of none belongs to none."""
        by = {}
        for at, e in self.events:
            if e["occurrence"] is not None:
                by.setdefault((e["alarm"], e["occurrence"]), []).append((at, e))
        return by

    def standing(self):
        """alarm -> list of (from, to or None, ended by, event that began it)"""
        spans = collections.defaultdict(list)
        for at, e in self.events:
            if e["alarm"] is None:
                continue
            up = e["state"] in ("active", "acked")
            mine = spans[e["alarm"]]
            is_open = bool(mine) and mine[-1][1] is None
            if up and not is_open:
                mine.append([at, None, None, e])
            elif not up and is_open:
                mine[-1][1:3] = [at, e["transition"]]
        return {a: mine for a, mine in spans.items() if mine}


def rank(values, percent):
    ordered = sorted(values)
    return ordered[max(0, math.ceil(len(ordered) * percent / 100) - 1)] if ordered else None


def count_times(c):
    took = {m: collections.defaultdict(list) for m in MEASURES}
    never, waiting, unneeded = ({m: collections.Counter() for m in MEASURES} for _ in range(3))
    for (_, _), events in c.occurrences().items():
        raised_at, raised = events[0]
        cls = raised["class"]
        if raised["mode"] != "normal":
            continue
        acks = [at for at, e in events if e["transition"] == "acknowledged"]
        verdicts = [at for at, e in events if e["transition"] == "verified"]
        ends = [(at, e["transition"]) for at, e in events if e["transition"] in ("cleared", "removed")]
        lived = not ends or ends[0][0] >= c.begin
        if acks and c.inside(acks[0]):
            took["acknowledge"][cls].append(acks[0] - raised_at)
        if verdicts and c.inside(verdicts[0]):
            took["verify"][cls].append(verdicts[0] - raised_at)
        if lived and not verdicts:
            (never if ends else waiting)["verify"][cls] += 1
        if lived and not acks:
            (unneeded if ends and ends[0][1] == "cleared" else never if ends else waiting)["acknowledge"][cls] += 1
    for spans in c.standing().values():
        for begun, ended, how, e in spans:
            if e["mode"] != "normal":
                continue
            if ended is None:
                waiting["return"][e["class"]] += 1
            elif c.inside(ended):
                if how == "removed":
                    never["return"][e["class"]] += 1
                else:
                    took["return"][e["class"]].append(ended - begun)
    return took, never, waiting, unneeded


def check_times(c, r):
    took, never, waiting, unneeded = count_times(c)

    def check(got, values, name, *counts):
        assert got["count"] == len(values), name
        for key, want in (("median_ms", rank(values, 50)), ("p90_ms", rank(values, 90)), ("max_ms", max(values, default=None))):
            assert got[key] == want, (name, key)
        assert (got["never"], got["waiting"]) == counts, name

    for m in MEASURES:
        got = r["times"][m]
        everyone = [v for k in CALLS for v in took[m][k]]
        assert {"all", *took[m], *never[m], *waiting[m], *unneeded[m]} == set(got), m
        check(got["all"], everyone, m, sum(never[m][k] for k in CALLS), sum(waiting[m][k] for k in CALLS))
        for cls in set(got) - {"all"}:
            check(got[cls], took[m][cls], (m, cls), never[m][cls], waiting[m][cls])
    for cls, got in r["times"]["acknowledge"].items():
        assert got["not_needed"] == (sum(unneeded["acknowledge"][k] for k in CALLS) if cls == "all" else unneeded["acknowledge"][cls]), cls
    for x in r["alarms"]["classes"]:
        assert x["verdicts"]["none"] == never["verify"][x["class"]] + waiting["verify"][x["class"]], x["class"]
    check(r["times"]["repair"], took["return"]["fault"], "repair", never["return"]["fault"], waiting["return"]["fault"])


def check_alarms(c, r):
    raised, again, escalated, hidden, apart = (collections.Counter() for _ in range(5))
    devices, rules, chatter = collections.defaultdict(collections.Counter), collections.defaultdict(collections.Counter), collections.defaultdict(collections.Counter)
    for at, e in c.month:
        t, cls = e["transition"], e["class"]
        begins = t in ("raised", "confirmed")
        if begins and e["mode"] != "normal":
            apart[e["mode"], cls] += 1
        if e["alarm"] is None or e["mode"] != "normal":
            continue
        escalated[cls] += t == "escalated"
        chatter[e["alarm"]]["chattering"] += t == "chattering"
        if not begins and t != "reraised":
            continue
        (raised if begins else again)[cls] += 1
        hidden[cls] += begins and (e["shelved"] or e["out_of_service"] or e["suppressed"])
        device = e["alarm"][11:].split("/")[0] if e["alarm"].startswith("_gw.device-") else (e["point"] or "").split(".")[0]
        for names, name in ((devices, device), (rules, e["rule"])):
            if name:
                names[name]["raised" if begins else "reraised"] += 1
                if begins:
                    names[name][cls] += 1
        chatter[e["alarm"]]["raised" if begins else "reraised"] += 1
    got = {x["class"]: x for x in r["alarms"]["classes"]}
    for cls, x in got.items():
        assert (x["raised"], x["reraised"], x["escalated"], x["hidden"]) == (raised[cls], again[cls], escalated[cls], hidden[cls]), cls
    assert r["alarms"]["raised"] == sum(raised.values()) > 0
    for mode in ("test", "drill"):
        assert r["alarms"][mode] == {cls: n for (m, cls), n in apart.items() if m == mode}
    assert apart, "the months hold no test"
    for key, name, want in (("devices", "device", devices), ("rules", "rule", rules)):
        assert r[key]["left_out"] == 0
        got = {x.pop(name): collections.Counter(x) for x in json.loads(json.dumps(r[key]["list"]))}
        assert got == want, key
        order = [x["raised"] + x["reraised"] for x in r[key]["list"]]
        assert order == sorted(order, reverse=True)
    many = {a: n for a, n in chatter.items() if n["raised"] + n["reraised"]}
    assert r["chatterers"]["n"] == len(many)
    spans = c.standing()
    for x in r["chatterers"]["list"]:
        want = many[x["alarm"]]
        mine = [(at, e) for at, e in c.events if e["alarm"] == x["alarm"]]
        assert (x["name"], x["class"]) == (mine[-1][1]["name"], mine[-1][1]["class"]), x["alarm"]
        assert x["times"] == max(e.get("times") or 0 for at, e in mine if at >= c.begin), x["alarm"]
        assert x["standing_ms"] == c.stood(spans[x["alarm"]]), x["alarm"]
        assert (x["raised"], x["reraised"], x["chattering"]) == (want["raised"], want["reraised"], want["chattering"]), x["alarm"]
    assert [x["raised"] + x["reraised"] for x in r["chatterers"]["list"]] == sorted((n["raised"] + n["reraised"] for n in many.values()), reverse=True)[:50]


def check_verdicts(c, r):
    last = {}
    for (alarm, occurrence), events in c.occurrences().items():
        found = [(at, e) for at, e in events if e["transition"] == "verified"]
        if found and c.inside(found[-1][0]) and events[0][1]["mode"] == "normal":
            last[alarm, occurrence] = found[-1][1]
    verdicts = collections.Counter((e["class"], e["verdict"]["what"]) for e in last.values())
    causes = collections.Counter((e["verdict"]["what"], e["verdict"]["cause"]) for e in last.values() if e["verdict"]["cause"])
    for x in r["alarms"]["classes"]:
        for what in ("real", "false", "test", "drill"):
            assert x["verdicts"][what] == verdicts[x["class"], what], (x["class"], what)
    assert {(x["what"], x["cause"]): x["count"] for x in r["alarms"]["causes"]["list"]} == causes
    assert sum(verdicts.values()) > 10


def check_availability(c, r):
    spans = c.standing()
    whole = c.end - c.first
    own = {a: s for a, s in spans.items() if a.startswith("_gw.")}
    for key, thing, what in (("devices", "device", "silent"), ("lines", "bus", "down"), ("hubs", "hub", "unreachable")):
        want = {}
        for a, s in own.items():
            if a.startswith(f"_gw.{thing}-") and a.endswith("/" + what):
                parts = [c.overlap(f, c.end if t is None else t) for f, t, _, _ in s]
                if sum(parts) or any(c.inside(f) for f, _, _, _ in s):
                    want[a[5 + len(thing):].split("/")[0]] = (sum(parts), sum(c.inside(f) for f, _, _, _ in s), max(parts), s[-1][1] is None)
        got = {x["name"]: (x["down_ms"], x["times"], x["longest_ms"], x["down"]) for x in r["availability"][key]["list"]}
        assert got == want, key
        for x in r["availability"][key]["list"]:
            assert x["share"] == pytest.approx(1 - x["down_ms"] / whole)
    want = {a: (c.stood(s), sum(c.inside(f) for f, _, _, _ in s)) for a, s in own.items()}
    assert {x["alarm"]: (x["standing_ms"], x["times"]) for x in r["own_faults"]["list"]} == {a: w for a, w in want.items() if any(w)}
    gaps = {True: [], False: []}
    for (a, x), (b, y) in zip(c.all, c.all[1:]):
        if x["boot"] != y["boot"] and a < c.end and (lost := c.overlap(a, b)):
            gaps[x["transition"] == "stopped"].append(lost)
    itself = r["availability"]["itself"]
    assert (itself["stopped"], itself["stopped_ms"], itself["died"], itself["died_ms"]) == (len(gaps[True]), sum(gaps[True]), len(gaps[False]), sum(gaps[False]))
    assert itself["offline_ms"] == sum(gaps[True]) + sum(gaps[False]) > 0
    assert itself["longest_ms"] == max(gaps[True] + gaps[False])
    assert itself["share"] == pytest.approx(1 - itself["offline_ms"] / whole)
    assert itself["starts"] == sum(e["transition"] == "started" for _, e in c.month)


def check_disabled(c, r):
    d = r["disablement"]
    want, still = {}, {}
    for a, s in c.standing().items():
        if s[-1][3]["class"] != "disablement":
            continue
        of, what = a.rsplit("/", 1)
        if what not in ("shelved", "out-of-service"):
            of, what = a, "disabled"
        if any(now := (c.stood(s), sum(c.inside(f) for f, _, _, _ in s))):
            want[what, of] = now
        if s[-1][1] is None:
            last = [e for _, e in c.events if e["alarm"] == a][-1]
            still[what, of] = s[-1][0], ms(last.get("shelved_until"))
    assert {(x["what"], x["of"]): (x["ms"], x["times"]) for x in d["disabled"]["list"]} == want
    assert d["ms"] == sum(t for t, _ in want.values()) > 0
    for mode, key in (("test", "tests"), ("drill", "drills")):
        n = lasted = 0
        begun = []
        for at, e in c.events:
            if e["transition"] == mode + "_start":
                begun.append((at, e["select"], ms(e.get("until"))))
                n += c.inside(at)
            elif e["transition"] == mode + "_end":
                over = next(x for x in begun if e.get("select") in (None, x[1]))
                begun.remove(over)
                lasted += c.overlap(over[0], at)
        lasted += sum(c.overlap(at, c.end) for at, _, _ in begun)
        still.update({(mode, select): (at, until) for at, select, until in begun})
        assert (d[key], d[key + "_ms"]) == (n, lasted), mode
    assert {(x["what"], x["of"]): (ms(x["since"]), ms(x["until"])) for x in d["beside"]["list"]} == still


def check_duty(c, r):
    d = r["duty"]
    n = collections.Counter(e["transition"] for _, e in c.month)
    assert (d["checks"], d["answered"], d["missed"], d["on"], d["off"], d["handovers"]) == tuple(n[k] for k in ("duty_check", "duty_answer", "duty_missed", "duty_on", "duty_off", "handover"))
    waiting, took = collections.deque(maxlen=64), []
    for at, e in c.events:
        if e["transition"] == "duty_check":
            waiting.append(at)
        elif e["transition"] in ("duty_answer", "duty_missed") and waiting:
            asked = waiting.popleft()
            if e["transition"] == "duty_answer" and c.inside(at):
                took.append(at - asked)
    assert d["answer"]["count"] == len(took)
    assert (d["answer"]["median_ms"], d["answer"]["p90_ms"], d["answer"]["max_ms"]) == (rank(took, 50), rank(took, 90), max(took, default=None))
    check_people(c, d["people"])


def check_people(c, got):
    """Of acknowledgements the first of each occurrence counts; neither those nor verdicts of tests and drills."""
    words = {"duty_on": "on", "duty_off": "off", "handover": "handover", "duty_answer": "answers"}
    people = collections.defaultdict(collections.Counter)
    for _, e in c.month:
        if e["transition"] in words:
            people[e["actor"]][words[e["transition"]]] += 1
    for events in c.occurrences().values():
        if events[0][1]["mode"] != "normal":
            continue
        acks = [(at, e) for at, e in events if e["transition"] == "acknowledged"]
        for key, done in (("acknowledged", acks[:1]), ("verified", [(at, e) for at, e in events if e["transition"] == "verified"])):
            for at, e in done:
                if c.inside(at) and e["actor"]:
                    people[e["actor"]][key] += 1
    assert {x["name"]: {k: v for k, v in x.items() if k != "name" and v} for x in got["list"]} == people


def check_load(c, r):
    load = r["load"]
    calls = [(at, e) for at, e in c.month if e["transition"] in ("raised", "confirmed", "reraised") and e["class"] in CALLS and e["mode"] == "normal"
             and not (e["shelved"] or e["out_of_service"] or e["suppressed"])]
    windows = collections.Counter((at - c.begin) // 600000 for at, _ in calls)
    local = [datetime.datetime.fromtimestamp(at / 1000, c.zone) for at, _ in calls]
    days = collections.Counter(t.day for t in local)
    assert load["announced"] == len(calls) > 100
    assert load["per_day"] == pytest.approx(len(calls) / ((c.end - c.first) / 86400000))
    assert load["worst_day"] == max(days.values()) == days[int(load["worst_day_at"][-2:])]
    assert load["peak"] == max(windows.values()) == windows[(round(datetime.datetime.fromisoformat(load["peak_at"]).timestamp() * 1000) - c.begin) // 600000]
    total = math.ceil((c.end - c.begin) / 600000) - (c.first - c.begin) // 600000
    assert (load["windows"], load["windows_over"]) == (total, sum(n > 10 for n in windows.values()))
    assert load["windows_over_share"] == pytest.approx(load["windows_over"] / total)
    assert r["hours"] == [sum(t.hour == h for t in local) for h in range(24)]
    for day in r["days"]:
        for cls in CALLS:
            assert day[cls] == sum(t.day == day["day"] and e["class"] == cls for t, (_, e) in zip(local, calls)), day
    latest = {e["alarm"]: e for _, e in c.events if e["alarm"] is not None}
    stands = {a: s[-1][0] for a, s in c.standing().items() if s[-1][1] is None and latest[a]["class"] in CALLS and latest[a]["mode"] == "normal"
              and not (latest[a]["shelved"] or latest[a]["out_of_service"] or latest[a]["suppressed"])}
    assert {x["alarm"]: ms(x["since"]) for x in load["standing"]["list"]} == stands
    lives = {a: events for (a, _), events in c.occurrences().items()}
    for x in load["standing"]["list"]:
        assert (x["name"], x["class"], x["stale"]) == (latest[x["alarm"]]["name"], latest[x["alarm"]]["class"], stands[x["alarm"]] < c.end - 86400000)
        assert x["acked"] == any(e["transition"] == "acknowledged" for _, e in lives[x["alarm"]]), x["alarm"]
    assert load["stale"] == sum(since < c.end - 86400000 for since in stands.values())
    check_floods(c, r["floods"])


def check_floods(c, got):
    # A flood goes on over a restart: the next daemon tells its end. If none does, it was last seen when the first one ended.
    floods, begun, known = [], None, None
    for (at, e), before in zip(c.events, [None, *c.events]):
        if before and before[1]["boot"] != e["boot"] and begun:
            known = known or before[0]
        if e["transition"] == "flood_start":
            if begun:
                floods.append((begun, known or at))
            begun, known = at, None
        elif e["transition"] == "flood_end" and begun:
            floods.append((begun, at))
            begun = known = None
    if begun:
        floods.append((begun, known or c.end))
        begun = None if known else begun
    mine = [(a, b) for a, b in floods if c.overlap(a, b) or c.inside(a)]
    lasted = [c.overlap(a, b) for a, b in mine]
    assert (got["n"], got["ms"], got["longest_ms"]) == (len(mine), sum(lasted), max(lasted, default=0))
    assert [(ms(x["from"]), ms(x["to"])) for x in got["list"]] == [(a, None if a == begun else b) for a, b in mine]


TOP = {"v", "gateway", "node", "month", "zone", "from", "to", "complete", "at", "first_event", "events", "events_left_out", "alarms", "devices", "rules", "chatterers", "times",
       "availability", "own_faults", "disablement", "duty", "load", "floods", "days", "hours", "operations"}


def check_report(c, r):
    """Every figure that events tell of; a new one must be counted here too."""
    assert set(r) == TOP
    assert (ms(r["from"]), ms(r["to"]), ms(r["first_event"])) == (c.first, c.end, c.all[0][0])
    assert (r["events"], r["events_left_out"], r["complete"], r["zone"]) == (len(c.month), 0, True, c.zone.key)
    assert r["gateway"] == c.all[0][1]["gateway"]
    for check in (check_alarms, check_verdicts, check_times, check_availability, check_disabled, check_duty, check_load):
        check(c, r)
    assert r["operations"] == collections.Counter(e["transition"] for _, e in c.month if e["alarm"] is None)
