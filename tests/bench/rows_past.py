"""The rows of scripts/bench about what was stored: a month of a tower's readings put through rules again."""
import json
import os
import subprocess
import time

import rig
import stage
from rig import CannotMeasure, say

DEVICES, POINTS = 50, 40
DAYS = 30
RULES = """rules:
  - {{id: high, for: {{kind: generic}}, when: {{above: {high}, deadband: 0.5}}, class: prealarm}}
  - {{id: low, for: {{kind: generic}}, when: {{below: 0.3, deadband: 0.1}}, on_delay: 10m, class: supervisory, ack: false}}
  - {{id: silent, for: {{kind: generic}}, when: {{quality: bad}}, on_delay: 30s, class: fault, ack: false}}
  - {{id: several, when: {{count: 3, of: {{rule: high}}, same: device}}, class: fire}}
"""


def write_site(folder):
    """A site of 2,000 points, the rules to be tried, and the points' ids a line."""
    site = rig.Site(folder)
    site.profile("block", [f"r{r},generic,3,{r},u16,0.01,0.05" for r in range(POINTS)], "point,kind,fc,register,type,scale,deadband")
    site.bus("line", 502, [(f"d{i}", i + 1, "block", None) for i in range(DEVICES)])
    (folder / "own.yaml").write_text(RULES.format(high=9))
    (folder / "new.yaml").write_text(RULES.format(high=9.5))
    (folder / "ids").write_text("".join(f"d{d}.r{r}\n" for d in range(DEVICES) for r in range(POINTS)))
    (folder / "site.yaml").write_text(stage.site_text(folder, "".join(site.buses), rules="  - own.yaml\n"))


def watch(child):
    """(its most memory in MB, its rusage) when it has ended. The kernel's own maximum would count this process, from before the exec."""
    hwm = 0
    while True:
        pid, status, use = os.wait4(child.pid, os.WNOHANG)
        if pid:
            child.returncode = os.waitstatus_to_exitcode(status)
            return hwm, use
        with open(f"/proc/{child.pid}/status") as f:
            for line in f:
                if line.startswith("VmHWM:"):
                    hwm = int(line.split()[1]) / 1024
        time.sleep(0.05)


def row_backtest(ctx, figure):
    program = stage.BIN / "fill_store"
    if not program.exists():
        raise CannotMeasure(f"{program} is not there; build the target bench_tools")
    count = 1_000_000 if ctx.quick else 26_000_000
    db = ctx.folder / "month.db"
    write_site(ctx.folder)
    say(f"a month of {DEVICES * POINTS:,} points, {count:,} readings")
    subprocess.run([program, db, "qj-test-01", "qj-test-01", "hub", str(count), str(DAYS * 86400_000), f"@{ctx.folder / 'ids'}"], check=True)
    say("back-tested")
    out = ctx.folder / "out.json"
    began = time.monotonic()
    with open(out, "wb") as f:
        child = subprocess.Popen([stage.BIN / "firegw", "backtest", "-c", ctx.folder / "site.yaml", "--rules", ctx.folder / "new.yaml", "--db", db, "--from", f"{DAYS + 1}d", "--json"], stdout=f)
    hwm, use = watch(child)
    took = time.monotonic() - began
    found = json.loads(out.read_text())
    if child.returncode or found["readings"] != count:
        raise CannotMeasure(f"firegw backtest ended with {child.returncode} after {found['readings']:,} of {count:,} readings")
    yield figure("a month back-tested", took, "s", aim=60, note=f"{count:,} readings of {DEVICES * POINTS:,} points, {db.stat().st_size / 1e6:,.0f} MB; CPU {use.ru_utime + use.ru_stime:.1f} s")
    yield figure("readings", count / took, "/s")
    yield figure("RSS, firegw, at most", hwm, "MB", aim=100, note=f"{found['would']:,} alarms found")
