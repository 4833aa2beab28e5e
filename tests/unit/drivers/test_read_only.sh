#!/bin/sh
# test_read_only.sh LIBRARY…: nothing of libmodbus that can write is referenced (promise 7 of the design), by the names that the linker sees.
set -eu
symbols=$(nm -u "$@" | awk '/modbus_/ { print $2 }' | sort -u)
# Should the reading functions be missing, this test looks at the wrong thing.
echo "$symbols" | grep -qx modbus_read_registers
if echo "$symbols" | grep -E '^modbus_(.*write.*|send_raw_request|reply.*|mapping.*|receive.*)$'; then
	echo "the drivers reference the symbols above; they must only read" >&2
	exit 1
fi
