"""Files to 500 lines, functions to 70, but for those that exceptions.txt names with a reason."""
import json
import os
import shutil
import subprocess
import sys

from sources import finish, sources

FILE_MAX, FUNCTION_MAX = 500, 70

root = sys.argv[1]
allowed, unused = {}, set()
with open(os.path.join(os.path.dirname(__file__), "exceptions.txt"), encoding="utf-8") as f:
    for line in f:
        if line.strip() and not line.startswith("#"):
            name, limit, reason = line.split(maxsplit=2)
            assert reason, line
            allowed[name] = int(limit)
            unused.add(name)

findings = []


def check(name, where, lines, usual):
    if lines > usual:
        unused.discard(name)
    limit = allowed.get(name, usual)
    if lines > limit:
        findings.append(f"{where}: {name} has {lines} lines, {limit} are allowed")


files = sources(root)
for path in files:
    with open(os.path.join(root, path), encoding="utf-8") as f:
        check(path, path, sum(1 for _ in f), FILE_MAX)

ctags = shutil.which("ctags")
if ctags:
    tags = subprocess.run(
        [ctags, "--output-format=json", "--fields=+ne", "--languages=C", "--langmap=C:.c.h", "--kinds-C=f", "-L", "-", "-f", "-"],
        cwd=root, input="\n".join(files), capture_output=True, text=True, check=True)
    for line in tags.stdout.splitlines():
        tag = json.loads(line)
        if tag.get("_type") == "tag" and "end" in tag:
            check(f"{tag['path']}:{tag['name']}", f"{tag['path']}:{tag['line']}", tag["end"] - tag["line"] + 1, FUNCTION_MAX)
for name in sorted(unused):
    findings.append(f"tests/lint/exceptions.txt: {name} needs no exception")
finish(findings, len(files), "files")
