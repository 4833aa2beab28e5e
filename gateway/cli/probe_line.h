/* probe_line: the line that is probed: through the daemon where it is the daemon's, else by a connection of our own. */
#ifndef FIREGW_GATEWAY_CLI_PROBE_LINE_H
#define FIREGW_GATEWAY_CLI_PROBE_LINE_H

#include "gateway/cli/probe_ask.h"
#include "gateway/cli/verb.h"

#define PROBE_VALUES_MAX 2000

enum probe_answer {
	PROBE_VALUES,
	PROBE_EXCEPTION, /* the device answered that it does not */
	PROBE_SILENT,
	PROBE_CLOSED,    /* the connection ended under it */
	PROBE_NO_LINE,   /* nobody there to ask */
	PROBE_REFUSED,   /* the daemon said no: not the role, another probe at work */
	PROBE_LOST,      /* the daemon itself went away */
	PROBE_STOPPED,   /* Ctrl-C, or nobody reads our output */
};

struct probe_result {
	enum probe_answer answer;
	int               exception; /* 1 … 255 */
	uint16_t          values[PROBE_VALUES_MAX];
	struct err        error;     /* all but PROBE_VALUES and PROBE_STOPPED */
};

/* Another read of the daemon's line is at work. */
bool probe_is_busy(const struct probe_result *r);

struct probe_line;
/* Says on stderr which of the two it is, if it is the daemon. NULL: said why, *ret_result is for the shell. ask is borrowed. From now on Ctrl-C is an answer. */
struct probe_line *probe_line_open(struct run *r, const struct probe_ask *ask, int *ret_result);
void               probe_line_close(struct probe_line *l); /* accepts NULL */
const char        *probe_line_url(const struct probe_line *l);
/* The daemon's bus, or NULL: our own connection. */
const char        *probe_line_bus(const struct probe_line *l);
/* Tries as often as the ask says. */
void               probe_line_read(struct probe_line *l, uint8_t unit, uint8_t fc, uint16_t address, uint16_t count, struct probe_result *ret);
/* Lets time pass. False: Ctrl-C. */
bool               probe_line_wait(struct probe_line *l, int64_t ms);
int64_t            probe_now_ms(void); /* of the clock that only goes on */

#endif
