"""The end: SIGTERM is obeyed within 10 s whatever is broken, and what was decided is stored and told."""
import signal
import subprocess
import time

import pytest
from stage import SMOKE_RULE, bus, free_port, hub, set_fault, site_text, smoke_points, wait_for

CLEAN = 10 + 20  # the promise, and what a busy machine and the sanitizers' own end may take


def started(site, hubs, **more):
    eq = site.equipment()
    text = site_text(site.folder, bus(eq.ports[0], smoke_points(3)), rules=SMOKE_RULE, hubs=hubs)
    return eq, site.daemon(text, **more)


def gone(pids):
    return all(subprocess.run(["ps", "-o", "stat=", "-p", str(p)], capture_output=True, text=True).stdout.strip()[:1] in ("", "Z") for p in pids)


def end(d, expect=0, seconds=CLEAN):
    uplinks, began = d.uplinks(), time.monotonic()
    code = d.terminate(seconds)
    print(f"{d.log.parent.name}: ended after {time.monotonic() - began:.2f} s")
    assert code == expect, d.text()[-3000:]
    wait_for(lambda: gone(uplinks), what="the uplink processes' end")
    return d.text()


def test_a_clean_stop_says_so(site):
    broker = site.broker()
    console = site.console(broker)
    eq, d = started(site, hub(broker.port))
    d.hub_up()
    eq.set(1, 0, 1)
    wait_for(lambda: console.events(alarm="facp.smoke1/smoke"), what="a fire")
    end(d)
    wait_for(lambda: console.events(transition="stopped"), what="the operation")
    status = wait_for(lambda: [s for s in console.got("/status") if not s["online"]], what="the last status")[-1]
    assert status["reason"] == "stopped" and console.retained()[next(t for t in console.retained() if t.endswith("/status"))] == status
    d.start()  # cursors were stored: nothing is told twice
    d.hub_up()
    wait_for(lambda: len({e["id"] for e in console.events(transition="started")}) == 2, what="the next life")
    numbers = lambda: [e["n"] for e in console.events() if e["n"]]
    wait_for(lambda: set(numbers()) == set(range(1, max(numbers()) + 1)), what="every event")
    assert len(numbers()) == len(set(numbers())), "told twice"


def test_while_hubs_are_dead_or_stopped(site):
    broker = site.broker()
    eq, d = started(site, hub(broker.port) + hub(free_port(), name="dead") + hub(free_port(), name="other"))
    d.hub_up()
    broker.signal(signal.SIGSTOP)
    eq.set(1, 0, 1)
    wait_for(lambda: "facp.smoke1/smoke" in d.alarms(), what="a fire that cannot be told")
    end(d)
    broker.signal(signal.SIGCONT)
    console = site.console(broker)
    d.start()
    fire = wait_for(lambda: console.events(alarm="facp.smoke1/smoke", durable=True), seconds=60, what="the fire, told by the next life")[0]
    assert fire["seq"] == 1


@pytest.mark.parametrize("word", ["stall", "fail"])
def test_while_the_store_is_bad(site, word):
    broker = site.broker()
    fault = site.folder / "fault"
    fault.write_text("ok")
    eq, d = started(site, hub(broker.port), start=False, program="firegwd-faulty")
    d.start(env={"FIREGW_FAULT": str(fault)}).hub_up()
    set_fault(fault, word, d)
    eq.set(1, 0, 1)
    wait_for(lambda: d.status()["store"]["state"] in ("stalled", "failing"), what="the trouble")
    if word == "stall":
        assert "the stop took over 10 s" in end(d, expect=1)
    else:
        assert "could not be stored" in end(d)


def test_while_a_reload_runs(site):
    """At any moment of it: a reload that meets the stop is given up."""
    broker = site.broker()
    eq, d = started(site, hub(broker.port))
    text = d.site.read_text()
    for i in range(8):
        d.site.write_text(text.replace("name: 烟感3", f"name: 烟感{i}") + "".join(f"# {n}\n" for n in range(20000 * (i % 2))))
        d.signal(signal.SIGHUP)
        if i % 4 > 1:
            d.signal(signal.SIGHUP)
        if i % 4 == 3:
            wait_for(lambda: "reloading" in d.text(), what="it begins")
        end(d)
        d.log.unlink()
        d.start()
    end(d)


def test_what_is_in_use_is_refused_with_the_cure(site):
    broker = site.broker()
    eq, d = started(site, hub(broker.port))
    (site.folder / "second.yaml").write_text(d.site.read_text().replace("path: firegw.db", "path: second.db"))
    from stage import BIN
    done = subprocess.run([BIN / "firegwd", "-c", site.folder / "second.yaml"], capture_output=True, text=True, timeout=30)
    assert done.returncode == 1 and "fw.sock" in done.stderr and d.ready(), "the socket is another's"
    (site.folder / "third.yaml").write_text(d.site.read_text().replace("path: firegw.db", "path: /proc/nothing/firegw.db").replace("fw.sock", "fw3.sock"))
    done = subprocess.run([BIN / "firegwd", "-c", site.folder / "third.yaml"], capture_output=True, text=True, timeout=30)
    assert done.returncode == 1 and "/proc/nothing" in done.stderr
    d.kill()
    d.start()  # the dead one's socket is in nobody's way
