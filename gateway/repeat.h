/* repeat: what one subject (the store, a line, a hub) says again and again: each line when it is new, then counted, at most once a minute. */
#ifndef FIREGW_GATEWAY_REPEAT_H
#define FIREGW_GATEWAY_REPEAT_H

#include "core/log.h"

#include <stddef.h>
#include <stdint.h>

#define REPEAT_EVERY_NS  (INT64_C(60) * 1000000000)
#define REPEAT_LINES_MAX 32u  /* different lines within that time; more are counted too */
#define REPEAT_TEXT_MAX  1000u

/* All zero at first; owns nothing. */
struct repeat {
	int64_t        from_ns;                /* when the minute began; 0: none runs */
	size_t         n;
	uint32_t       said[REPEAT_LINES_MAX]; /* their hashes */
	uint64_t       unsaid;
	uint32_t       last;                   /* of the last line that was not said: hash, level, token, text */
	enum log_level level;
	const char    *token;
	char           text[REPEAT_TEXT_MAX];
};

/* Logs the line, or counts it if it was said within the last minute. key: what makes it the same line though its numbers differ; NULL: the whole text. token is static. */
void repeat_log(struct repeat *r, int64_t now_ns, enum log_level level, const char *token, const char *key, const char *fmt, ...) __attribute__((format(printf, 6, 7)));
/* When the minute is over: says the last line that was only counted, and how many there were, so that the log does not end with an older word. To be called now and then. */
void repeat_sweep(struct repeat *r, int64_t now_ns);

#endif
