"""A copy of the database that is put back into service: no number is given twice, and consoles are told by another log."""
import shutil
import sqlite3

from stage import SMOKE_RULE, bus, hub, site_text, smoke_points, wait_for


def start(site):
    broker = site.broker()
    console = site.console(broker)
    eq = site.equipment()
    d = site.daemon(site_text(site.folder, bus(eq.ports[0], smoke_points(6)), rules=SMOKE_RULE, hubs=hub(broker.port)))
    d.hub_up()
    return console, eq, d


def fire(console, eq, i):
    eq.set(1, i, 1)
    return wait_for(lambda: console.events(alarm=f"facp.smoke{i + 1}/smoke", transition="raised"), what=f"fire {i + 1}")[-1]


def put_back(site, copy):
    shutil.copyfile(copy, site.folder / "firegw.db")
    for end in ("-wal", "-shm"):
        (site.folder / f"firegw.db{end}").unlink(missing_ok=True)


def numbers_are_given_once(console):
    given = {}
    for e in console.events():
        if e["seq"] is not None:
            assert given.setdefault((e["node"], e["log"], e["stream"], e["seq"]), e["id"]) == e["id"], e
            assert given.setdefault((e["log"], e["n"]), e["id"]) == e["id"], e


def begun(console, d):
    """The `started` of the life that runs now."""
    return wait_for(lambda: console.events(transition="started", log=d.status()["log"], boot=d.status()["boot"]), what="started")[-1]


def test_a_copy_from_before_a_clean_stop(site):
    console, eq, d = start(site)
    log = fire(console, eq, 0)["log"]
    assert d.terminate() == 0
    copy = shutil.copyfile(site.folder / "firegw.db", site.folder / "backup.db")
    # nothing was put back: nothing changes
    d.start()
    d.hub_up()
    assert fire(console, eq, 1)["log"] == log
    last = fire(console, eq, 2)
    assert d.terminate() == 0
    put_back(site, copy)
    d.start()
    d.hub_up()
    status = d.status()
    assert status["log"] != log
    says = begun(console, d)
    assert "older copy" in says["message"]["en"] and "旧副本" in says["message"]["zh"] and f"ends with event" in d.text() and log in d.text()
    # Fires that the copy does not know are found again, under the new log, above what consoles have.
    again = wait_for(lambda: console.events(alarm="facp.smoke3/smoke", log=status["log"]), what="found again")[0]
    assert again["transition"] == "raised" and again["rev"] > last["rev"] and again["id"] != last["id"]
    fire(console, eq, 3)
    numbers_are_given_once(console)
    streams = d.status()["streams"]["qj-test-01/fire"]
    pages = console.command("replay", log=status["log"], stream="fire", **{"from": streams["first"], "to": streams["stored"]})
    replayed = [e for p in pages for e in p["result"]]
    assert [e["seq"] for e in replayed] == list(range(streams["first"], streams["stored"] + 1)) and {e["log"] for e in replayed} == {status["log"]}
    assert not console.command("replay", log=log, stream="fire", **{"from": 1, "to": 1})[0]["ok"]
    # And it stays so.
    assert d.terminate() == 0
    d.start()
    d.hub_up()
    assert d.status()["log"] == status["log"] and "older copy" not in begun(console, d)["message"]["en"]
    numbers_are_given_once(console)


def test_killed_and_a_backup_of_the_life_before(site):
    console, eq, d = start(site)
    log = fire(console, eq, 0)["log"]
    with sqlite3.connect(f"file:{site.folder}/firegw.db?mode=ro", uri=True) as db:
        db.execute("VACUUM INTO ?", (str(site.folder / "backup.db"),))
    fire(console, eq, 1)
    for i in range(3):  # killed again and again with nothing put back
        d.kill()
        d.start()
        d.hub_up()
        assert d.status()["log"] == log
        fire(console, eq, 2 + i)
    d.kill()
    put_back(site, site.folder / "backup.db")
    d.start()
    d.hub_up()
    assert d.status()["log"] != log and "older copy" in begun(console, d)["message"]["en"]
    fire(console, eq, 5)
    numbers_are_given_once(console)
