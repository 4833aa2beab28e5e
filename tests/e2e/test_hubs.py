"""Several hubs: what one of them does to itself is its own trouble; what each of them may have is what it gets."""
import ctypes
import os
import signal
import socket
import subprocess
import threading
import time

import pytest
from stage import BUILDING, CONFIRM_RULE, PREFIX, SMOKE_RULE, Broker, bus, free_port, hub, site_text, smoke_points, wait_for

NODE = PREFIX + "qj-test-01/"


class Mute:
    """A broker that takes the connection, says yes to it, and then reads nothing any more. With `answer` false it does not even say yes."""

    def __init__(self, answer):
        self.answer, self.open = answer, []
        self.listener = socket.socket()
        self.listener.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 2048)
        self.listener.bind(("127.0.0.1", 0))
        self.listener.listen(8)
        self.port = self.listener.getsockname()[1]

    def start(self):
        threading.Thread(target=self.accept, daemon=True).start()
        return self

    def accept(self):
        while True:
            try:
                s, _ = self.listener.accept()
            except OSError:
                return
            self.open.append(s)
            if self.answer:
                s.recv(2048)
                s.sendall(bytes([0x20, 3, 0, 0, 0]))  # CONNACK of MQTT 5, success

    def stop(self):
        self.listener.close()
        for s in self.open:
            s.close()


def fires(site, d, eq, console, n):
    """Raises n fires one after the other; returns how long each took to the console."""
    took = []
    for i in range(n):
        began = time.monotonic()
        eq.set(1, i, 1)
        wait_for(lambda: console.events(alarm=f"facp.smoke{i + 1}/smoke"), what=f"fire {i + 1} at the live hub")
        took.append(time.monotonic() - began)
    seqs = lambda: [e["seq"] for e in console.events(durable=True, **{"class": "fire"})]
    wait_for(lambda: len(seqs()) >= n, what="all numbered")
    assert seqs() == list(range(1, n + 1)), "each once, in order"
    return took


def tell(name, took, d):
    print(f"{name}: fires took {1000 * sum(took) / len(took):.0f} ms on the mean, {1000 * max(took):.0f} at most, polling included; loop late {d.status()['loop_late_ms']:.1f} ms")


def test_a_dead_port_and_mute_brokers_beside_a_live_hub(site):
    """Nobody at the port; one that takes the connection and never answers; one that says yes and then reads no more."""
    broker = site.broker()
    console = site.console(broker)
    eq = site.equipment()
    dead = free_port()
    silent, deaf = site.add(Mute(False)).start(), site.add(Mute(True)).start()
    hubs = hub(broker.port) + hub(dead, name="dead") + hub(silent.port, name="silent") + hub(deaf.port, name="deaf")
    d = site.daemon(site_text(site.folder, bus(eq.ports[0], smoke_points(12), every="50ms"), rules=SMOKE_RULE, hubs=hubs))
    d.hub_up()
    tell("dead port, mute brokers", fires(site, d, eq, console, 12), d)
    for fault in ("dead/unreachable", "silent/unreachable", "deaf/stopped"):
        wait_for(lambda: console.events(alarm=f"_gw.hub-{fault}", transition="raised"), seconds=60, what=f"the fault {fault}")
    assert d.hub()["reconnects"] == 0 and not d.hub("dead")["up"] and d.hub("dead")["why"] and not d.hub("silent")["up"]
    wait_for(lambda: d.hub("deaf")["up"], what="the deaf one is connected")  # given up from time to time
    d.signal(signal.SIGSTOP)  # nothing is sent before the console is there
    late = site.add(Broker(site.folder, port=dead, name="late")).start()
    second = site.console(late)
    d.signal(signal.SIGCONT)
    wait_for(lambda: [e["seq"] for e in second.events(durable=True, **{"class": "fire"})] == list(range(1, 13)), seconds=60, what="the other hub gets all of it")
    wait_for(lambda: console.events(alarm="_gw.hub-dead/unreachable", transition="returned"), what="the fault is over")
    assert d.hub()["reconnects"] == 0


def test_a_dead_resolver_beside_a_live_hub(site):
    """The name of one hub is asked of a name server that never answers, in a mount namespace of the daemon's own."""
    if os.geteuid() != 0 or subprocess.run(["unshare", "-m", "true"], capture_output=True).returncode:
        pytest.skip("no mount namespaces here")
    resolv, nsswitch = site.folder / "resolv.conf", site.folder / "nsswitch.conf"
    silent = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)  # takes every question and answers none; at port 53, as resolv.conf knows no other
    address = next((f"127.9.{os.getpid() % 250}.{i}" for i in range(1, 250) if bindable(silent, f"127.9.{os.getpid() % 250}.{i}")), None)
    assert address, "no loopback address has a free port 53"
    resolv.write_text(f"nameserver {address}\noptions timeout:5 attempts:3\n")
    nsswitch.write_text("hosts: files dns\n")
    broker = site.broker()
    console = site.console(broker)
    eq = site.equipment()
    hubs = hub(broker.port) + hub(1883, name="lost").replace("127.0.0.1", "hub.example")
    d = site.daemon(site_text(site.folder, bus(eq.ports[0], smoke_points(12), every="50ms"), rules=SMOKE_RULE, hubs=hubs), start=False)
    d.wrapper = ["unshare", "-m", "sh", "-c", f"mount --bind {resolv} /etc/resolv.conf && mount --bind {nsswitch} /etc/nsswitch.conf && exec \"$@\"", "sh"]
    d.start()
    d.hub_up()
    wait_for(lambda: d.hub("lost")["state"] == "connecting", what="the other tries")
    tell("dead resolver", fires(site, d, eq, console, 12), d)
    wait_for(lambda: console.events(alarm="_gw.hub-lost/unreachable", transition="raised"), seconds=90, what="the fault about the other")
    assert d.hub()["reconnects"] == 0
    silent.close()
    assert d.terminate() == 0


def bindable(s, address):
    try:
        s.bind((address, 53))
        return True
    except OSError:
        return False


def test_a_stopped_broker_comes_back(site):
    live, other = site.broker(), site.add(Broker(site.folder, name="other")).start()
    console, second = site.console(live), site.console(other, persistent=True)
    eq = site.equipment()
    d = site.daemon(site_text(site.folder, bus(eq.ports[0], smoke_points(12), every="50ms"), rules=SMOKE_RULE, hubs=hub(live.port) + hub(other.port, name="other")))
    d.hub_up().hub_up("other")
    other.signal(19)
    tell("SIGSTOP", fires(site, d, eq, console, 12), d)
    wait_for(lambda: console.events(alarm="_gw.hub-other/stopped", transition="raised"), seconds=60, what="the fault about the other")
    other.signal(18)
    wait_for(lambda: {e["seq"] for e in second.events(durable=True, **{"class": "fire"})} == set(range(1, 13)), seconds=60, what="the other hub gets all of it")
    wait_for(lambda: console.events(alarm="_gw.hub-other/stopped", transition="returned"), what="the fault is over")


def test_a_refused_topic_stops_its_lane_only(site):
    acl = site.folder / "acl"
    acl.write_text(f"topic read fire/#\ntopic readwrite marker/#\ntopic write {NODE}status\ntopic write {NODE}event/fault\ntopic write {NODE}event/operation\ntopic write {NODE}alarm/+\n"
                   f"topic write {NODE}reading\ntopic write {NODE}directory/+\ntopic write {NODE}building\ntopic write {NODE}reply/+\n")
    acl.chmod(0o600)
    broker = site.broker(extra=f"acl_file {acl}\n")
    live = site.add(Broker(site.folder, name="live")).start()
    console, second = site.console(live), site.console(broker)
    eq = site.equipment()
    d = site.daemon(site_text(site.folder, bus(eq.ports[0], smoke_points(3)), rules=SMOKE_RULE, hubs=hub(live.port, name="live") + hub(broker.port)))
    d.hub_up().hub_up("live")
    eq.set(1, 0, 1)
    wait_for(lambda: console.events(alarm="_gw.hub-district/refused", transition="raised"), seconds=30, what="the fault")
    wait_for(lambda: second.events(alarm="_gw.hub-district/refused"), what="the class fault goes on, at the refusing hub too")
    wait_for(lambda: [m for m in second.got("/reading")], what="readings go on")
    wait_for(lambda: any(t.endswith("alarm/facp.smoke1~smoke") for t in second.retained()), what="the state of the fire goes on")
    assert not second.events(**{"class": "fire"})
    assert d.hub()["reconnects"] == 0
    acl.write_text(acl.read_text() + f"topic write {NODE}event/+\n")
    broker.signal(signal.SIGHUP)  # the list is read anew, the consoles stay
    for pid in d.uplinks():
        os.kill(pid, signal.SIGKILL)  # a new connection tries again at once
    wait_for(lambda: second.events(alarm="facp.smoke1/smoke"), seconds=60, what="the fire, once it is allowed")
    wait_for(lambda: console.events(alarm="_gw.hub-district/refused", transition="returned"), seconds=30, what="the fault is over")


@pytest.mark.parametrize("version", ["5", "3.1.1"])
def test_a_wrong_password(site, version):
    passwords = site.folder / "passwords"
    passwords.write_text("gw:right\nlooker:looks\n")
    passwords.chmod(0o600)
    subprocess.run(["mosquitto_passwd", "-U", passwords], check=True, capture_output=True)
    secret = site.folder / "secret"
    secret.write_text("hunter-false\n")
    secret.chmod(0o600)
    broker = site.broker(extra=f"password_file {passwords}\n", anonymous=False)
    live = site.add(Broker(site.folder, name="live")).start()
    console, second = site.console(live), site.console(broker, user=("looker", "looks"))
    eq = site.equipment()
    hubs = hub(live.port, name="live") + hub(broker.port, more=f", username: gw, password_file: secret, version: {version}")
    d = site.daemon(site_text(site.folder, bus(eq.ports[0], smoke_points(3)), rules=SMOKE_RULE, hubs=hubs))
    d.hub_up("live")
    wait_for(lambda: console.events(alarm="_gw.hub-district/refused", transition="raised"), seconds=30, what="the fault")
    assert "password" in d.hub()["why"].lower() or "auth" in d.hub()["why"].lower(), d.hub()["why"]
    assert "hunter-false" not in d.text(), "a password in the log"
    eq.set(1, 0, 1)
    wait_for(lambda: console.events(alarm="facp.smoke1/smoke"), what="the live hub gets it")
    secret.write_text("right\n")  # read at every connection
    wait_for(lambda: second.events(alarm="facp.smoke1/smoke"), seconds=60, what="the fire, once the password is right")
    wait_for(lambda: console.events(alarm="_gw.hub-district/refused", transition="returned"), seconds=30, what="the fault is over")


def test_what_each_hub_may_have(site):
    """One broker, four hubs: classes, personal, start, protocol and a building with a node of its own."""
    broker = site.broker(persistence=True)
    consoles = {}
    parties = "parties: {manager: {name: 王主管, phone: '023-1', unit: 文龙物业, uscc: U1}, owner: {unit: 业主, name: 李, phone: '1'}}"
    buildings = BUILDING.replace("}", f", {parties}}}", 1).replace("basements: 2", "basements: 2") + f"    - {{id: b, name: B座, node: qj-test-b, class: residential, height_m: 50, floors: 16, {parties}}}\n"
    eq = site.equipment(n=2)
    buses = bus(eq.ports[0], smoke_points(3)) + bus(eq.ports[1], smoke_points(3), name="second", device="bpanel").replace("building: a", "building: b")
    others = {name: site.add(Broker(site.folder, name=name)).start() for name in ("names", "full", "old")}
    base = hub(broker.port, more=", client_id: c1")
    text = site_text(site.folder, buses, rules=SMOKE_RULE, hubs=base, buildings=buildings)
    console = site.console(broker)
    d = site.daemon(text).hub_up()
    eq.set(1, 0, 1)
    eq.set(1, 0, 1, port=1)
    wait_for(lambda: console.events(alarm="facp.smoke1/smoke") and console.events(alarm="bpanel.smoke1/smoke"), what="both fires")
    more = (hub(others["names"].port, name="names", send="[events, status, building]", more=", personal: names, start: oldest, classes: [fire]")
            + hub(others["full"].port, name="full", more=", personal: full, start: now")
            + hub(others["old"].port, name="old", more=", version: 3.1.1, start: oldest"))
    for name, b in others.items():
        consoles[name] = site.console(b)
    (site.folder / "site.yaml").write_text(site_text(site.folder, buses, rules=SMOKE_RULE, hubs=base + more, buildings=buildings))
    d.signal(1)
    for name in others:
        wait_for(lambda: any(h["name"] == name and h["state"] == "up" for h in d.status()["hubs"]), seconds=30, what=f"hub {name}")
    eq.set(1, 1, 1)
    eq.set(1, 1, 1, port=1)
    for c in [console, *consoles.values()]:
        wait_for(lambda: c.events(alarm="facp.smoke2/smoke") and c.events(alarm="bpanel.smoke2/smoke"), what="the new fires")
    # start: the old ones' events with `oldest` only; their states in any case
    for name in ("names", "old"):
        wait_for(lambda: consoles[name].events(alarm="facp.smoke1/smoke") and consoles[name].events(alarm="bpanel.smoke1/smoke"), what="the fires of before")
    assert not consoles["full"].events(alarm="facp.smoke1/smoke")
    for c in consoles.values():
        wait_for(lambda: [m for m in c.got("/alarm/facp.smoke1~smoke")], what="the state of the first fire")
    # classes
    assert {e["class"] for e in consoles["names"].events()} == {"fire"} and not consoles["names"].got("/reading") and not consoles["names"].got("/directory/")
    wait_for(lambda: {"fire", "operation"} <= {e["class"] for e in consoles["old"].events()}, what="both classes")
    # nodes: own prefix, own streams
    for c in [console, consoles["old"]]:
        seqs = lambda node: [e["seq"] for e in c.events(node=node, durable=True, **{"class": "fire"})]
        wait_for(lambda: len(seqs("qj-test-01")) >= 2 and len(seqs("qj-test-b")) >= 2, what="all numbered")
        assert seqs("qj-test-01") == [1, 2] and seqs("qj-test-b") == [1, 2]
    topics = {t for _, t, _, _ in console.all()}
    assert PREFIX + "qj-test-b/event/fire" in topics and PREFIX + "qj-test-b/alarm/bpanel.smoke1~smoke" in topics and PREFIX + "qj-test-b/building" in topics
    assert PREFIX + "qj-test-b/status" not in topics and PREFIX + "qj-test-b/event/operation" not in topics
    assert {p["id"] for m in console.got("qj-test-b/directory/1") for p in m["points"]} == {f"bpanel.smoke{i}" for i in (1, 2, 3)}
    readings = [m for m in console.got("qj-test-b/reading")]
    assert readings and readings[0]["first"] == 1 and all(r[0].startswith("bpanel.") for m in readings for r in m["readings"])
    pages = console.command("replay", node="qj-test-b", log=d.status()["log"], stream="fire", **{"from": 1, "to": 9})
    assert [e["alarm"] for e in pages[0]["result"]] == ["bpanel.smoke1/smoke", "bpanel.smoke2/smoke"]
    # personal
    for c, keys in ((console, {"unit", "uscc"}), (consoles["names"], {"unit", "uscc", "name"}), (consoles["full"], {"unit", "uscc", "name", "phone"})):
        for building in c.got("/building"):
            assert set(building["parties"]["manager"]) == keys


def test_a_hub_that_was_away_gets_everything(site):
    """Two hubs with a broker each; one goes and comes back: both have each event once by number, in order."""
    brokers = [site.add(Broker(site.folder, name=f"b{i}", persistence=i == 1)).start() for i in range(2)]
    consoles = [site.console(b, persistent=b is brokers[1]) for b in brokers]
    eq = site.equipment()
    d = site.daemon(site_text(site.folder, bus(eq.ports[0], smoke_points(20), every="50ms"), rules=SMOKE_RULE + CONFIRM_RULE,
                              hubs="".join(hub(b.port, name=f"h{i}") for i, b in enumerate(brokers))))
    d.hub_up("h0").hub_up("h1")
    for i in range(5):
        eq.set(1, i, 1)
    for c in consoles:
        wait_for(lambda: c.events(alarm="facp.smoke5/smoke"), what="the first five")
    brokers[1].terminate()
    for i in range(5, 15):
        eq.set(1, i, 1)
    wait_for(lambda: consoles[0].events(alarm="facp.smoke15/smoke"), what="the next ten at the one that is there")
    assert not consoles[1].events(alarm="facp.smoke15/smoke")
    brokers[1].start()
    wait_for(lambda: consoles[1].events(alarm="facp.smoke15/smoke"), seconds=40, what="the next ten at the other")
    last = max(e["n"] for e in consoles[0].events(durable=True))
    for c in consoles:
        def numbers():
            got = sorted({e["n"] for e in c.events(durable=True)})
            return got if got[-1] >= last and got == list(range(1, got[-1] + 1)) else None
        wait_for(numbers, what="no gap")
        fire = [e["seq"] for e in c.events(durable=True, **{"class": "fire"})]
        assert [s for i, s in enumerate(fire) if s not in fire[:i]] == sorted(set(fire)), "first appearances are in order"


def test_an_uplink_whose_files_moved_starts_anew(site):
    """What parses the network is kept in by the kernel, and may read only where its files stood when it began: a password that moves needs a new process, and gets it."""
    if ctypes.CDLL(None).syscall(444, 0, 0, 1) < 1:  # landlock_create_ruleset: the version
        pytest.skip("needs a kernel with Landlock")
    for name in ("keys", "elsewhere"):
        (site.folder / name).mkdir()
        (site.folder / name / "secret").write_text("hunter\n")
    eq, port = site.equipment(), free_port()
    d = site.daemon(site_text(site.folder, bus(eq.ports[0], smoke_points(1)), hubs=hub(port, more=", username: gw, password_file: keys/secret")))
    wait_for(lambda: "refused" in (d.hub()["why"] or ""), what="nobody listens")
    before = d.uplinks()
    (site.folder / "keys" / "secret").unlink()
    (site.folder / "keys" / "secret").symlink_to(site.folder / "elsewhere" / "secret")
    wait_for(lambda: d.uplinks() and d.uplinks() != before and "refused" in (d.hub()["why"] or ""), seconds=60, what="a new process that reads it")
    assert "another one now: starting anew" in d.text() and "Permission denied" not in d.text()
    after = d.uplinks()
    (site.folder / "elsewhere" / "next").write_text("other\n")
    (site.folder / "elsewhere" / "next").rename(site.folder / "elsewhere" / "secret")
    session = d.hub()["session"]
    wait_for(lambda: d.hub()["session"] > session + 1, seconds=90, what="the next attempts")
    assert d.uplinks() == after, "a file that is replaced where it stands needs none"


def test_messages_that_are_dropped_for_want_of_room_are_counted_and_said(site):
    broker = site.broker()
    console = site.console(broker)
    eq = site.equipment()
    d = site.daemon(site_text(site.folder, bus(eq.ports[0], smoke_points(1)), hubs=hub(broker.port, more=', version: "3.1.1"')))
    d.hub_up()
    assert d.hub()["dropped"] == 0
    topic = f"{PREFIX}qj-test-01/command/snapshot"
    for _ in range(3):
        console.client.publish(topic, b"x" * 200000, 1)
    wait_for(lambda: d.hub()["dropped"] == 3, what="those that are too large")
    lines = lambda why: [t for t in d.text().splitlines() if "messages of the hub were dropped" in t and why in t]
    assert len(lines("they were too large")) == 1
    d.signal(signal.SIGSTOP)
    for _ in range(200):
        console.client.publish(topic, b"x" * 100000, 1)
    wait_for(lambda: sum(len(p) == 100000 for _, _, p, _ in console.all()) == 200, what="the broker gave them to whoever is subscribed")
    d.signal(signal.SIGCONT)
    wait_for(lambda: d.hub()["dropped"] > 20, what="those that came while it did not read")
    assert len(lines("they came faster than they could be taken")) == 1, d.text()
