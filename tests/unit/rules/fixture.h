/* fixture: a small site, rules as a test needs them, an engine over both, and a record of what it sent. */
#ifndef FIREGW_TESTS_RULES_FIXTURE_H
#define FIREGW_TESTS_RULES_FIXTURE_H

#include "rules/rules.h"

#include <stdarg.h>
#include <setjmp.h>
#include <cmocka.h>

#define S CLOCK_NS_PER_S
#define FIXTURE_POINTS 32
#define FIXTURE_RULES  24
#define FIXTURE_LOG    4096
#define FIXTURE_START  (1000 * S)
#define FIXTURE_WALL   INT64_C(1795485600000)

/* A sent transition, with everything that was only borrowed copied. */
struct sent {
	struct rules_transition t;
	uint32_t members[RULES_MEMBERS_MAX];
	struct event_id id;
};

struct fixture {
	bool of_before; /* restarts from rows as they were before they knew of escalations and of a shelf's alarm's class */
	struct site          site;
	struct site_building buildings[2];  /* a: class1-public, 98 m, node 1; b: residential, no height, node 0 */
	struct site_device   devices[3];    /* d0, d1 on bus0; d2 on bus1 */
	struct point         points[FIXTURE_POINTS];
	char                 ids[FIXTURE_POINTS][24];
	struct rule_def      defs[FIXTURE_RULES];
	size_t               n_defs;
	struct rules_own     owns[2];       /* _gw.storage/full, _gw.bus-bus0/down */
	struct rules        *rules;
	struct rules_sink    sink;
	int64_t              wall_offset_ms; /* added to the wall of every moment from now on */
	/* record */
	struct sent          log[FIXTURE_LOG];
	size_t               n_log;
	uint64_t             counter;
	size_t               changed[FIXTURE_POINTS * FIXTURE_RULES + RULES_EXTRAS_MAX];
	size_t               n_changed, n_drifted;
	/* Tests in force, as their keeper knows of them. */
	struct fixture_test { bool on; enum alarm_mode mode; uint32_t points[FIXTURE_POINTS]; size_t n; int64_t until_ns; } tests[RULES_TESTS_MAX];
	size_t               n_over;        /* that ended by time */
	int64_t              over_ns;       /* the last of them */
};

/* No points, no rules. */
void fixture_init(struct fixture *f);
void fixture_done(struct fixture *f);
/* Device `device` (0 … 2; 2 stands in building b), id "dN.pM". */
struct point *fixture_point(struct fixture *f, enum kind kind, uint32_t device, const char *floor, const char *zone);
/* Enabled, latch false, ack true, nothing selected. */
struct rule_def *fixture_rule(struct fixture *f, const char *id, enum rule_when when);
void fixture_start(struct fixture *f);

/* `at_ns` is counted from FIXTURE_START. */
struct stamp fixture_at(const struct fixture *f, int64_t at_ns);
void fixture_read(struct fixture *f, uint32_t point, double value, int64_t at_ns);
void fixture_bad(struct fixture *f, uint32_t point, enum quality q, int64_t at_ns);
void fixture_time(struct fixture *f, int64_t at_ns);
int  fixture_command(struct fixture *f, const char *alarm, enum rules_command c, int64_t at_ns, struct err *reterr);
/* What people do; 0 or the engine's error. */
struct rules_who fixture_who(const struct fixture *f, int64_t at_ns);
struct rules_present fixture_present(const struct fixture *f, const char *alarm);
/* The n-th that was sent. */
const struct rules_transition *fixture_sent(const struct fixture *f, size_t n);
/* As false, because of steam; what rules_verify says. */
int fixture_verify(struct fixture *f, const char *alarm, const struct event_id *occurrence, int64_t at_ns, struct err *e);
int  fixture_shelve(struct fixture *f, const char *alarm, int64_t for_ns, int64_t at_ns, struct err *reterr);
int  fixture_unshelve(struct fixture *f, const char *alarm, int64_t at_ns, struct err *reterr);
int  fixture_service(struct fixture *f, uint32_t point, bool out, int64_t at_ns, struct err *reterr);
int  fixture_report(struct fixture *f, const char *floor, enum alarm_class class_, int64_t at_ns, struct err *reterr); /* in building a */
/* Of the points whose bit is set. */
void fixture_test_begin(struct fixture *f, unsigned test, enum alarm_mode mode, uint32_t points, int64_t for_ns, int64_t at_ns);
void fixture_test_end(struct fixture *f, unsigned test, int64_t at_ns);
uint32_t fixture_find(const struct fixture *f, const char *alarm);
enum alarm_state fixture_state(const struct fixture *f, const char *alarm);
/* Forgets what was sent and what changed. */
void fixture_forget(struct fixture *f);
/* Saves everything into a new engine (machine_boot 0: the same) as of `at_ns`. */
void fixture_restart(struct fixture *f, int64_t at_ns, uint64_t machine_boot, struct stamp now);
/* The n-th sent since the last forget is this, at this moment. */
void fixture_expect(const struct fixture *f, size_t n, const char *alarm, enum transition what, enum alarm_state to, int64_t at_ns);

#endif
