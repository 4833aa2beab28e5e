#!/usr/bin/python3
"""Every type in every order, read by our driver from pymodbus, against values packed by Python's struct.

Usage: test_modbus_types.py PATH/TO/modbus_dump
"""
import asyncio
import json
import math
import random
import struct
import subprocess
import sys
import threading

from pymodbus.datastore import ModbusSequentialDataBlock, ModbusServerContext, ModbusSlaveContext
from pymodbus.server.async_io import ModbusTcpServer
from pymodbus.transaction import ModbusSocketFramer

GOOD, COMM, DEVICE, RANGE = 0, 1, 2, 3
ORDERS = ["ABCD", "CDAB", "BADC", "DCBA"]
NUMBERS = {  # type: struct's letter, values worth a look
    "i16": ("h", [0, 1, -1, 32767, -32768, 1234]),
    "u16": ("H", [0, 1, 65535, 32768, 1234]),
    "i32": ("i", [0, -1, 2**31 - 1, -(2**31), 123456789]),
    "u32": ("I", [0, 2**32 - 1, 2**31, 123456789]),
    "i64": ("q", [0, -1, 2**63 - 1, -(2**63), 2**53, 2**53 + 1, -(2**53) - 1, 1234567890123]),
    "u64": ("Q", [0, 2**64 - 1, 2**53 + 1, 1234567890123]),
    "f32": ("f", [0.0, 1.5, -200.0, 3.4e38, 1e-40, math.nan, math.inf]),
    "f64": ("d", [0.0, -1.5, 0.1, 1e308, 5e-324, math.nan, -math.inf]),
}


def to_words(data, order):
    """The registers of big-endian `data` on a device of this order."""
    words = [data[i:i + 2] for i in range(0, len(data), 2)]
    if order in ("CDAB", "DCBA"):
        words.reverse()
    if order in ("BADC", "DCBA"):
        words = [w[::-1] for w in words]
    return [int.from_bytes(w, "big") for w in words]


def expected_number(kind, value):
    if kind in ("f32", "f64"):
        if not math.isfinite(value):
            return DEVICE, None
        return GOOD, float(value)
    if abs(value) > 2**53:
        return GOOD, str(value)
    return GOOD, float(value)


class Table:
    """Registers and the points that read them."""

    def __init__(self):
        self.registers = [0] * 65536
        self.bits = [False] * 65536
        self.at = 0
        self.lines = []
        self.expected = []

    def put(self, words, unit, fc, kind, order, quality, value, options=""):
        if self.at + len(words) > 60000:
            raise RuntimeError("table full")
        self.registers[self.at:self.at + len(words)] = words
        self.lines.append(f"{unit} {fc} {self.at} {kind} {order} {options}")
        self.expected.append((quality, value))
        # A gap now and then, within what is merged and beyond it.
        self.at += len(words) + random.choice([0, 0, 0, 3, 20])

    def put_bit(self, unit, fc, address, value):
        self.bits[address] = value
        self.lines.append(f"{unit} {fc} {address} bool ABCD")
        self.expected.append((GOOD, float(value)))


def build():
    t = Table()
    for unit in (1, 247):
        for fc in (3, 4):
            for order in ORDERS:
                for kind, (letter, values) in NUMBERS.items():
                    for value in values:
                        data = struct.pack(">" + letter, value)
                        if kind == "f32":
                            value = struct.unpack(">f", data)[0]
                        t.put(to_words(data, order), unit, fc, kind, order, *expected_number(kind, value))
                for value in (0, 9999, 1234):
                    data = bytes.fromhex(f"{value:04d}")
                    t.put(to_words(data, order), unit, fc, "bcd16", order, GOOD, float(value))
                for value in (0, 99999999, 12431116):
                    data = bytes.fromhex(f"{value:08d}")
                    t.put(to_words(data, order), unit, fc, "bcd32", order, GOOD, float(value))
                t.put(to_words(b"\x12\x3a", order), unit, fc, "bcd16", order, DEVICE, None)
                text = "水泵房1".encode()
                words = to_words(text, "ABCD" if order == "CDAB" else "BADC" if order == "DCBA" else order)
                t.put(words, unit, fc, "string", order, GOOD, "水泵房1", f"bytes={len(text)}")
                data = struct.pack(">I", 0x0001A500)
                t.put(to_words(data, order), unit, fc, "u32", order, GOOD, float(0xA5), "bit=8..15")
                t.put(to_words(data, order), unit, fc, "u32", order, GOOD, 1.0, "bit=16")
        # Scaled: the double nearest to the decimal result.
        t.put([35], unit, 3, "u16", "ABCD", GOOD, 0.35, "scale=0.01")
        t.put([1234], unit, 3, "u16", "ABCD", GOOD, -27.66, "scale=0.01 offset=-40")
        t.put([65535], unit, 3, "i16", "ABCD", DEVICE, None, "invalid=-1")
        at = t.at
        t.put([310], unit, 3, "i16", "ABCD", GOOD, 0.310, "decimals=64000")
        t.registers[64000] = 3
        assert at != 64000
    for fc in (1, 2):
        for address in list(range(0, 2100)) [::7] + [2099, 65535]:
            t.put_bit(1, fc, address, (address * 13) % 5 < 2)
    return t


def serve(t, started):
    async def run():
        def block(values):
            return ModbusSequentialDataBlock(0, values)

        def slave():
            return ModbusSlaveContext(di=block(t.bits), co=block(t.bits), hr=block(t.registers), ir=block(t.registers), zero_mode=True)

        context = ModbusServerContext(slaves={1: slave(), 247: slave()}, single=False)
        server = ModbusTcpServer(context, ModbusSocketFramer, address=("127.0.0.1", 0), allow_reuse_address=True)
        task = asyncio.ensure_future(server.serve_forever())
        await server.serving
        started.port = server.server.sockets[0].getsockname()[1]
        started.set()
        await task

    asyncio.run(run())


def same(value, shown):
    got = json.loads(shown)
    if isinstance(value, str):
        return got == value
    return not isinstance(got, str) and float(got) == value and struct.pack("d", float(got)) == struct.pack("d", value)


def main():
    seed = int(sys.argv[2]) if len(sys.argv) > 2 else random.randrange(10**6)
    print("seed", seed)
    random.seed(seed)
    t = build()
    started = threading.Event()
    threading.Thread(target=serve, args=(t, started), daemon=True).start()
    if not started.wait(30):
        print("the server did not start")
        return 1
    failures = 0
    # The tool takes 1,000 points at a time.
    for start in range(0, len(t.lines), 1000):
        lines, expected = t.lines[start:start + 1000], t.expected[start:start + 1000]
        done = subprocess.run([sys.argv[1], "127.0.0.1", str(started.port), "60"], input="\n".join(lines) + "\n", text=True,
                              capture_output=True, timeout=90, check=False)
        if done.returncode != 0:
            print("modbus_dump:", done.returncode, done.stderr)
            return 1
        seen = {int(line.split(" ", 2)[0]): line.split(" ", 2)[1:] for line in done.stdout.splitlines()}
        for i, (quality, value) in enumerate(expected):
            got_quality, shown = int(seen[i][0]), seen[i][1]
            if got_quality != quality or (quality == GOOD and not same(value, shown)):
                failures += 1
                print(f"{lines[i]}: quality {got_quality}, value {shown}; expected {quality}, {value}")
    print(f"{len(t.lines)} points, {failures} failures")
    return 1 if failures else 0


if __name__ == "__main__":
    sys.exit(main())
