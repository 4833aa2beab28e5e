/* whole: a house with what its brokers, its disk and its equipment have shown so far, and the promises that are held against it. */
#ifndef FIREGW_TESTS_SIM_WHOLE_H
#define FIREGW_TESTS_SIM_WHOLE_H

#include "tests/sim/house.h"

struct sqlite3;

#define WHOLE_NODES   2
#define WHOLE_STREAMS (WHOLE_NODES * STREAM_COUNT)
#define WHOLE_ALARMS  96
#define WHOLE_EXPECTS 256

/* One record of a stream as one broker knows it. */
struct whole_record { bool seen, acked, lost; struct event_id id; };
struct whole_tally {
	struct whole_record *items;      /* by seq */
	int64_t              cap, high;  /* the newest that was seen or lost */
	int64_t              acked_to;   /* everything up to it was acknowledged */
};
/* An event that was announced before it was stored. */
struct whole_early { struct event_id id; size_t hub, stream; };
struct whole_life  { uint64_t boot; bool lossy, stored; };  /* lossy: what was not stored at its end is gone; stored: anything at all was */
struct whole_rev   { char alarm[64]; uint32_t rev; size_t life; };
/* A fire that must be at a broker by then. */
struct whole_expect { size_t hub, alarm; uint32_t rev; int64_t by_ns; };

struct whole {
	struct house        h;
	struct dice         dice;
	uint64_t            seed;
	unsigned            step;
	struct sqlite3     *look;
	char                log[16];
	struct whole_tally  tallies[HOUSE_HUBS][WHOLE_STREAMS];
	size_t              read[HOUSE_HUBS];       /* of the broker's log */
	int64_t             session[HOUSE_HUBS];
	bool                refused[HOUSE_HUBS];    /* the broker has refused something of a stream: order is looser */
	struct whole_early *earlies;
	size_t              n_earlies, cap_earlies;
	struct whole_life   lives[256];
	size_t              n_lives;
	struct event_id    *stored;                 /* by n: what store_commit said is stored */
	int64_t             n_stored, cap_stored;
	uint64_t            commits;
	struct whole_rev    revs[HOUSE_HUBS][WHOLE_ALARMS]; /* the newest that the broker has */
	size_t              n_revs[HOUSE_HUBS];
	struct whole_expect expects[WHOLE_EXPECTS];
	size_t              n_expects;
	uint32_t            rev_before;
	bool                recorded;               /* the disk remembers what was synced: a power cut is possible */
	/* what happened, to see that the scenarios reach it */
	struct { uint64_t kills, cuts, stops, starts, failed_starts, earlies, numbered, readings, lost, expects; } count;
};

void whole_init(struct whole *w, uint64_t seed);
void whole_done(struct whole *w);
/* Starts the daemon if none runs; false: it ended at once. All that is stored is checked. */
bool whole_start(struct whole *w);
void whole_kill(struct whole *w, bool power_cut);
void whole_stop(struct whole *w);
/* A random move. */
void whole_move(struct whole *w);
/* Everything heals, everything drains, and everything is checked. */
void whole_settle(struct whole *w);

/* whole_check.c */
void whole_on_turn(void *user);
void whole_on_end(void *user);
void whole_on_sample(void *user, size_t point, bool after);
void whole_on_ack(struct whole *w, size_t hub, const struct fake_publish *m);
void whole_open_look(struct whole *w);
void whole_check_stored(struct whole *w);   /* the database, and what the brokers have of it */
void whole_check_end(struct whole *w);      /* after whole_settle's draining */
/* Whether this hub gets the stream. */
bool whole_wanted(size_t hub, size_t stream);
void whole_fail(const struct whole *w, const char *fmt, ...) __attribute__((format(printf, 2, 3), noreturn));
#define whole_require(w, what, ...) ((what) ? (void)0 : whole_fail(w, __VA_ARGS__))

#endif
