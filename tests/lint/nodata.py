"""No writable data at file or function scope: everything hangs from a struct, so that two of anything live in one process.

Reads the static libraries that are built so far. The one exception is the log's sink and level."""
import glob
import os
import re
import subprocess
import sys

from sources import finish

build = sys.argv[2]
EXCEPTIONS = {("libfiregw_core.a", "log.c.o"): {"the_sink", "the_level"}}
# objdump -t: address, seven flags, section, size, name
SYMBOL = re.compile(r"^[0-9a-f]+ (.{7}) (\S+)\s+([0-9a-f]+)\s+(?:\.hidden )?(\S+)$")
MEMBER = re.compile(r"^(\S+\.o):\s+file format")
# constant once the loader is done with it; and what sanitizers and coverage put beside our own
CONSTANT = (".data.rel.ro",)
NOT_OURS = re.compile(r"\.?L|__(odr_|unnamed_)?(asan|tsan|ubsan|gcov|llvm|sanc?ov|start|stop|\d)|\.Lubsan|__func__|__PRETTY_FUNCTION__")


def is_writable(section):
    return re.match(r"\.(t?data|t?bss)(\.|$)|\*COM\*$", section) and not section.startswith(CONSTANT)


findings = []
libraries = sorted(glob.glob(os.path.join(build, "**", "libfiregw_*.a"), recursive=True))
if not libraries:
    print("nothing is built yet")
    sys.exit(77)
for library in libraries:
    out = subprocess.run(["objdump", "-t", library], capture_output=True, text=True, check=True).stdout
    member = "?"
    for line in out.splitlines():
        if match := MEMBER.match(line):
            member = match[1]
        elif match := SYMBOL.match(line):
            flags, section, size, name = match.groups()
            is_object = "O" in flags or section.startswith((".tdata", ".tbss", "*COM*"))
            if not is_object or int(size, 16) == 0:
                continue
            allowed = EXCEPTIONS.get((os.path.basename(library), member), ())
            if is_writable(section) and not NOT_OURS.match(name) and name not in allowed:
                findings.append(f"{os.path.basename(library)}: {member}: {name} is writable ({section}, {int(size, 16)} bytes)")
finish(findings, len(libraries), "libraries")
