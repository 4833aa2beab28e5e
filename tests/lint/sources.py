"""What the lints share: the rooms, their source files, and how a finding is told."""
import os
import sys

ROOMS = ("core", "drivers", "rules", "storage", "gateway", "tests")


def sources(root, suffixes=(".c", ".h")):
    """Paths relative to root of all C files of the rooms, sorted."""
    found = []
    for room in ROOMS:
        for folder, _, names in os.walk(os.path.join(root, room)):
            found += [os.path.relpath(os.path.join(folder, n), root) for n in names if n.endswith(suffixes)]
    return sorted(found)


def finish(findings, checked, what):
    """Prints the findings and ends the program: 0 none, 1 some. A lint that looked at nothing is broken, not content."""
    for finding in findings:
        print(finding)
    print(f"{checked} {what} checked, {len(findings)} findings")
    if checked == 0:
        sys.exit(f"no {what} found")
    sys.exit(1 if findings else 0)
