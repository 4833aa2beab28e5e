"""A month's report against a count made here, from the events as anyone may read them (docs/database.md): figure by figure."""
import collections
import csv
import datetime
import io
import json
import math
import shutil
import sqlite3
import subprocess
import zoneinfo

import pytest

from stage import BIN

CALLS = ("fire", "prealarm", "supervisory", "fault")
MEASURES = ("acknowledge", "verify", "return")


def epoch(zone, *date):
    return int(datetime.datetime(*date, tzinfo=zoneinfo.ZoneInfo(zone)).timestamp() * 1000)


def fill(path, zone, seed, begin, end, steps):
    subprocess.run([BIN / "fill_months", path, "qj-test-01", zone, str(seed), str(begin), str(end), str(steps)], check=True, timeout=120)


def firegw(*args, **env):
    return subprocess.run([BIN / "firegw", *args], capture_output=True, text=True, timeout=120, env={"PATH": "/usr/bin:/bin", "LC_ALL": "C.UTF-8", **env})


def report(path, month, *more):
    r = firegw("report", "--db", str(path), "--month", month, "--json", *more)
    assert r.returncode == 0, r.stderr
    return json.loads(r.stdout)


class Count:
    """Walks the log in plain Python: every list is kept whole, nothing streams."""

    def __init__(self, path, zone, year, month):
        self.zone = zoneinfo.ZoneInfo(zone)
        self.begin = epoch(zone, year, month, 1)
        self.end = epoch(zone, year + month // 12, month % 12 + 1, 1)
        with sqlite3.connect(f"file:{path}?mode=ro", uri=True) as db:
            rows = db.execute("SELECT at, body FROM v_events ORDER BY n").fetchall()
        self.all = [(at, json.loads(body)) for at, body in rows]
        self.events = [(at, e) for at, e in self.all if at < self.end]
        self.first = max(self.begin, self.events[0][0])
        self.month = [(at, e) for at, e in self.events if at >= self.begin]

    def inside(self, at):
        return self.begin <= at < self.end

    def overlap(self, a, b):
        return max(0, min(b, self.end) - max(a, self.first))

    def occurrences(self):
        """Each with its events; an event of none belongs to none."""
        by = {}
        for at, e in self.events:
            if e["alarm"] is not None:
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
        return spans


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
            assert got[key] == want if want is None else abs(got[key] - want) <= 1000, (name, key)
        assert (got["never"], got["waiting"]) == counts, name

    for m in MEASURES:
        got = r["times"][m]
        everyone = [v for k in CALLS for v in took[m][k]]
        check(got["all"], everyone, m, sum(never[m][k] for k in CALLS), sum(waiting[m][k] for k in CALLS))
        for cls in {*took[m], *never[m], *waiting[m]}:
            check(got[cls], took[m][cls], (m, cls), never[m][cls], waiting[m][cls])
    for cls, n in unneeded["acknowledge"].items():
        assert r["times"]["acknowledge"][cls]["not_needed"] == n
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
    for x in r["chatterers"]["list"]:
        want = many[x["alarm"]]
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
                if sum(parts):
                    want[a[5 + len(thing):].split("/")[0]] = (sum(parts), sum(c.inside(f) for f, _, _, _ in s), max(parts), s[-1][1] is None)
        got = {x["name"]: (x["down_ms"], x["times"], x["longest_ms"], x["down"]) for x in r["availability"][key]["list"]}
        assert got == want, key
        for x in r["availability"][key]["list"]:
            assert x["share"] == pytest.approx(1 - x["down_ms"] / whole)
    assert {x["alarm"]: x["standing_ms"] for x in r["own_faults"]["list"]} == {a: ms for a, s in own.items() if (ms := sum(c.overlap(f, c.end if t is None else t) for f, t, _, _ in s))}
    gaps = {True: [], False: []}
    for (a, x), (b, y) in zip(c.all, c.all[1:]):
        if x["boot"] != y["boot"] and a < c.end and (ms := c.overlap(a, b)):
            gaps[x["transition"] == "stopped"].append(ms)
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
        if not a.endswith(("/shelved", "/out-of-service")):
            continue
        of, what = a.rsplit("/", 1)
        ms = sum(c.overlap(f, c.end if t is None else t) for f, t, _, _ in s)
        if ms:
            want[what, of] = (ms, sum(c.inside(f) for f, _, _, _ in s))
        if s[-1][1] is None:
            still[what, of] = s[-1][0]
    assert {(x["what"], x["of"]): (x["ms"], x["times"]) for x in d["disabled"]["list"]} == want
    assert d["ms"] == sum(ms for ms, _ in want.values()) > 0
    for mode, key in (("test", "tests"), ("drill", "drills")):
        n = ms = 0
        begun = None
        for at, e in c.events:
            if e["transition"] == mode + "_start":
                begun = at, e["select"]
                n += c.inside(at)
            elif e["transition"] == mode + "_end":
                ms += c.overlap(begun[0], at)
                begun = None
        if begun:
            ms += c.overlap(begun[0], c.end)
            still[mode, begun[1]] = begun[0]
        assert (d[key], d[key + "_ms"]) == (n, ms), mode
    got = {(x["what"], x["of"]): round(datetime.datetime.fromisoformat(x["since"]).timestamp() * 1000) for x in d["beside"]["list"]}
    assert got == still


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
    assert took and d["answer"]["count"] == len(took)
    assert (d["answer"]["median_ms"], d["answer"]["max_ms"]) == (rank(took, 50), max(took))
    people = {x["name"]: x for x in d["people"]["list"]}
    for name in {e["actor"] for _, e in c.month if e["transition"] in ("duty_on", "duty_off", "handover", "duty_answer")}:
        for key, t in (("on", "duty_on"), ("off", "duty_off"), ("handover", "handover"), ("answers", "duty_answer")):
            assert people[name][key] == sum(e["transition"] == t and e["actor"] == name for _, e in c.month)


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
    assert {x["alarm"]: round(datetime.datetime.fromisoformat(x["since"]).timestamp() * 1000) for x in load["standing"]["list"]} == stands
    assert load["stale"] == sum(since < c.end - 86400000 for since in stands.values())
    check_floods(c, r["floods"])


def check_floods(c, got):
    floods, begun = [], None
    for (at, e), before in zip(c.events, [None, *c.events]):
        if before and before[1]["boot"] != e["boot"] and begun:
            floods.append((begun, before[0]))
            begun = None
        if e["transition"] == "flood_start":
            if begun:
                floods.append((begun, at))
            begun = at
        elif e["transition"] == "flood_end" and begun:
            floods.append((begun, at))
            begun = None
    if begun:
        floods.append((begun, c.end))
    mine = [c.overlap(a, b) for a, b in floods if c.overlap(a, b) or c.inside(a)]
    assert (got["n"], got["ms"], got["longest_ms"]) == (len(mine), sum(mine), max(mine, default=0))


def check_all(path, zone, year, month):
    c, r = Count(path, zone, year, month), report(path, f"{year}-{month:02}")
    assert r["events"] == len(c.month) and r["complete"] is True and r["events_left_out"] == 0 and r["zone"] == zone and r["gateway"] == "qj-test-01"
    for check in (check_alarms, check_verdicts, check_times, check_availability, check_disabled, check_duty, check_load):
        check(c, r)
    operations = collections.Counter(e["transition"] for _, e in c.month if e["alarm"] is None)
    assert r["operations"] == operations
    return r


@pytest.fixture(scope="module")
def tower(tmp_path_factory):
    """Four months of a tower; the clock of the report is far later."""
    path = tmp_path_factory.mktemp("report") / "firegw.db"
    zone = "Asia/Shanghai"
    fill(path, zone, 12, epoch(zone, 2024, 1, 20), epoch(zone, 2024, 4, 6), 9000)
    return path, zone


@pytest.mark.parametrize("month", [2, 3])
def test_every_figure(tower, month):
    """February has 29 days; what stood before the month counts from its first moment."""
    check_all(*tower, 2024, month)


def test_away_over_the_months_end(tower, tmp_path):
    """The first event after the month says until when."""
    path, zone = tower
    copy = tmp_path / "copy.db"
    shutil.copy(path, copy)
    end = epoch(zone, 2024, 3, 1)
    with sqlite3.connect(copy) as db:
        boots = db.execute("SELECT min(at), boot FROM event_log GROUP BY boot HAVING min(at) > ? ORDER BY 1", (end,)).fetchall()
        db.execute("DELETE FROM event_log WHERE at >= ? AND at < ?", (end - 3600000, boots[0][0]))
    r = check_all(copy, zone, 2024, 2)
    assert r["availability"]["itself"]["died_ms"] + r["availability"]["itself"]["stopped_ms"] >= 3600000
    assert report(path, "2024-02")["availability"]["itself"]["offline_ms"] < r["availability"]["itself"]["offline_ms"]


def test_months_hold_everything(tower):
    """What never happens is not tested."""
    both = [report(tower[0], m) for m in ("2024-02", "2024-03")]
    some = collections.Counter()
    for r in both:
        ack, verify, back = (r["times"][m]["all"] for m in MEASURES)
        some.update({
            "over": r["load"]["windows_over"], "floods": r["floods"]["n"], "stale": r["load"]["stale"], "died": r["availability"]["itself"]["died"], "stopped": r["availability"]["itself"]["stopped"],
            "chattering": sum(x["chattering"] for x in r["chatterers"]["list"]), "escalated": sum(x["escalated"] for x in r["alarms"]["classes"]),
            "hidden": sum(x["hidden"] for x in r["alarms"]["classes"]), "test": len(r["alarms"]["test"]), "drill": len(r["alarms"]["drill"]), "ack never": ack["never"], "ack waiting": ack["waiting"],
            "ack not needed": ack["not_needed"], "verify never": verify["never"], "verify waiting": verify["waiting"], "return never": back["never"], "return waiting": back["waiting"],
            "missed": r["duty"]["missed"], "beside": r["disablement"]["beside"]["n"], "down": sum(x["down"] for k in ("devices", "lines", "hubs") for x in r["availability"][k]["list"]),
        })
    assert min(some.values()) > 0, some


def test_first_month(tower):
    """The log begins on the 20th: before, nobody knows."""
    r = check_all(*tower, 2024, 1)
    assert r["from"].startswith("2024-01-20T00:00:00")


@pytest.mark.parametrize("seed,month", [(21, 3), (22, 10)])
def test_days_of_23_and_25_hours(tmp_path, seed, month):
    zone = "Europe/Berlin"
    fill(tmp_path / "x.db", zone, seed, epoch(zone, 2025, month - 1, 25), epoch(zone, 2025, month + 1, 3), 4000)
    check_all(tmp_path / "x.db", zone, 2025, month)


def test_formats_say_the_same(tower):
    path, _ = tower
    r = report(path, "2024-02")
    rows = list(csv.reader(io.StringIO(firegw("report", "--db", str(path), "--month", "2024-02", "--format", "csv").stdout, newline="")))
    assert rows[0] == ["section", "name", "metric", "value"]
    assert all(len(x) == 4 for x in rows)
    table = {(a, b, m): v for a, b, m, v in rows}
    assert len(table) == len(rows), "a figure stands twice"
    assert table["alarms.classes", "fire", "raised"] == str(r["alarms"]["classes"][0]["raised"])
    assert table["times.acknowledge.all", "", "median_ms"] == str(int(r["times"]["acknowledge"]["all"]["median_ms"]))
    assert table["load", "", "peak"] == str(r["load"]["peak"])
    assert table["hours", "7", "raised"] == str(r["hours"][7])
    x = r["devices"]["list"][0]
    assert table["devices", x["device"], "raised"] == str(x["raised"])
    assert not [c for x in rows for c in x if c[:1] in ("=", "+", "@", "\t") or (c[:1] == "-" and not c[1:].replace(".", "").isdigit())]
    assert ("duty.people", "'=hub(district)", "on") in table
    text = firegw("report", "--db", str(path), "--month", "2024-02").stdout
    assert x["device"] in text and "qj-test-01" in text and "so far" not in text
    chinese = firegw("report", "--db", str(path), "--month", "2024-02", LC_ALL="zh_CN.UTF-8").stdout
    assert "火警" in chinese and "facp" in chinese


def test_page_needs_nothing_else(tower):
    path, _ = tower
    page = firegw("report", "--db", str(path), "--month", "2024-02", "--format", "html").stdout
    for word in ("<script", "http://", "https://", "url(", "@import", "<img", "<link", "javascript:"):
        assert word not in page.lower()
    assert "<b>" not in page and "&lt;b&gt;" in page, "a name is text"
    assert page.startswith("<!DOCTYPE html>") and page.rstrip().endswith("</html>") and "<svg" in page
    import html.parser

    class Tags(html.parser.HTMLParser):
        stack = []

        def handle_starttag(self, tag, attrs):
            if tag not in ("meta", "rect", "path"):
                self.stack.append(tag)

        def handle_startendtag(self, tag, attrs):
            pass

        def handle_endtag(self, tag):
            assert self.stack.pop() == tag

    tags = Tags()
    tags.feed(page)
    assert tags.stack == []


@pytest.mark.parametrize("month,why,code", [
    ("2023-12", "from 2024-01", 1), ("2999-01", "has not begun", 1), ("2024-13", "no month", 2), ("2024-1", "no month", 2), ("november", "no month", 2), ("", "no month", 2)])
def test_months_that_cannot_be(tower, month, why, code):
    r = firegw("report", "--db", str(tower[0]), "--month", month)
    assert r.returncode == code and why in r.stderr and r.stdout == ""


def test_this_month_so_far(tmp_path):
    zone = "Asia/Shanghai"
    now = datetime.datetime.now(zoneinfo.ZoneInfo(zone))
    fill(tmp_path / "x.db", zone, 31, int(now.timestamp() * 1000) - 86400000 * 3, int(now.timestamp() * 1000) - 60000, 500)
    r = firegw("report", "--db", str(tmp_path / "x.db"), "--json")
    assert r.returncode == 0, r.stderr
    got = json.loads(r.stdout)
    assert got["month"] == f"{now:%Y-%m}" and got["complete"] is False and got["events"] > 0
    assert "so far" in firegw("report", "--db", str(tmp_path / "x.db")).stdout
