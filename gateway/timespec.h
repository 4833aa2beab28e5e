/* timespec: moments as people type them at the command line, in the process's zone (TZ). Pure: the present is given. */
#ifndef FIREGW_GATEWAY_TIMESPEC_H
#define FIREGW_GATEWAY_TIMESPEC_H

#include "core/err.h"

#include <stdint.h>

/* For help texts. */
#define TIMESPEC_FORMS "2026-11-24T10:00, 2026-11-24, 10:30 (today), now, today, yesterday, 24h (ago), or RFC 3339 with a zone"

/* `2026-11-24T10:00[:08[.123]]` (a space for the T is fine), `2026-11-24` (its first moment), `10:30[:08]` (today), `now`, `today`,
 * `yesterday` (their first moments), a duration as clock_parse_duration reads it (so long ago), RFC 3339 with a zone, whose seconds may be
 * missing. ERR_INVALID: none of these, or a day or time that does not exist. */
int timespec_parse(const char *text, int64_t now_ms, int64_t *ret_ms, struct err *reterr);

#endif
