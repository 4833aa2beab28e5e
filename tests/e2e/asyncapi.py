"""docs/asyncapi.yaml as a judge of messages: which channel a topic belongs to, and whether a payload is what that channel promises."""
import functools
import json
import pathlib
import re

import jsonschema
import yaml

DOCUMENT = pathlib.Path(__file__).resolve().parents[2] / "docs" / "asyncapi.yaml"
PAYLOAD_MAX = 128 * 1024
# Of a test's messages of one sort so many are judged, and of long ones fewer: a sort is what follows the node in the topic, and transition and cause.
SORT_MESSAGES, SORT_BYTES = 8, 64 * 1024
SORT = re.compile(rb'"transition":"(\w+)","cause":"(\w+)"')


def resolve(document, ref):
    """What a reference within the document means."""
    assert ref.startswith("#/"), f"{ref}: not within the document"
    at = document
    for key in ref[2:].split("/"):
        at = at[key]
    return at


def inlined(document, node):
    """The same without references: they are followed once here, and not at each message."""
    if isinstance(node, list):
        return [inlined(document, x) for x in node]
    if not isinstance(node, dict):
        return node
    if isinstance(node.get("$ref"), str):
        return inlined(document, resolve(document, node["$ref"]))
    return {k: inlined(document, v) for k, v in node.items()}


def each_once(pairs):
    keys = [k for k, _ in pairs]
    assert len(set(keys)) == len(keys), f"a key twice in {keys}"
    return dict(pairs)


def no_constant(word):
    raise AssertionError(f"{word} is no JSON")


def parsed(payload, content_type):
    """Bytes as what the schema speaks of."""
    text = payload.decode()
    return json.loads(text, object_pairs_hook=each_once, parse_constant=no_constant) if content_type == "application/json" else text


def causes(error):
    """The innermost of an error: of alternatives the one that came furthest."""
    while error.context:
        error = max(error.context, key=lambda e: len(e.absolute_path))
    return f"{'/'.join(map(str, error.absolute_path))}: {error.message[:300]}"


class Channel:
    def __init__(self, contract, name):
        self.name, channel, self.document = name, contract.document["channels"][name], contract.document
        parameters = {k: resolve(self.document, p["$ref"]) for k, p in channel["parameters"].items()}
        patterns = {k: "|".join(map(re.escape, p["enum"])) if "enum" in p else p["x-pattern"] for k, p in parameters.items()}
        self.regex = re.compile("".join(f"(?P<{part[1:-1]}>{patterns[part[1:-1]]})" if part[0] == "{" else re.escape(part)
                                        for part in re.findall(r"{\w+}|[^{]+", channel["address"])))
        self.messages = {k: contract.message(m["$ref"]) for k, m in channel["messages"].items()}

    def judge(self, parameters, payload):
        """The name of the message that it is, or AssertionError."""
        wrong = []
        for name, (content_type, validator) in self.messages.items():
            try:
                value = parsed(payload, content_type)
                error = next(validator.iter_errors(value), None)
            except (ValueError, AssertionError) as e:
                wrong.append(f"{name}: {e}")
                continue
            if error is None:
                beside(parameters, value)
                return name
            wrong.append(f"{name}: {causes(error)}")
        raise AssertionError("\n  ".join(wrong))


def beside(parameters, value):
    """What the topic says must be what the payload says, and what no schema can say."""
    if not isinstance(value, dict):
        return
    says = {"node": value.get("node"), "class": value.get("class"), "page": str(value.get("page")), "month": value.get("month"), "building": value.get("id"),
            "alarm": str(value.get("alarm")).replace("/", "~")}
    for key in set(says) & set(parameters):
        assert parameters[key] == says[key], f"{key}: the topic says {parameters[key]}, the payload {says[key]}"
    if "region" in value:
        assert value["region"] == parameters["district"] + parameters["town"] + parameters["community"], "region"
    if "readings" in value:
        assert value["last"] - value["first"] + 1 == len(value["readings"]), "first and last are not those of so many readings"


class Contract:
    def __init__(self):
        self.document = yaml.safe_load(DOCUMENT.read_text(encoding="utf-8"))
        self.validators = {}
        self.channels = {name: Channel(self, name) for name in self.document["channels"]}
        self.sent = {o["channel"]["$ref"].split("/")[-1]: o for o in self.document["operations"].values() if o["action"] == "send"}

    def validator(self, schema):
        return jsonschema.Draft7Validator(inlined(self.document, schema))

    def message(self, ref):
        """(content type, validator) of a component's message."""
        if ref not in self.validators:
            m = resolve(self.document, ref)
            self.validators[ref] = m.get("contentType", self.document["defaultContentType"]), self.validator(m["payload"])
        return self.validators[ref]

    def channel(self, topic):
        """(channel, parameters) of a topic, or None."""
        for c in self.channels.values():
            m = c.regex.fullmatch(topic)
            if m:
                return c, m.groupdict()
        return None

    def judge(self, topic, payload):
        """(channel's name, message's name); AssertionError says what is wrong with it."""
        found = self.channel(topic)
        assert found, f"{topic}: the document has no such channel"
        assert len(payload) <= PAYLOAD_MAX, f"{topic}: {len(payload)} bytes"
        channel, parameters = found
        try:
            return channel.name, channel.judge(parameters, payload)
        except AssertionError as e:
            raise AssertionError(f"{topic}: {payload[:2000].decode(errors='replace')}\n  {e}") from None


@functools.cache
def contract():
    return Contract()


LEFTOVER = b'{"v":1}'  # what tests retain as the rest of another life


def sample(messages):
    """Some of each sort, without what the test itself sent: (topic, payload)."""
    sorts = {}
    for topic, payload in messages:
        parts = topic.split("/")
        if len(parts) < 7 or parts[6] == "command" or payload == LEFTOVER:
            continue
        found = SORT.search(payload)
        sort = sorts.setdefault((parts[6], found.groups() if found else not payload), {})
        if len(sort) < SORT_MESSAGES and sum(len(p) for _, p in sort) < SORT_BYTES:
            sort[topic, payload] = None
    return [m for sort in sorts.values() for m in sort]


def judge_sample(consoles):
    """What a test's consoles got of the daemon is what the document promises; done at the end of every test that has one."""
    for topic, payload in sample((t, p) for c in consoles for _, t, p, _ in c.all() if t.startswith("fire/v1/")):
        contract().judge(topic, payload)
