/* compose: stored records as the messages that hubs get. Used by the store thread for what was just committed and by the reader thread for the past, so that
 * both look alike. Touches no shared state. */
#ifndef FIREGW_GATEWAY_COMPOSE_H
#define FIREGW_GATEWAY_COMPOSE_H

#include "core/record.h"
#include "gateway/outmsg.h"

/* A payload of readings is closed beyond this: small enough that a fire never waits long behind one on a slow link, big enough to be cheap. */
#define COMPOSE_READING_BYTES 8192

/* Whose records. Borrowed. */
struct compose_stream {
	const char *gateway, *node, *log;
	uint32_t    node_index, stream_db;
	unsigned    stream;
};

/* One event; seq 0: undurable. NULL: no memory. */
struct outmsg *compose_event(const struct compose_stream *s, int64_t seq, int64_t n, int64_t at_ms, const char *tail, size_t tail_len);

/* Readings of one stream in order of seq, gathered into payloads. */
struct compose_readings {
	struct compose_stream s;
	struct strbuf         body;
	int64_t               first, last, t0_ms;
	size_t                n;
};
void compose_readings_begin(struct compose_readings *c, const struct compose_stream *s);
/* Returns a finished payload when this reading began a new one, else NULL. */
struct outmsg *compose_readings_put(struct compose_readings *c, int64_t seq, const char *point, int64_t at_ms, double number, const char *text, enum quality q);
/* The last payload, or NULL if nothing is open. */
struct outmsg *compose_readings_end(struct compose_readings *c);
void compose_readings_done(struct compose_readings *c);

/* A growing list of messages, in order; owns a reference of each. */
struct outlist { struct outmsg **items; size_t n, cap; bool failed; };
void outlist_add(struct outlist *l, struct outmsg *m); /* takes the reference; NULL is ignored */
void outlist_done(struct outlist *l);

#endif
