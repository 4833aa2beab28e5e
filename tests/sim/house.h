/* house: the daemon's wiring as it is (app*.c, keeper.c, desk.c, pipeline, pumps, store, reader), under virtual time. Only its edges are others: the loop's clock and timers, the
 * mailbox, the two worker threads (which run when house_advance says so, one at a time), the lines, the links (fake_hub), the disk (fault_vfs) and the control socket.
 * Same seed, same run. */
#ifndef FIREGW_TESTS_SIM_HOUSE_H
#define FIREGW_TESTS_SIM_HOUSE_H

#include "gateway/app.h"
#include "tests/lib/fake_hub.h"
#include "tests/lib/fault_vfs.h"

#define HOUSE_POINTS 10
#define HOUSE_HUBS   2
#define HOUSE_BEGAN_MS INT64_C(1795485600000)

struct dice { uint64_t s; };
uint64_t roll(struct dice *d, uint64_t n);

/* What the building's equipment does. Values by point, in the order of house.c's table. */
struct house_point { const char *id; double off, on; const char *alarm; bool fire; };
extern const struct house_point house_points[HOUSE_POINTS];
extern const char *const house_hubs[HOUSE_HUBS];

/* How a line stands, or a device on it, as its poller would say. */
struct house_line { bool connected; int64_t last_good_ns; };

struct house {
	struct dice       dice;              /* of the edges' own delays */
	char              dir[64], site[512], db[512];
	struct fault_vfs *vfs;               /* SQLite's default while the house stands */
	struct stamp      now;
	struct app       *app;               /* NULL: no daemon runs */
	struct fake_hub   hubs[HOUSE_HUBS];
	bool              prompt[HOUSE_HUBS];/* broker that accepts, takes and acknowledges at once */
	bool              on[HOUSE_POINTS];
	bool              silent;            /* the equipment gives no answer */
	int64_t           keep_readings_ms, keep_events_ms; /* instead of the config's; 0: as there */
	int64_t           stall_until_ns;    /* the disk begins nothing before */
	bool              dies_by_fault;     /* the process ends with the operation that fails */
	uint64_t          boots;             /* lives begun */
	uint64_t          given_up;          /* events, in lives that are over */
	bool              was_stored_all;    /* at the last clean stop */
	/* Another site than house.c's own: set after house_init, with `site` (a file that is there), before the first start. */
	bool              is_elsewhere;      /* nothing is polled by the house, and batches have their full size */
	const char *const *hub_names;
	int64_t           began_ms;          /* by the wall clock */
	int64_t           pace_ns;           /* while nothing is under way time goes on in steps of so much, and what was due within happens at their ends; 0: moment by moment */
	/* device NULL: the line; NULL: they all answer unless `silent` */
	void            (*on_line)(void *user, const char *bus, const char *device, struct house_line *ret);
	/* an event was stored, in its text; as the control socket's listeners get it */
	void            (*on_stored)(void *user, const struct outmsg *m);
	/* called in each turn, after everything of it was done */
	void            (*on_turn)(void *user);
	/* the daemon is about to be killed or stopped */
	void            (*on_end)(void *user);
	/* before and after a point's sample goes in */
	void            (*on_sample)(void *user, size_t point, bool after);
	void             *user;
};

/* One at a time. */
void house_init(struct house *h, uint64_t seed);
void house_done(struct house *h);
/* Starts the daemon; 0, or -1 (reterr): it ended. */
int  house_start(struct house *h, struct err *reterr);
/* kill -9: nothing more is written; the brokers take a part of what was on its way. */
void house_kill(struct house *h);
/* As SIGTERM; returns when it has ended. */
void house_stop(struct house *h);
/* Everything that is due within so long happens. */
void house_advance(struct house *h, int64_t ms);
/* The equipment is polled by its timer; this does so at once. */
void house_poll(struct house *h);
/* Acknowledges or resets; false: refused. */
bool house_command(struct house *h, const char *alarm, enum rules_command what);
/* Nothing waits anywhere: batches, threads, hubs. */
bool house_is_idle(const struct house *h);
/* Events that went out undurable and will never be stored, in all lives. */
uint64_t house_given_up(const struct house *h);

#endif
