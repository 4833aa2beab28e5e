"""A month's report against a count made here, from the events as anyone may read them (docs/database.md): figure by figure."""
import collections
import csv
import datetime
import io
import json
import shutil
import sqlite3
import subprocess
import zoneinfo

import pytest

from month_count import MEASURES, Count, check_report, epoch
from stage import BIN


def fill(path, zone, seed, begin, end, steps):
    subprocess.run([BIN / "fill_months", path, "qj-test-01", zone, str(seed), str(begin), str(end), str(steps)], check=True, timeout=400)


def firegw(*args, **env):
    return subprocess.run([BIN / "firegw", *args], capture_output=True, text=True, timeout=400, env={"PATH": "/usr/bin:/bin", "LC_ALL": "C.UTF-8", **env})


def report(path, month, *more):
    r = firegw("report", "--db", str(path), "--month", month, "--json", *more)
    assert r.returncode == 0, r.stderr
    return json.loads(r.stdout)


def check_all(path, zone, year, month):
    c, r = Count.of_database(path, zone, year, month), report(path, f"{year}-{month:02}")
    check_report(c, r)
    assert r["load"]["announced"] > 100 and r["duty"]["answer"]["count"] and r["disablement"]["ms"]
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
    assert got["month"] in (f"{now:%Y-%m}", f"{datetime.datetime.now(now.tzinfo):%Y-%m}") and got["complete"] is False and (got["events"] > 0 or now.day == 1)
    assert "so far" in firegw("report", "--db", str(tmp_path / "x.db")).stdout
