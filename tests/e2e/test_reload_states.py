"""What hubs hold retained of an alarm, when a reload moves nodes, classes and rules under it: the topic, the class and the rev of what it is now, and nothing of what it was."""
from stage import PREFIX, SMOKE_RULE, bus, hub, site_text, smoke_points, wait_for
from test_reload import reload

FIRE = "dc.smoke1/smoke"


class Nodes:
    """A building of its own node for each letter, with a line, a device and a detector."""

    def __init__(self, site):
        self.site, self.broker = site, site.broker(persistence=True)  # what comes before the console is back, waits for it
        self.console, self.eq = site.console(self.broker, persistent=True), site.equipment(n=3)

    def text(self, buildings, lines=None, move=None, more=""):
        rows = "".join(f"    - {{id: {b}, name: {b}, class: class1-public, height_m: 98, floors: 32, basements: 2, node: node-{b}}}\n" for b in buildings)
        lines = "".join(bus(self.eq.ports["abc".index(i)], smoke_points(1), name=f"l{i}", device=f"d{i}").replace("building: a", f"building: {move or i}") for i in lines or buildings)
        return site_text(self.site.folder, lines, rules=SMOKE_RULE, hubs=hub(self.broker.port, more=more), buildings=rows)

    def start(self, buildings):
        self.d = self.site.daemon(self.text(buildings)).hub_up()
        self.eq.set(1, 0, 1, port=2)
        wait_for(lambda: self.standing(), what="a fire in c")
        return self.d

    def standing(self):
        """The retained alarms of detectors: (node of the topic, node, state)."""
        return sorted((t[len(PREFIX):].split("/")[0], v["node"], v["state"]) for t, v in self.console.retained().items() if "/alarm/d" in t)

    def over(self):
        self.eq.set(1, 0, 0, port=2)
        wait_for(lambda: self.console.events(alarm=FIRE, transition="returned"), what="returned")
        self.d.ask("ack", alarm=FIRE)
        wait_for(lambda: not self.standing(), what="nothing stands")


def test_a_building_put_in_front(site):
    n = Nodes(site)
    d = n.start("bc")
    reload(d, n.console, n.text("abc"))
    n.eq.set(1, 0, 1)
    wait_for(lambda: n.standing() == [("node-a", "node-a", "active"), ("node-c", "node-c", "active")], what="each under its own node")
    assert d.hub()["reconnects"] == 0
    assert {e["alarm"] for e in n.console.command("snapshot", node="node-a")[0]["result"]} == {"da.smoke1/smoke"}, "the new node takes commands"
    n.eq.set(1, 0, 0)
    d.ask("ack", alarm="da.smoke1/smoke")
    n.over()
    assert all(e["node"] == "node-c" for e in n.console.events(alarm=FIRE))


def test_a_building_that_goes_while_its_hub_is_away(site):
    """Its node keeps its place: the hub that comes back hears of the end, also after a restart, and what it held of the node is cleared."""
    n = Nodes(site)
    d = n.start("bc")
    wait_for(lambda: any(t.startswith(PREFIX + "node-c/building") for t in n.console.retained()), what="the building")
    n.broker.terminate()
    d.site.write_text(n.text("b"))
    d.signal(1)
    wait_for(lambda: FIRE not in d.alarms(), what="the reload")
    d.terminate()
    d.start()
    n.broker.start()
    gone = wait_for(lambda: n.console.events(alarm=FIRE, transition="removed"), seconds=40, what="removed")[0]
    assert gone["node"] == "node-c" and gone["rev"] == 2
    reload(d, n.console, n.text("bc"))
    wait_for(lambda: n.console.events(alarm=FIRE, transition="raised", node="node-c", rev=3), what="raised anew")


def test_a_building_that_goes_takes_its_states_along(site):
    n = Nodes(site)
    d = n.start("bc")
    of_c = lambda: [t for t in n.console.retained() if t.startswith(PREFIX + "node-c/")]
    wait_for(lambda: len(of_c()) >= 3, what="alarm, directory and building")
    reload(d, n.console, n.text("b"))
    wait_for(lambda: not of_c(), what="all that is node-c's is cleared")


def test_a_device_that_moves_to_another_building(site):
    n = Nodes(site)
    d = n.start("bc")
    reload(d, n.console, n.text("bc", lines="bc", move="b"))
    wait_for(lambda: n.standing() == [("node-b", "node-b", "active")], what="it stands where it is now, and only there")
    wait_for(lambda: n.console.events(alarm=FIRE, node="node-b", durable=True), what="its event there")
    assert [(e["node"], e["transition"], e["rev"]) for e in n.console.events(alarm=FIRE) if e["n"]] == [("node-c", "raised", 1), ("node-c", "removed", 2), ("node-b", "raised", 3)]
    n.over()


class Classes:
    def __init__(self, site):
        self.site, self.broker = site, site.broker(persistence=True)
        self.console, self.eq = site.console(self.broker, persistent=True), site.equipment()

    def text(self, class_, classes=None):
        # operations come along, so that the test hears of its reloads
        hubs = hub(self.broker.port, more=f", classes: {classes or '[fire, operation]'}")
        return site_text(self.site.folder, bus(self.eq.ports[0], smoke_points(1)), rules=SMOKE_RULE.replace("class: fire", f"class: {class_}"), hubs=hubs)

    def standing(self):
        return [(v["class"], v["rev"]) for t, v in self.console.retained().items() if "/alarm/facp" in t]


def test_a_class_that_changes_under_a_standing_alarm(site):
    c = Classes(site)
    d = site.daemon(c.text("fault")).hub_up()
    c.eq.set(1, 0, 1)
    wait_for(lambda: d.alarms().get("facp.smoke1/smoke"), what="the fault")
    reload(d, c.console, c.text("fire"))
    raised = wait_for(lambda: c.console.events(alarm="facp.smoke1/smoke"), what="a fire that burns")[0]
    assert raised["transition"] == "raised" and raised["class"] == "fire" and raised["occurrence"] == raised["id"] and raised["rev"] == 3
    assert wait_for(c.standing, what="its state") == [("fire", 3)]
    # and back: the hub takes no faults, and holds nothing of it
    reload(d, c.console, c.text("fault"))
    removed = wait_for(lambda: c.console.events(transition="removed"), what="removed")[0]
    assert removed["class"] == "fire" and removed["rev"] == 4
    wait_for(lambda: not c.standing(), what="nothing is retained")
    assert d.alarms()["facp.smoke1/smoke"]["state"] == "active"
    # likewise by a restart
    d.terminate()
    d.site.write_text(c.text("fire"))
    d.start().hub_up()
    wait_for(lambda: c.standing() == [("fire", 7)], what="the fire stands again")


def test_a_hub_that_takes_fewer_classes(site):
    c = Classes(site)
    d = site.daemon(c.text("fault", "[fire, fault, operation]")).hub_up()
    c.eq.set(1, 0, 1)
    wait_for(c.standing, what="the fault's state")
    reload(d, c.console, c.text("fault"))
    wait_for(lambda: not c.standing(), what="it is cleared there")


def test_a_rule_out_and_in_while_the_hub_is_away(site):
    c = Classes(site)
    d = site.daemon(c.text("fire")).hub_up()
    c.eq.set(1, 0, 1)
    wait_for(c.standing, what="the fire")
    c.broker.terminate()
    for text, there in ((c.text("fire").replace("id: smoke", "id: other"), False), (c.text("fire"), True)):
        d.site.write_text(text)
        d.signal(1)
        wait_for(lambda: ("facp.smoke1/smoke" in d.alarms()) == there, what="the reload")
    c.broker.start()
    new = wait_for(lambda: [e for e in c.console.events(alarm="facp.smoke1/smoke", transition="raised") if e["rev"] > 1], seconds=40, what="raised anew")[0]
    assert new["rev"] > c.console.events(alarm="facp.smoke1/smoke", transition="removed")[0]["rev"] == 2
    wait_for(lambda: c.standing() == [("fire", new["rev"])], what="the fire that stands, and it alone")
