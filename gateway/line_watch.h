/* Who is silent on a line: one device, or all of them, which is then the line's fault and not theirs. Pure; durations and moments in ns of CLOCK_BOOTTIME. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct line_unit {
	/* Set by the caller before each judgement. */
	int64_t last_good_ns;    /* its last good reply; 0 = none since the line was opened */
	int64_t patience_ns;     /* without a good reply for so long it is silent */
	/* The judgement. */
	int64_t silent_since_ns; /* 0 = it answers */
	bool    was_told;        /* before this judgement */
	bool    told;            /* it is to be said of it that it is silent. Set before the first judgement: that was said before the line was opened */
};

struct line_watch {
	struct line_unit *units;
	size_t            n_units;
	int64_t           opened_ns;
	int64_t           up_ns; /* it answers again since; 0 = it was never down */
	bool              down;  /* as `told` */
};

/* Judges all units and the line. A device's silence is said when it is out of patience and another one has answered since it should have; as long as none
 * has, half its patience more is waited, for the others may be about to be silent too. When the line is up again each device has its whole patience once more.
 * What was said of a device stands until it answers, also while the line is down. `connected`: the line's device or connection is open. */
void line_watch_judge(struct line_watch *w, bool connected, int64_t now_ns);
