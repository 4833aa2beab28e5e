"""Verbs that need the site's file take the daemon's when none is named."""
import json
import subprocess

from stage import BIN, SMOKE_RULE, bus, hub, site_text, smoke_points, wait_for

RULES = "rules:\n  - id: smoke\n    for: {kind: smoke_detector}\n    when: {equals: 1}\n    class: fire\n"


def test_the_daemon_says_where_the_file_is(site):
    broker, eq = site.broker(), site.equipment()
    d = site.daemon(site_text(site.folder, bus(eq.ports[0], smoke_points(1)), rules=SMOKE_RULE, hubs=hub(broker.port)), start=False)
    d.site, d.wrapper = "site.yaml", ["env", "-C", site.folder]  # a path that means nothing elsewhere
    d.start().hub_up()
    eq.set(1, 0, 1)
    wait_for(lambda: "facp.smoke1/smoke" in d.alarms(), what="the alarm")
    (site.folder / "tried.yaml").write_text(RULES)
    found = wait_for(lambda: (lambda o: o if o["would"] else None)(json.loads(d.cli("backtest", "--rules", site.folder / "tried.yaml", "--from", "1h", "--json").stdout)), what="its readings")
    assert found["were"] == 1 and found["missed"] == 0

    def watched():
        r = d.cli("watch", "--hub", "district", "--for", "2s", "--json", check=False)
        return r if r.returncode == 0 and "facp.smoke1/smoke" in r.stderr else None
    seen = wait_for(watched, seconds=60, what="what stands")
    # What stood already is no event of now: it is told beside them.
    assert "facp.smoke1/smoke" in seen.stderr and "watch" not in seen.stdout
    assert all(json.loads(line)["watch"] for line in seen.stderr.splitlines())
    assert "no hub 'elsewhere'" in d.cli("watch", "--hub", "elsewhere", check=False).stderr


def test_without_a_daemon_it_must_be_named(site):
    (site.folder / "tried.yaml").write_text(RULES)
    for words in (("backtest", "--rules", site.folder / "tried.yaml"), ("watch", "--hub", "district")):
        r = subprocess.run([BIN / "firegw", *words, "--socket", site.folder / "none.sock"], capture_output=True, text=True)
        assert r.returncode == 3 and "none.sock" in r.stderr and "-c SITE" in r.stderr, r.stderr
