"""What is in the programs and what is not."""
import subprocess

import pytest
from stage import BIN

PROGRAMS = ("firegwd", "firegw", "firegw-uplink")


@pytest.mark.parametrize("program", PROGRAMS)
def test_nothing_that_writes_to_equipment(program):
    """No name of libmodbus that writes is imported or defined: read-only is a matter of what is there (DESIGN.md, promise 7)."""
    names = set()
    for args in (["-D"], []):
        done = subprocess.run(["nm", *args, BIN / program], capture_output=True, text=True)
        names |= {line.split()[-1].split("@")[0] for line in done.stdout.splitlines() if line.strip()}
    assert len(names) > 50, "nm shows symbols"
    modbus = {n for n in names if n.startswith(("modbus_", "_modbus"))}
    assert not {n for n in names if "write_bit" in n or "write_register" in n or "mask_write" in n or "write_and_read" in n or n.startswith("modbus_write")}, modbus
    if program == "firegwd":
        assert {"modbus_read_registers", "modbus_read_input_registers", "modbus_read_bits", "modbus_read_input_bits"} <= modbus, "the test sees the library's names"
        assert "modbus_send_raw_request" not in modbus, "nor a way around them"
    if program == "firegw-uplink":
        assert not modbus


def test_who_uses_which_library():
    """The broker's library stands in the uplink alone, the database and the field's in the daemon."""
    def needs(program):
        done = subprocess.run(["readelf", "-d", BIN / program], capture_output=True, text=True, check=True)
        return {line.split("[")[1].split(".so")[0] for line in done.stdout.splitlines() if "(NEEDED)" in line}
    daemon, uplink, command = needs("firegwd"), needs("firegw-uplink"), needs("firegw")
    assert {"libmodbus", "libsqlite3", "libuv"} <= daemon and not any(n.startswith("libpaho") for n in daemon | command)
    assert any(n.startswith("libpaho-mqtt3as") for n in uplink) and not {"libmodbus", "libsqlite3", "libuv"} & uplink


@pytest.mark.parametrize("program", PROGRAMS)
def test_help_and_version(program):
    for option in ("--help", "--version"):
        done = subprocess.run([BIN / program, option], capture_output=True, text=True, timeout=30)
        if program == "firegw-uplink":
            continue  # the daemon alone starts it
        assert done.returncode == 0 and done.stdout and not done.stderr
    assert subprocess.run([BIN / program, "--no-such-option"], capture_output=True, timeout=30).returncode == 2
