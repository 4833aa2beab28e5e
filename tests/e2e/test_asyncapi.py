"""docs/asyncapi.yaml: it is sound, it says what the product's tables say, and every message of a life with as much in it as possible is what it promises."""
import contextlib
import copy
import itertools
import json
import re
import signal
import subprocess

import asyncapi
import jsonschema
import pytest
from stage import BIN, CONFIRM_RULE, PREFIX, ROOT, SMOKE_RULE, Console, bus, hub, site_text, smoke_points, wait_for

NODE = PREFIX + "qj-test-01/"
C = asyncapi.contract()
SCHEMAS = C.document["components"]["schemas"]


# ---- the document ----

def dicts(node, path=()):
    if isinstance(node, dict):
        yield path, node
    for key, value in node.items() if isinstance(node, dict) else enumerate(node) if isinstance(node, list) else ():
        yield from dicts(value, (*path, key))


def test_every_reference_leads_somewhere_and_every_component_is_used():
    refs = {n["$ref"] for _, n in dicts(C.document) if isinstance(n.get("$ref"), str)}
    for ref in refs:
        asyncapi.resolve(C.document, ref)
    for group, components in C.document["components"].items():
        assert not {f"#/components/{group}/{name}" for name in components} - refs, "nobody refers to these"


def test_the_structure():
    """AsyncAPI 3.0.0, as far as it concerns this document."""
    d = C.document
    assert d["asyncapi"] == "3.0.0" and {"title", "version"} <= set(d["info"]) and d["defaultContentType"] == "application/json"
    assert set(d) == {"asyncapi", "info", "defaultContentType", "servers", "channels", "operations", "components"}
    assert all({"host", "protocol"} <= set(s) for s in d["servers"].values())
    for name, c in d["channels"].items():
        assert c["messages"] and set(c) - {"x-not-yet"} == {"address", "title", "parameters", "messages"}, name
        assert set(re.findall(r"{(\w+)}", c["address"])) == set(c["parameters"]) and "?" not in c["address"] and "#" not in c["address"], name
    for name, p in d["components"]["parameters"].items():
        assert set(p) <= {"enum", "default", "description", "examples", "location", "x-pattern"} and ("enum" in p) != ("x-pattern" in p), name
        assert all(re.fullmatch(p["x-pattern"], e) for e in p.get("examples", [])), name
    for name, m in d["components"]["messages"].items():
        assert m["title"] and set(m) <= {"title", "description", "contentType", "payload", "examples"}, name
    for name, o in d["operations"].items():
        channel = o["channel"]["$ref"]
        assert o["action"] in ("send", "receive") and all(m["$ref"].startswith(channel + "/messages/") for m in o.get("messages", [])), name
        assert ("reply" in o) == (o["action"] == "receive"), name
        assert all(m["$ref"].startswith(o["reply"]["channel"]["$ref"] + "/messages/") for m in o.get("reply", {}).get("messages", [])), name
        assert set(o["bindings"]["mqtt"]) == {"qos", "retain", "bindingVersion"} and o["bindings"]["mqtt"]["qos"] == 1, name
        # What can be taken back is retained, and only that.
        assert o["bindings"]["mqtt"]["retain"] == ("cleared" in resolved(channel)["messages"]), name
    of_channels = {o[k]["channel"]["$ref"].split("/")[-1] for o in d["operations"].values() for k in ("reply",) if k in o} | {o["channel"]["$ref"].split("/")[-1] for o in d["operations"].values()}
    assert of_channels == set(d["channels"]), "a channel without an operation"


def resolved(ref):
    return asyncapi.resolve(C.document, ref)


def test_the_schemas_are_schemas():
    for name in SCHEMAS:
        schema = asyncapi.inlined(C.document, SCHEMAS[name])
        jsonschema.Draft7Validator.check_schema(schema)
        for path, n in dicts(schema):
            if "required" in n and isinstance(n.get("properties"), dict) and "additionalProperties" in n:
                assert set(n["required"]) <= set(n["properties"]) or isinstance(n["additionalProperties"], dict), f"{name}{path}: required, and not there"
    for name in ("event", "readings", "lost", "directory", "entry", "building", "status", "report", "refusal", "gbOfEvent"):
        assert SCHEMAS[name]["additionalProperties"] is False, name


def test_the_examples_are_valid():
    seen = 0
    for name, m in C.document["components"]["messages"].items():
        _, validator = C.message(f"#/components/messages/{name}")
        for example in m.get("examples", []):
            assert [asyncapi.causes(e) for e in validator.iter_errors(example["payload"])] == [], (name, example["name"])
            seen += 1
        assert m.get("examples") or name == "report", f"{name} has no example"
    assert seen >= 15


def test_topics_belong_to_one_channel():
    for name, topic in {"event": "event/fire", "reading": "reading", "alarm": "alarm/a.12-N~fire-confirmed", "directory": "directory/12", "building": "building", "furtherBuilding": "building/b",
                        "report": "report/2026-11", "status": "status", "lost": "lost", "command": "command/snapshot", "reply": "reply/console/7"}.items():
        assert [c.name for c in C.channels.values() if c.regex.fullmatch(NODE + topic)] == [name]
    for topic in ("event/reading", "event", "alarm/x", "directory/0", "directory/", "report/2026-13", "status/1", "readings", "building/B"):
        assert C.channel(NODE + topic) is None, topic
    assert C.channel("fire/v1/50011/002/003/x/status") is None and C.channel("fire/v1/500110/002/003/X/status") is None


# ---- the words of the product ----

@pytest.fixture(scope="module")
def words():
    told = subprocess.run([BIN / "gen_docs", "words"], check=True, capture_output=True, text=True).stdout
    table = {}
    for line in told.splitlines():
        what, _, word = line.partition(" ")
        table.setdefault(what, []).append(word)
    return table


def test_the_words_are_the_tables(words):
    for name in ("class", "stream", "hazard", "cause", "mode", "quality", "kind", "alarmTransition", "operationTransition"):
        assert SCHEMAS[name]["enum"] == words[name], name
    assert SCHEMAS["state"]["enum"] == [s for s in words["state"] if s != "pending"], "pending is internal"
    event, status = SCHEMAS["event"]["properties"], SCHEMAS["status"]["properties"]
    verdicts = words["verdict"]
    assert event["verdict"]["properties"]["what"]["enum"] == verdicts and SCHEMAS["reportClass"]["properties"]["verdicts"]["required"] == [*verdicts, "none"]
    assert status["alarms"]["required"] == status["alarms"]["propertyNames"]["enum"] == [c for c in words["class"] if c != "operation"]
    assert status["tests"]["items"]["properties"]["mode"]["enum"] == [m for m in words["mode"] if m != "normal"]
    assert status["streams"]["propertyNames"]["pattern"].split("/")[1] == f"({'|'.join(words['stream'])})$"
    assert SCHEMAS["readings"]["properties"]["readings"]["items"]["items"][3]["enum"] == [q for q in words["quality"] if q != "good"]
    assert SCHEMAS["building"]["properties"]["class"]["enum"] == [*words["building"], None]
    assert C.document["components"]["parameters"]["class"]["enum"] == words["class"]
    assert SCHEMAS["tally"]["propertyNames"]["enum"] == ["device", "rule", "raised", "reraised", *words["class"]] and SCHEMAS["measure"]["propertyNames"]["enum"] == ["all", *words["class"]]
    assert len(SCHEMAS["event"]["allOf"][-1]["oneOf"]) == len(words["class"])


def test_the_moves_are_the_table(words):
    """Of all moves that could be said those of docs/alarms.md, which is written from core/alarm.c, are valid, and no other."""
    allowed = {("escalated", s, s) for s in ("active", "returned")}
    allowed |= {(t, s, s) for t in ("verified", "shelved", "unshelved", "suppressed", "unsuppressed", "chattering") for s in SCHEMAS["state"]["enum"]}
    for line in (ROOT / "docs" / "alarms.md").read_text().splitlines():
        cells = [c.strip() for c in line.split("|")[1:-1]]
        if len(cells) == 6 and cells[0] in words["state"]:
            for cell in cells[2:]:
                at = cells[0]
                for transition, to in re.findall(r"(\w+) → (\w+)", cell):
                    allowed.add((transition, at, to))
                    at = to
    assert len(allowed) > 45
    validator = C.validator(SCHEMAS["move"])
    for move in itertools.product(words["alarmTransition"] + words["operationTransition"], words["state"], words["state"]):
        assert validator.is_valid(dict(zip(("transition", "from", "state"), move))) == (move in allowed), move


# ---- what is not valid ----

def refused(topic, payload, *what):
    with contextlib.suppress(AssertionError):
        pytest.fail(f"{what} passed as {C.judge(topic, payload)}")


def payload_of(message, name):
    return copy.deepcopy(next(e["payload"] for e in C.document["components"]["messages"][message]["examples"] if e["name"] == name))


EVENT_MUTATIONS = {
    "a field too much": lambda e: e.update(colour="red"), "an unknown class": lambda e: e.update({"class": "smoke", "stream": "smoke"}), "another stream": lambda e: e.update(stream="fault"),
    "an unknown transition": lambda e: e.update(transition="ended"), "pending": lambda e: e.update({"from": "pending"}), "a move that is none": lambda e: e.update(state="acked", acked=True),
    "a time without a zone": lambda e: e.update(at="2026-11-24T10:07:08.123"), "a time without milliseconds": lambda e: e.update(since="2026-11-24T10:07:08+08:00"),
    "a flag as a number": lambda e: e.update(shelved=0), "stored, and no seq": lambda e: e.update(seq=None), "not stored, and a seq": lambda e: e.update(durable=False),
    "another version": lambda e: e.update(v=2), "no gateway": lambda e: e.pop("gateway"), "an id that is none": lambda e: e.update(id="1042"), "a kind that is none": lambda e: e.update(kind="smoke"),
    "a cause that is none": lambda e: e.update(cause="operator"), "a quality that is none": lambda e: e.update(quality="bad"), "a mode that is none": lambda e: e.update(mode="exercise"),
    "an alarm that is none": lambda e: e.update(alarm=None), "an operation with an alarm": lambda e: e.update({"class": "operation", "stream": "operation", "transition": "started"}),
    "a priority beyond 5": lambda e: e.update(priority=6), "a signal of a fire": lambda e: e.update(signal="start"), "one language": lambda e: e["message"].pop("en"),
    "a verdict that is none": lambda e: e.update(verdict={"what": "maybe", "cause": None}), "verified without a verdict": lambda e: e.update(transition="verified", **{"from": "active"}),
    "shelved without an end": lambda e: e.update(shelved=True), "an end of a test": lambda e: e.update(until="2026-11-24T10:07:08.123+08:00"), "a seq of 0": lambda e: e.update(seq=0),
    "a revision as text": lambda e: e.update(rev="1"), "active and normal": lambda e: e.update(transition="cleared", state="normal", **{"from": "returned"}),
}


def test_an_event_that_is_changed_is_refused():
    topic = NODE.replace("qj-test-01", "qj-wenlong-01") + "event/fire"
    raised = payload_of("event", "raised")
    for field in SCHEMAS["event"]["required"]:
        assert field in raised
    assert C.judge(topic, json.dumps(raised).encode()) == ("event", "event")
    for what, mutate in EVENT_MUTATIONS.items():
        e = copy.deepcopy(raised)
        mutate(e)
        refused(topic, json.dumps(e).encode(), what)
    for field in raised:
        refused(topic, json.dumps({k: v for k, v in raised.items() if k != field}).encode(), field)
    whole = json.dumps(raised)
    for bad in (whole[:-1], "[]", "", whole.replace('"value": 1', '"value": NaN'), whole[:-1] + ',"seq":58}', whole.replace("{", '{"pad":"' + "x" * 131072 + '",', 1)):
        assert bad != whole
        refused(topic, bad.encode(), bad[:80])
    for other in ("event/fault", "alarm/facp.f12-smoke-4~smoke", "status", "lost", "reading"):
        refused(topic.replace("event/fire", other), whole.encode(), other)
    refused(topic.replace("wenlong", "lin"), whole.encode(), "another node")


def test_what_is_no_event_and_is_changed_is_refused():
    topic = NODE.replace("qj-test-01", "qj-wenlong-01")
    cases = {
        ("readings", "two", "reading"): [lambda o: o["readings"][0].append("comm"), lambda o: o["readings"][1].append(1), lambda o: o["readings"][1].__setitem__(3, "good"), lambda o: o.update(last=8803),
                                         lambda o: o["readings"][0].__setitem__(0, "hyd"), lambda o: o["readings"][0].__setitem__(2, True), lambda o: o.update(readings=[]), lambda o: o.update(stream="fire")],
        ("status", "online", "status"): [lambda o: o.update(reason="lost"), lambda o: o.update(online=False), lambda o: o["alarms"].pop("fire"), lambda o: o["alarms"].update(operation=1),
                                         lambda o: o["streams"].update({"qj-wenlong-01/smoke": {"first": 1, "stored": 1, "sent": 1}}), lambda o: o.update(config="0f34"), lambda o: o.update(session="812"),
                                         lambda o: o["tests"][0].update(mode="normal"), lambda o: o.update(clock="good"), lambda o: o.pop("duty")],
        ("directory", "one", "directory/1"): [lambda o: o.update(page=2), lambda o: o["points"][0].pop("enum"), lambda o: o["points"][0]["limits"].update(low3=1), lambda o: o["points"][1].update(kind="pump")],
        ("building", "full", "building"): [lambda o: o["parties"]["manager"].pop("name"), lambda o: o["parties"].update(chief={}), lambda o: o.update(region="500110002004"),
                                           lambda o: o.update({"class": "tower"}), lambda o: o["location"].pop("datum")],
        ("lost", "numbered", "lost"): [lambda o: o.update(why="weather"), lambda o: o.update(count=1), lambda o: o.pop("to_seq"), lambda o: o.update(stream="x")],
        ("snapshotReply", "one", "reply/snapshot"): [lambda o: o.update(ok=False), lambda o: o["result"][0].pop("rev"), lambda o: o.update(more=1), lambda o: o.update(id="x" * 97)],
        ("refusal", "expired", "reply/snapshot"): [lambda o: o.update(ok=True), lambda o: o.pop("error")],
    }
    for (message, name, below), mutations in cases.items():
        whole = payload_of(message, name)
        C.judge(topic + below, json.dumps(whole).encode())
        for i, mutate in enumerate(mutations):
            o = copy.deepcopy(whole)
            mutate(o)
            refused(topic + below, json.dumps(o).encode(), message, i)
    for below in ("event/fire", "reading", "lost", "reply/snapshot"):
        refused(topic + below, b"", below)
    assert C.judge(topic + "alarm/a.b~c", b"") == ("alarm", "cleared")
