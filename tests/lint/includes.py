"""Which room may include what: core <- { drivers | rules | storage } <- gateway <- tests, and each outside library has one home."""
import os
import re
import sys

from sources import finish, sources

root = sys.argv[1]

MAY_SEE = {
    "core": {"core"},
    "drivers": {"core", "drivers"},
    "rules": {"core", "rules"},
    "storage": {"core", "storage"},
    "gateway": {"core", "drivers", "rules", "storage", "gateway"},
    "tests": {"core", "drivers", "rules", "storage", "gateway", "tests"},
}
# header (as a pattern) -> folders that are its home; tests are free
HOME = {
    r"uv\.h|uv/.*": ["gateway/"],
    r"(modbus/)?modbus(-\w+)?\.h": ["drivers/modbus/", "gateway/sim/"],
    r"sqlite3(ext)?\.h": ["storage/"],
    r"MQTT\w+\.h": ["gateway/uplink/"],
    r"jansson\.h|yaml\.h|csv\.h|systemd/.*": ["gateway/"],
}
# core is the C library only, and no I/O; of a zone it needs time.h, of texts stdio.h's snprintf
CORE_MAY = {
    "assert.h", "ctype.h", "errno.h", "float.h", "inttypes.h", "limits.h", "math.h", "stdalign.h", "stdarg.h", "stdatomic.h", "stdbool.h",
    "stddef.h", "stdint.h", "stdio.h", "stdlib.h", "string.h", "time.h",
}
INCLUDE = re.compile(r'^\s*#\s*include\s*([<"])([^>"]+)[>"]')


def room_of(path):
    return path.split("/", 1)[0]


def judge(path, bracket, name):
    room = room_of(path)
    if bracket == '"':
        target = name
        if room_of(name) not in MAY_SEE:
            # beside the file that includes it, or made by the build
            beside = os.path.normpath(os.path.join(os.path.dirname(path), name))
            if not os.path.exists(os.path.join(root, beside)):
                return None
            target = beside
        if room_of(target) not in MAY_SEE[room]:
            return f"{room}/ must not see {room_of(target)}/"
    for pattern, homes in HOME.items():
        if room != "tests" and re.fullmatch(pattern, name) and not any(path.startswith(h) for h in homes):
            return f"the home of <{name}> is {' and '.join(homes)}"
    if room == "core" and bracket == "<" and name not in CORE_MAY:
        return "core/ uses the C library only"
    return None


findings = []
files = sources(root)
for path in files:
    with open(os.path.join(root, path), encoding="utf-8") as f:
        for number, line in enumerate(f, 1):
            match = INCLUDE.match(line)
            why = match and judge(path, match[1], match[2])
            if why:
                findings.append(f"{path}:{number}: {line.strip()}: {why}")
finish(findings, len(files), "files")
