/* probe_ask: what `firegw probe` is to do, from its command line. Pure. */
#ifndef FIREGW_GATEWAY_CLI_PROBE_ASK_H
#define FIREGW_GATEWAY_CLI_PROBE_ASK_H

#include "gateway/cli/args.h"

#include <stdint.h>

#define PROBE_UNITS_FIRST 1
#define PROBE_UNITS_LAST  247
#define PROBE_SCAN_COUNT  1000 /* registers, unless --count says another number */

#define PROBE_N_OPTIONS 11
extern const struct args_option probe_options[PROBE_N_OPTIONS];

enum probe_what { PROBE_READ, PROBE_WATCH, PROBE_SCAN_UNITS, PROBE_SCAN_REGISTERS };

struct probe_ask {
	const char     *target;     /* borrowed; a URL, or a bus of the daemon */
	bool            is_url;
	bool            direct;
	enum probe_what what;
	uint8_t         unit, unit_last; /* the same but for PROBE_SCAN_UNITS */
	uint8_t         fc;         /* 1 … 4; 0 for PROBE_SCAN_REGISTERS: all of them */
	uint16_t        address;
	uint32_t        count;
	int64_t         timeout_ms; /* of an own connection */
	bool            timeout_given;
	unsigned        retries;
	int64_t         every_ms, for_ms; /* for_ms 0: until Ctrl-C */
};

/* `a` is of a table with probe_options. ERR_INVALID, with the cure. */
int probe_ask_parse(const struct args *a, struct probe_ask *ret, struct err *reterr);

#endif
