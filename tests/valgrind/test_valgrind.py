"""One alarm's life, a reload and a clean stop of the release build under valgrind, the uplink process included: no error, nothing lost. Nothing is suppressed."""
import re
import signal

from stage import BIN, CONFIRM_RULE, SMOKE_RULE, bus, hub, site_text, smoke_points, wait_for

SLOW = 90  # seconds that anything may take here


def valgrind(folder):
    return ["valgrind", "--error-exitcode=99", "--leak-check=full", "--errors-for-leak-kinds=definite", "--show-leak-kinds=definite", "--trace-children=yes",
            f"--log-file={folder}/valgrind.%p"]


def clean(folder, programs):
    """Every process left a report, and none has anything to say."""
    seen = set()
    for report in folder.glob("valgrind.*"):
        text = report.read_text()
        assert "ERROR SUMMARY: 0 errors" in text, text
        seen |= {p for p in programs if re.search(rf"Command: {BIN / p}\b(?!-)", text)}
    assert seen == set(programs), seen


def test_an_alarms_life_a_reload_and_a_stop(site):
    broker = site.broker()
    console = site.console(broker)
    eq = site.equipment()
    pressure = "{point: p, name: 压力, kind: hydrant_pressure, fc: 3, register: 0, type: u16, scale: 0.01, unit: MPa}"
    text = site_text(site.folder, bus(eq.ports[0], [*smoke_points(3), pressure], every="500ms", timeout="3s"), rules=SMOKE_RULE + CONFIRM_RULE.replace("within: 5m", "within: 2s"), hubs=hub(broker.port))
    d = site.daemon(text, start=False)
    d.wrapper = valgrind(site.folder)
    d.start()
    d.hub_up(seconds=SLOW)
    eq.set(3, 0, 35)
    eq.set(1, 0, [1, 1])
    wait_for(lambda: console.events(alarm="a.12-N/fire-confirmed"), SLOW, "confirmed")
    for alarm in ("facp.smoke1/smoke", "facp.smoke2/smoke", "a.12-N/fire-confirmed"):
        assert d.ask("ack", alarm=alarm)[1]["ok"]
    log = d.status()["log"]
    assert console.command("replay", seconds=SLOW, log=log, stream="fire", **{"from": 1, "to": 10})[0]["ok"]
    assert console.command("snapshot", seconds=SLOW)[0]["ok"] and console.command("refresh", seconds=SLOW)[0]["ok"]
    assert d.points()["facp.p"] and d.ask("history", points=["facp.*"])[1]["ok"] and d.ask("events")[1]["ok"] and not d.ask("nonsense")[1]["ok"]
    (site.folder / "site.yaml").write_text(text.replace("timeout: 3s", "timeout: 4s"))
    d.signal(signal.SIGHUP)
    wait_for(lambda: len(console.events(transition="config_loaded")) == 2, SLOW, "the reload")
    (site.folder / "site.yaml").write_text("nonsense\n")
    d.signal(signal.SIGHUP)
    wait_for(lambda: console.events(transition="config_refused"), SLOW, "a refused one")
    eq.set(1, 0, [0, 0])
    for alarm in ("facp.smoke1/smoke", "facp.smoke2/smoke"):
        wait_for(lambda: console.events(alarm=alarm, transition="cleared"), SLOW, f"{alarm} cleared")
    wait_for(lambda: d.alarms()["a.12-N/fire-confirmed"]["state"] == "latched", SLOW, "latched")
    assert d.ask("reset", alarm="a.12-N/fire-confirmed")[1]["ok"]
    wait_for(lambda: console.events(alarm="a.12-N/fire-confirmed", transition="cleared"), SLOW, "all cleared")
    assert d.terminate(SLOW) == 0, d.text()[-3000:]
    clean(site.folder, ("firegwd", "firegw-uplink"))
