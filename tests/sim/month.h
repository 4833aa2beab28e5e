/* month: weeks of a site's life under virtual time: the simulator's world gives the values, a poller that needs no wire reads them, the whole daemon (house.h) decides, stores and
 * sends, and people do what people do. Everything that happens is a job at a moment of the wall clock. Same seed, same life. */
#ifndef FIREGW_TESTS_SIM_MONTH_H
#define FIREGW_TESTS_SIM_MONTH_H

#include "core/strmap.h"
#include "gateway/sim/world.h"
#include "tests/sim/house.h"

#include <stdio.h>

#define SECOND_MS INT64_C(1000)
#define MINUTE_MS (60 * SECOND_MS)
#define HOUR_MS   (60 * MINUTE_MS)
#define DAY_MS    (24 * HOUR_MS)

struct month;
struct month_job {
	int64_t         at_ms;
	void          (*run)(struct month *m, const struct month_job *j);
	char            what[160];   /* an alarm, a point, a name */
	char            more[64];
	struct event_id occurrence;
	int64_t         n;
	uint64_t        order;
};

struct month {
	struct house      h;
	struct dice       dice;
	/* equipment */
	struct config    *plant;         /* as the equipment was built; the daemon's own config may change */
	struct world      world;
	int64_t           world_from_ms;
	bool             *hot, *was_hot; /* by point of the plant: an effect is on it */
	uint32_t         *now_at;        /* by point of the plant: its place in the daemon's config */
	const struct generation *placed; /* for this one */
	int64_t          *last_good_ns;  /* by device of the plant, in this life of the daemon */
	bool             *dead, *line_dead; /* by device, by line of the plant: no answer */
	struct strmap     devices, lines; /* the plant's, by name */
	bool              polled;        /* all of them, in this life */
	int64_t           poll_ms, polled_ms, busy_until_ms;
	/* hubs that cannot be reached */
	bool              away[HOUSE_HUBS], refuses[HOUSE_HUBS];
	FILE             *seen;          /* what the brokers took, a line each */
	uint64_t          n_seen, n_samples, n_acts, n_refused;
	/* what is to come, a heap */
	struct month_job *jobs;
	size_t            n_jobs, cap_jobs;
	uint64_t          order;
	struct month_job  running;
};

/* month.c */
void    month_init(struct month *m, const char *site, const char *seen, int64_t began_ms, int64_t poll_ms, uint64_t seed);
void    month_done(struct month *m);
int64_t month_now(const struct month *m);
int64_t month_draw(struct month *m, int64_t from, int64_t to); /* from … to */
bool    month_chance(struct month *m, unsigned percent);
struct month_job *month_add(struct month *m, int64_t at_ms, void (*run)(struct month *m, const struct month_job *j), const char *what);
void    month_run(struct month *m, int64_t until_ms);
void    month_start(struct month *m);
/* The equipment's registers were changed, or will soon: they are read closely for a while. */
void    month_touch(struct month *m);
void    month_poll(struct month *m, bool all);

/* month_plant.c: what goes wrong with the equipment */
bool month_raise(struct month *m, const char *builtin, const struct builtin_where *where, int64_t for_ms);
bool month_move(struct month *m, const char *point, const char *to, int64_t for_ms);
/* The hub cannot be reached, or can again. */
void month_away(struct month *m, size_t hub, bool away);
/* A detector comes and goes, so often. */
void month_flutter(struct month *m, int64_t at_ms, const char *point, int64_t n);
/* A point of this kind, drawn; "" if there is none. */
const char *month_point(struct month *m, enum kind kind);
void month_plan_plant(struct month *m, int64_t from_ms, int64_t to_ms);

/* month_people.c: who is there, and what they do */
void month_on_stored(void *user, const struct outmsg *msg);
void month_plan_people(struct month *m, int64_t from_ms, int64_t to_ms);
void month_service(struct month *m, const char *point, bool out);
void month_shelve(struct month *m, const char *alarm, int64_t for_ms);
void month_test(struct month *m, const char *select, int64_t for_ms, bool drill);
void month_end_test(struct month *m, const char *select); /* "": all of them */

#endif
