"""A month of examples/tower with people in it: the site made ready for tower_month (tests/sim), its run, and what the brokers saw of it."""
import json
import os
import pathlib
import re
import shutil
import subprocess

import month_count
from stage import BIN

ZONE, MONTH = "Asia/Shanghai", "2026-09"
BEGIN, END = month_count.epoch(ZONE, 2026, 9, 1), month_count.epoch(ZONE, 2026, 10, 1)
TOWER = pathlib.Path(__file__).resolve().parents[2] / "examples" / "tower"
BRIGADE = """  - {name: brigade, url: "mqtt://127.0.0.1:1", send: [events], classes: [fire, fault]}

"""


def prepare(folder, poll):
    """A copy of the example, whose devices are asked every `poll` seconds, with a second hub; and beside its file what it becomes on the way."""
    shutil.copytree(TOWER, folder, dirs_exist_ok=True)
    site = folder / "site.yaml"
    text = re.sub(r", every: \w+", "", site.read_text())
    text = re.sub(r"(- \{name: [\w-]+, unit: \d+,)", rf"\1 every: {poll}s, heartbeat: 24h,", text)
    text = text.replace("\nbuses:", "\n" + BRIGADE + "buses:")
    # In the end as in the beginning, but that the hub wants the report.
    last = text.replace("building]\n", "building, report]\n")
    # Of the example's own rules none escalates.
    with open(folder / "rules" / "site.yaml", "a", encoding="utf-8") as rules:
        rules.write("  - {id: water-flow, for: {kind: sprinkler_flow}, when: {equals: flow}, on_delay: 10s, class: prealarm, escalate: {after: 10m}}\n")
    # The box of floor 32 is taken away, and a rule's delay is another.
    following = re.sub(r".*f32-box.*\n", "", text)
    for suffix, what in (("", text), (".last", last), (".bad", text.replace("region:", "regoin:")), (".next", following)):
        (folder / f"site.yaml{suffix}").write_text(what)
    return site


def live(folder, seed, poll, timeout, progress=False):
    """Returns what was seen, in the order in which it came: {"hub", "received", "topic", "payload"}."""
    # A value is polled before three intervals are over, so that none goes stale.
    site = prepare(folder, poll)
    seen = folder / "seen.jsonl"
    env = {**os.environ, **({"FIREGW_PROGRESS": "1"} if progress else {})}
    subprocess.run([BIN / "tower_month", site, seen, str(seed), str(poll * 14 // 5), str(BEGIN), str(END)], check=True, timeout=timeout, env=env, stdout=None if progress else subprocess.DEVNULL)
    return [json.loads(line) for line in seen.read_text(encoding="utf-8").splitlines()]


def events_of(seen, hub):
    return [s["payload"] for s in seen if s["hub"] == hub and "/event/" in s["topic"]]


def check(folder, seen):
    """AssertionError where a figure is another one. Returns the count and the report."""
    r = subprocess.run([BIN / "firegw", "report", "--db", folder / "firegw.db", "--month", MONTH, "--json"], capture_output=True, text=True, timeout=300)
    assert r.returncode == 0, r.stderr
    count, report = month_count.Count.of_messages(events_of(seen, "district"), ZONE, 2026, 9), json.loads(r.stdout)
    month_count.check_report(count, report)
    return count, report
