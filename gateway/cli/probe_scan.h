/* probe_scan: looking for units, and for the registers of one. Both print what they find, and end with what the shell gets. */
#ifndef FIREGW_GATEWAY_CLI_PROBE_SCAN_H
#define FIREGW_GATEWAY_CLI_PROBE_SCAN_H

#include "gateway/cli/probe_line.h"

int probe_scan_units(struct run *r, struct probe_line *l, const struct probe_ask *ask);
int probe_scan_registers(struct run *r, struct probe_line *l, const struct probe_ask *ask);

#endif
