"""Every type in every order, and what a table may do to a value, from a server that is not ours to a console that is not ours. What is expected is packed here, with struct alone."""
import struct
from decimal import Decimal

from stage import bus, hub, site_text, wait_for

ORDERS = ("ABCD", "CDAB", "BADC", "DCBA")


def registers(data, order="ABCD"):
    """The registers in which a device of this order keeps these bytes (most significant first)."""
    words = [data[i:i + 2] for i in range(0, len(data), 2)]
    if order in ("CDAB", "DCBA"):
        words.reverse()
    if order in ("BADC", "DCBA"):
        words = [w[::-1] for w in words]
    return [int.from_bytes(w, "big") for w in words]


def text_registers(text, size, order):
    data = text.encode().ljust(size + size % 2, b"\0")
    if order in ("BADC", "DCBA"):
        data = b"".join(data[i:i + 2][::-1] for i in range(0, len(data), 2))
    return [int.from_bytes(data[i:i + 2], "big") for i in range(0, len(data), 2)]


class Table:
    """Points beside one another in one register space, each with what is to come out."""

    def __init__(self):
        self.image, self.points, self.expected = {3: [], 4: []}, [], {}

    def add(self, words, value, quality="good", fc=3, kind="generic", name=None, **columns):
        name = name or f"p{len(self.points)}"
        fields = {"point": name, "kind": kind, "fc": fc, "register": len(self.image[fc]), "every": "200ms", **columns}
        self.points.append("{" + ", ".join(f"{k}: {v}" for k, v in fields.items()) + "}")
        self.image[fc] += words
        self.expected[f"facp.{name}"] = (value if quality == "good" else None, quality)
        return name

    def pack(self, layout, raw, type_, order="ABCD", **more):
        """A number as it is."""
        value = more.pop("value", struct.unpack(layout, struct.pack(layout, raw))[0])
        if isinstance(value, int) and abs(value) > 2 ** 53:
            value = str(value)
        self.add(registers(struct.pack(layout, raw), order), value, type=type_, order=order, **more)


NUMBERS = [
    ("i16", ">h", [-2, 0x1234, -32768]), ("u16", ">H", [0x1234, 65535]),
    ("i32", ">i", [-3, 0x12345678, -2147483648]), ("u32", ">I", [0x12345678, 4294967295]),
    ("i64", ">q", [-4, 2 ** 53, -2 ** 53 - 1, -2 ** 63, 2 ** 63 - 1]), ("u64", ">Q", [5, 2 ** 53 + 1, 2 ** 64 - 1]),
    ("f32", ">f", [-0.15625, 0.1, 16777217.0, 1e-45]), ("f64", ">d", [-0.1, 1e-300, 3.141592653589793]),
]


def whole_table():
    t = Table()
    for order in ORDERS:
        for type_, layout, values in NUMBERS:
            for v in values:
                t.pack(layout, v, type_, order)
        for n in (0, 42, 9876):
            t.add(registers(bytes.fromhex(f"{n:04d}"), order), n, type="bcd16", order=order)
        t.add(registers(bytes.fromhex("98765432"), order), 98765432, type="bcd32", order=order)
        t.add(registers(bytes.fromhex("12AB"), order), None, "device", type="bcd16", order=order)
        t.add(text_registers("QJ-12栋", 10, order), "QJ-12栋", type="string:10", order=order)
        t.add(text_registers("ABCDE", 5, order), "ABCDE", type="string:5", order=order)
        for raw in (0, 1, 0x0100):
            t.add([raw], int(raw != 0), type="bool", order=order)
        # bits are counted after the order
        t.add(registers(struct.pack(">H", 0b1000_0000_0010_1000), order), 1, type="u16", order=order, bit=3)
        t.add(registers(struct.pack(">H", 0b1000_0000_0010_1000), order), 0, type="u16", order=order, bit=4)
        t.add(registers(struct.pack(">H", 0xA5C3), order), 0x5C, type="u16", order=order, bit="4..11")
        t.add(registers(struct.pack(">I", 0xDEADBEEF), order), 0xADBE, type="u32", order=order, bit="8..23")
        for layout, type_ in ((">f", "f32"), (">d", "f64")):
            for bad in (float("nan"), float("inf")):
                t.pack(layout, bad, type_, order, value=None, quality="device")
    # scale and offset: the double nearest to the decimal result
    for raw, scale, offset in ((35, "0.01", "0"), (12345, "0.001", "-40"), (-7, "0.1", "0.3"), (3, "1000", "0"), (29, "0.07", "0.02")):
        t.pack(">h", raw, "i16", scale=scale, offset=offset, value=float(Decimal(raw) * Decimal(scale) + Decimal(offset)))
    t.pack(">q", 9007199254740993, "i64", scale="0.01", value=float(Decimal(9007199254740993) / 100))
    for decimals in (0, 2, 4):
        t.image[3].append(decimals)
        t.pack(">h", -1234, "i16", decimals_from=len(t.image[3]) - 1, value=float(Decimal(-1234).scaleb(-decimals)))
    t.image[3].append(77)
    t.pack(">h", 5, "i16", decimals_from=len(t.image[3]) - 1, value=None, quality="device")
    # sentinels, raw and after bits
    t.pack(">H", 65535, "u16", invalid='"65535|0x7FFF"', value=None, quality="device")
    t.pack(">H", 0x7FFF, "u16", invalid='"65535|0x7FFF"', value=None, quality="device", scale="0.1")
    t.pack(">H", 0x7FFE, "u16", invalid='"65535|0x7FFF"')
    t.pack(">H", 0x0F12, "u16", bit="8..11", invalid="15", value=None, quality="device")
    t.pack(">h", -1, "i16", invalid="-1", value=None, quality="device")
    # limits of what can be
    for raw, good in ((0, True), (100, True), (101, False), (-1, False)):
        t.pack(">h", raw, "i16", min="0", max="100", value=raw if good else None, quality="good" if good else "range")
    t.pack(">h", 1001, "i16", scale="0.1", min="0", max="100", value=None, quality="range")
    # words of an enum
    for raw, quality in ((0, "good"), (3, "good"), (2, "range")):
        t.pack(">H", raw, "u16", enum='"0=auto|1=manual|3=off"', value=raw if quality == "good" else None, quality=quality, kind="pump_mode")
    # units
    for raw, unit, scale, value, kind in ((350, "kPa", "1", 0.35, "hydrant_pressure"), (35, "kPa", "10", 0.35, "hydrant_pressure"), (42, "bar", "0.1", 0.42, "hydrant_pressure"),
                                          (35, "MPa", "0.01", 0.35, "hydrant_pressure"), (1500, "mm", "1", 1.5, "tank_level"), (250, "cm", "1", 2.5, "pool_level"),
                                          (3, "A", "0.1", 300, "residual_current")):
        t.pack(">h", raw, "i16", unit=unit, scale=scale, value=value, kind=kind)
    # input registers
    t.pack(">i", -123456, "i32", "CDAB", fc=4)
    t.add([7, 0], 7, fc=4, type="u16")
    return t


def test_every_type_and_order_arrives_as_it_is(site):
    broker = site.broker()
    console = site.console(broker)
    eq = site.equipment()
    t = whole_table()
    points = t.points + [f"{{point: coil{i}, kind: device_status, fc: 1, register: {i}, type: bool}}" for i in range(11)]
    points += [f"{{point: input{i}, kind: device_status, fc: 2, register: {100 + i}, type: bool}}" for i in range(11)]
    for i in range(11):
        t.expected[f"facp.coil{i}"] = (int(i % 3 == 0), "good")
        t.expected[f"facp.input{i}"] = (int(i % 4 == 1), "good")
    eq.set(3, 0, t.image[3])
    eq.set(4, 0, t.image[4])
    eq.set(1, 0, [i % 3 == 0 for i in range(11)])
    eq.set(2, 100, [i % 4 == 1 for i in range(11)])
    d = site.daemon(site_text(site.folder, bus(eq.ports[0], points, timeout="2s", every="1s"), hubs=hub(broker.port)))

    def arrived():
        got = {}
        for m in console.got("/reading"):
            for row in m["readings"]:
                if (row[3] if len(row) > 3 else "good") not in ("comm", "never", "stale"):
                    got[row[0]] = (row[2], row[3] if len(row) > 3 else "good")
        return got if t.expected.keys() <= got.keys() else None
    got = wait_for(arrived, seconds=30, what="a reading of each point")
    here = {k: (p["value"], p["quality"]) for k, p in d.points().items()}
    described = {f"facp.p{i}": p for i, p in enumerate(t.points)}
    wrong = [f"{described.get(k, k)}: expected {v!r}, the hub got {got[k]!r}, the socket {here[k]!r}" for k, v in t.expected.items()
             if got[k] != v or here[k] != v or type(got[k][0]) is str and not isinstance(v[0], str)]
    assert not wrong, "\n".join(wrong)
    assert len(t.expected) > 200


def test_a_wrong_device_says_so_in_the_quality_only(site):
    """An address that the device does not have costs that point alone; the rest of the block is read around it."""
    broker = site.broker()
    eq = site.equipment(size=100)
    eq.set(3, 0, list(range(100)))
    points = [f"{{point: p{r}, kind: generic, fc: 3, register: {r}, type: u16}}" for r in (0, 1, 98, 99, 100, 101, 105)]
    d = site.daemon(site_text(site.folder, bus(eq.ports[0], points), hubs=hub(broker.port)))
    good = {f"facp.p{r}": r for r in (0, 1, 98, 99)}
    wait_for(lambda: {k: p["value"] for k, p in d.points().items() if p["quality"] == "good"} == good, seconds=20, what="the registers that there are")
    bad = wait_for(lambda: all(d.points()[f"facp.p{r}"]["quality"] in ("device", "comm") for r in (100, 101, 105)), what="the others' quality")
    assert bad
