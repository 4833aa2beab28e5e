/* engine: what the files of rules/ share; nobody else includes it. */
#ifndef FIREGW_RULES_ENGINE_H
#define FIREGW_RULES_ENGINE_H

#include "rules/leaf.h"
#include "rules/timers.h"

#define RULES_EXTRA_ID_MAX 192

enum pend { PEND_NONE, PEND_ON, PEND_OFF };

/* What changes about one alarm: 48 bytes. `state` is never STATE_PENDING: a delay runs beside the state (also beside returned and latched). */
struct life {
	struct event_id occurrence;         /* the latest, also when it is over: a verdict may come late */
	int64_t         since_ns, since_ms; /* when the occurrence began */
	int64_t         on_ns;              /* when it last became active; meaningful if was_on */
	uint32_t        rev;
	uint8_t         state;              /* enum alarm_state */
	uint8_t         pend;               /* enum pend; its deadline is in the timers */
	bool            raw : 1;            /* the condition as last decided, before delays */
	bool            acked : 1;
	bool            was_on : 1;
	bool            since_trusted : 1;
};

/* What an alarm suppresses of those that name it. */
enum reach { REACH_NONE, REACH_TESTS, REACH_ALL };

/* What stands beside the state of an alarm: 16 bytes. */
struct beside {
	uint32_t raised_ago[2];   /* how long before on_ns it was raised, and before that once more: 1 + µs; 0: never, or too long ago to matter. beside.c */
	int32_t  acked_s;         /* when it was acknowledged; meaningful while it is in that state */
	uint16_t times;           /* that it became active while it chatters; no more than it can hold */
	enum alarm_mode mode : 2; /* of the latest occurrence */
	enum verdict verdict : 3; /* on the latest occurrence */
	bool     shelved : 1;
	bool     chatters : 1;
	enum reach reach : 2;     /* as what it suppresses has counted it: suppress.c */
	bool     escalated : 1;   /* since it became active */
};
_Static_assert(sizeof(struct beside) == 16, "there is one an alarm");

/* An alarm of one point: what all else about it follows from. */
struct single {
	uint32_t id;  /* where it begins in ids */
	uint32_t def, point;
};

/* What suppresses an alarm now: because of a test, and then only while it is of one itself; and else. */
struct suppressors { uint32_t real, of_tests; };

/* One of the pool behind all other alarms; free if its life is normal. A report that is over stays in its place, for a verdict, until another needs the place. */
struct extra {
	struct rules_extra shown;
	char               id[RULES_EXTRA_ID_MAX];
	char               actor[64], note[200], floor[48];
	bool               used, over;
	bool               lost;    /* a shelf of what is a fire alarm now, and was none then */
	int64_t            over_ns; /* since when */
};

/* Alarms stand in this order: of one point each [0, n_single), of count rules [n_single, n_single + n_groups), of all and any (n_joints), our own behind, then the
 * pool of people's.
 *
 * A count rule's alarm is a group; each point that may count in it is a slot; each alarm that makes a point count is a link from the alarm to
 * the slot.
 *
 *   alarm f12-smoke-1/smoke ──link──▶ slot f12-smoke-1 ─┐
 *   alarm f12-smoke-1/hot   ──link──▶ slot f12-smoke-1 ─┴▶ group a.12-N/fire-confirmed: slots that count ≥ 2?
 */
struct group {
	uint32_t first_slot, n_slots;
	uint32_t counting;  /* slots with a counting link */
};
struct slot {
	uint32_t point, group;
	uint32_t counting;  /* links that count */
};
struct link {
	uint32_t alarm;
	uint32_t slot : 31;
	uint32_t counts : 1;
};

/* An alarm of all or any is a joint of terms; each point that a term looks at has a seat in it, and each seat a leaf.
 *
 *   leaf f12-pump/called = 1 ──▶ seat ──▶ term 1: a seat holds? ─┐
 *   leaf f12-pump/running = 0 ─▶ seat ─┬▶ term 2: a seat holds? ─┴▶ joint site/pump-does-not-start: enough terms hold?
 *   leaf f13-pump/running = 0 ─▶ seat ─┘
 */
struct joint {
	uint32_t first_seat, n_seats;
	uint32_t needed, holding;    /* terms */
	uint32_t next_touched;       /* while it waits to be judged */
	bool     touched;
};
struct term {
	const struct rule_def *def;  /* of the rule's terms */
	uint32_t joint;
	uint32_t holding;            /* seats */
};
struct seat {
	uint32_t point, term, leaf;
	bool     holds; /* its leaf is true, and was not under test or out of service when it became so */
};

struct rules {
	const struct site *site;
	const struct rule_def *defs;
	size_t             n_defs;
	uint64_t           machine_boot;

	struct leaf       *leaves;      /* by point: [first_leaf[p], first_leaf[p + 1]) */
	struct leaf_band  *others;      /* by leaf: the band of the verdict that it does not have now */
	uint32_t          *first_leaf;

	struct single      *singles;    /* alarms of one point */
	struct rules_alarm *wholes;     /* all behind them: alarm n_single + i */
	struct life        *lives;
	struct beside      *besides;
	uint32_t           *by_id;      /* alarms in the order of their ids */
	char               *ids;        /* the texts of all ids */
	uint32_t           *made_by;    /* by def */
	uint32_t            n_single, n_groups, n_joints, n_owns;
	uint32_t            n_made;     /* by the config: all before the pool */
	uint32_t            n_alarms;

	struct extra       *extras;     /* alarm n_made + i */
	uint32_t            n_extras;   /* used */
	uint32_t            n_over;     /* reports that are over */
	uint32_t            next_extra; /* that is tried first: one that became free is not taken again soon */
	uint32_t            extra_rev;  /* the greatest that any of them had */

	uint32_t           *suppresses; /* by alarm: [first_suppressed[a], first_suppressed[a + 1]) are the alarms that it suppresses */
	uint32_t           *first_suppressed; /* NULL: no rule is suppressed by anything */
	struct suppressors *suppressors;      /* by alarm, or NULL as well */

	uint32_t           *point_tests; /* by point: a bit for each test in force */
	uint8_t            *points_out;  /* by point: out of service */
	uint32_t            drills;      /* tests that are drills */

	struct group       *groups;
	struct slot        *slots;
	struct link        *links;      /* by alarm of one point: [first_link[a], first_link[a + 1]) */
	uint32_t           *first_link;
	uint32_t            n_slots, n_links;

	struct joint       *joints;
	struct term        *terms;
	struct seat        *seats;      /* a seat's leaf has n_alarms + seat as its alarm */
	uint32_t            n_terms, n_seats;
	uint32_t            touched, touched_last; /* joints whose terms changed with this reading; RULES_ALARM_NONE: none */

	struct window      *windows;    /* of rate rules; memory.c */
	struct anchor      *anchors;    /* of stuck rules */
	uint32_t           *memory_of;  /* by alarm of one point: its window or anchor; NULL: no rule remembers */

	uint32_t           *attention;  /* by def: added to an alarm's number it gives its timer, from 0; meaningful if the rule waits for anybody */
	uint32_t           *attentive;  /* the alarms of those timers */
	uint32_t            n_attentive;

	struct timers       timers;     /* alarms' delays, then links' windows, then what rules_timer_* name */
	uint32_t            rev_floor, rev_first; /* see rules_set_revs */
	int64_t             restored_ns; /* the latest moment that restored states know of; INT64_MIN: none */
	uint32_t            members[RULES_MEMBERS_MAX];
};

static inline bool life_stands(const struct life *l)
{
	return l->state == STATE_ACTIVE || l->state == STATE_ACKED;
}

static inline const struct rules_alarm *rules_whole(const struct rules *r, uint32_t alarm)
{
	return &r->wholes[alarm - r->n_single];
}

/* NULL: our own fault, or one of people. */
static inline const struct rule_def *rules_def(const struct rules *r, uint32_t alarm)
{
	return alarm < r->n_single ? &r->defs[r->singles[alarm].def] : rules_whole(r, alarm)->def;
}

/* POINT_NONE: of several, or of none. */
static inline uint32_t rules_point(const struct rules *r, uint32_t alarm)
{
	return alarm < r->n_single ? r->singles[alarm].point : rules_whole(r, alarm)->point;
}

static inline enum alarm_class rules_class(const struct rules *r, uint32_t alarm)
{
	if (alarm >= r->n_single)
		return rules_whole(r, alarm)->class_;
	return rule_class(rules_def(r, alarm), &r->site->points[r->singles[alarm].point]);
}

static inline bool rules_latches(const struct rules *r, uint32_t alarm)
{
	return alarm < r->n_single ? rules_def(r, alarm)->latch : rules_whole(r, alarm)->latch;
}

/* False: it returns to normal by itself. */
static inline bool rules_needs_ack(const struct rules *r, uint32_t alarm)
{
	return alarm < r->n_single ? rules_def(r, alarm)->ack : rules_whole(r, alarm)->ack;
}

static inline const char *rules_id(const struct rules *r, uint32_t alarm)
{
	return alarm < r->n_single ? r->ids + r->singles[alarm].id : rules_whole(r, alarm)->id;
}

/* Of an alarm of one point: a point has few. */
static inline uint32_t rules_leaf(const struct rules *r, uint32_t alarm)
{
	uint32_t i = r->first_leaf[r->singles[alarm].point];

	while (r->leaves[i].alarm != alarm)
		i++;
	return i;
}

static inline struct group *rules_group(const struct rules *r, uint32_t alarm)
{
	return alarm >= r->n_single && alarm < r->n_single + r->n_groups ? &r->groups[alarm - r->n_single] : NULL;
}

/* The n-th of the timers of what escalates or alarms again: few rules do, and only their alarms have one. */
static inline uint32_t rules_timer_attention(const struct rules *r, uint32_t n)
{
	return r->n_alarms + r->n_links + n;
}

static inline uint32_t rules_timer_shelf(const struct rules *r, uint32_t extra)
{
	return r->n_alarms + r->n_links + r->n_attentive + extra;
}

static inline uint32_t rules_timer_test(const struct rules *r, unsigned test)
{
	return r->n_alarms + r->n_links + r->n_attentive + RULES_EXTRAS_MAX + test;
}

static inline bool rules_is_attentive(const struct rule_def *d)
{
	return d && (d->escalate_ns > 0 || d->re_alarm_ns > 0);
}

static inline uint32_t rules_attention_of(const struct rules *r, uint32_t alarm)
{
	return rules_timer_attention(r, r->attention[rules_def(r, alarm) - r->defs] + alarm);
}

/* CLOCK_NEVER: nobody is waited for. */
static inline int64_t rules_attention(const struct rules *r, uint32_t alarm)
{
	return rules_is_attentive(rules_def(r, alarm)) ? timers_get(&r->timers, rules_attention_of(r, alarm)) : CLOCK_NEVER;
}

static inline void rules_no_attention(struct rules *r, uint32_t alarm)
{
	if (rules_is_attentive(rules_def(r, alarm)))
		timers_cancel(&r->timers, rules_attention_of(r, alarm));
}

static inline struct extra *rules_extra(const struct rules *r, uint32_t alarm)
{
	return alarm >= r->n_made ? &r->extras[alarm - r->n_made] : NULL;
}

/* What counts in no count rule: what is shelved, out of service, or under test. */
static inline bool rules_excluded(const struct rules *r, uint32_t alarm)
{
	const struct beside *b = &r->besides[alarm];

	return b->shelved || b->mode != MODE_NORMAL || r->points_out[rules_point(r, alarm)];
}

static inline struct joint *rules_joint(const struct rules *r, uint32_t alarm)
{
	uint32_t first = r->n_single + r->n_groups;

	return alarm >= first && alarm < first + r->n_joints ? &r->joints[alarm - first] : NULL;
}

static inline int64_t rules_add_ns(int64_t at_ns, int64_t delay_ns)
{
	int64_t sum;

	if (__builtin_add_overflow(at_ns, delay_ns, &sum))
		return delay_ns < 0 ? INT64_MIN : CLOCK_NEVER - 1;
	return sum;
}

/* Gives the leaf this verdict and the band that belongs to it. */
static inline void rules_turn_leaf(struct rules *r, uint32_t leaf, bool verdict)
{
	struct leaf_band band = r->leaves[leaf].band;

	if (r->leaves[leaf].verdict == verdict)
		return;
	r->leaves[leaf].verdict = verdict;
	r->leaves[leaf].band = r->others[leaf];
	r->others[leaf] = band;
}

/* A point beside what it stands for: an alarm that counts, or a term. */
struct candidate {
	uint32_t            what;
	const struct point *point;
};

/* build.c, groups.c, terms.c, memory.c: for rules_new. An array that grows by doubling; returns the new one, or NULL (then the old one still stands). */
void *rules_grow(void *array, size_t n, uint32_t *cap, size_t size);
/* Behind all of one point; NULL: no memory. */
struct rules_alarm *rules_add_whole(struct rules *r, uint32_t *cap);
/* Puts the rule's name and place before the text; returns -1. */
int rules_prefix_def(const struct rule_def *d, struct err *reterr);
/* Points that may fit (all of them if *ret_points is NULL): a rule that names its points is not asked about every one. 0, or -1: no memory. */
struct build;
int   rules_pick_points(struct build *b, const struct rule_select *s, const uint32_t **ret_points, size_t *ret_n);
int   rules_build_groups(struct rules *r, uint32_t *cap, struct err *reterr);
int   terms_build(struct build *b, struct rules *r, uint32_t *cap, struct err *reterr);
int   memory_build(struct rules *r);
/* A point that lacks what the rule's scope goes by is in no group. */
bool  groups_have_scope(const struct rule_def *d, const struct point *p);
int   groups_compare_scopes(const struct rule_def *d, const struct point *a, const struct point *b);
/* What all points of the group share is the group's; what they do not share it has not. Its kind is that of the first. */
void  groups_describe(const struct rules *r, const struct candidate *c, uint32_t n, struct rules_alarm *a);

/* counts.c. A member's condition began or ended to stand, after its life says so. */
struct why;
void counts_update(struct rules *r, uint32_t alarm, const struct why *w, struct rules_sink *sink);
/* A window's timer ended. */
void counts_expire(struct rules *r, uint32_t link, struct stamp at, struct rules_sink *sink);
size_t counts_list_members(struct rules *r, const struct group *g);

/* terms.c. Gives a seat's leaf this verdict; judged is when all leaves of the reading had their turn, so that a value that jumps from one term's to another's is never both. */
void terms_turn(struct rules *r, uint32_t seat, bool verdict, struct rules_sink *sink);
void terms_judge(struct rules *r, struct stamp at, struct rules_sink *sink);
/* Every seat of the joint, without judging. */
void terms_set_all(struct rules *r, uint32_t alarm, bool verdict);
void terms_set_seat(struct rules *r, uint32_t seat, bool verdict);
/* The point is in a test no more, or in or out of service. */
void terms_settle(struct rules *r, uint32_t point, struct stamp at, struct rules_sink *sink);
/* Of what was kept. */
void terms_set_holds(struct rules *r, uint32_t seat, bool holds);
size_t terms_list_members(struct rules *r, const struct joint *j);
/* Which conditions on which points the joint's verdicts are about. */
uint64_t terms_hash(const struct rules *r, const struct joint *j);

/* memory.c. The verdict of what is not judged by the value alone; remembers the sample where the rule has a memory. */
bool rules_judge_slow(struct rules *r, const struct leaf *l, const struct sample *s, struct rules_sink *sink);
double memory_rate(const struct rules *r, uint32_t alarm);
/* Behind the fixed part of a saved state: what the alarm remembers (0 bytes: nothing); whether bytes are such a tail, an empty one too; and back, `offset_ns` being what moments of
 * then are to be moved by. A tail that is not of this rule, or not of this rule as it is now, is passed over. */
size_t memory_save(const struct rules *r, uint32_t alarm, uint8_t *out);
bool   memory_is_tail(const uint8_t *tail, size_t len);
void   memory_restore(struct rules *r, uint32_t alarm, const uint8_t *tail, size_t len, int64_t offset_ns);

/* engine.c. What led to a move: borrowed for the call. */
struct why {
	struct stamp  at;
	enum cause    cause;
	const struct sample *sample; /* NULL: not a reading */
	const char   *actor, *note;
	const char   *verdict_cause;
	bool          anew;          /* what stood already is told as another alarm: it did not come again */
};
/* alarms.c */
uint8_t rules_priority(const struct rule_def *d, enum alarm_class c);
int     rules_name_alarms(struct rules *r, struct err *reterr);

/* beside.c */
/* It becomes active now, so long after it did last; INT64_MAX: never did. */
void beside_on(struct beside *b, int64_t after_ns);
/* The moment that `raised_ago` means, 0 if none, and back. */
int64_t  beside_ago_to_ns(uint32_t ago, int64_t on_ns);
uint32_t beside_ago_from_ns(int64_t raised_ns, int64_t on_ns);
void beside_moved(struct rules *r, uint32_t alarm, enum alarm_trigger trigger, const struct why *w, struct rules_sink *sink);
void beside_attend(struct rules *r, uint32_t alarm, struct stamp at, struct rules_sink *sink);
/* How long the condition must be gone before the alarm has returned. */
int64_t beside_off_delay(const struct rules *r, uint32_t alarm, int64_t off_delay_ns);
void beside_flapped(struct rules *r, uint32_t alarm);

/* extras.c */
#define RULES_MADE_BY_PEOPLE(r, alarm) ((alarm) >= (r)->n_made)
int  extras_build(struct rules *r, uint32_t *cap, struct err *reterr);
void extras_ended(struct rules *r, uint32_t alarm, int64_t at_ns);
/* A report that has been over for too long. */
bool extras_is_stale(const struct rules *r, uint32_t alarm, int64_t now_ns);
void extras_expire(struct rules *r, uint32_t extra, struct stamp at, struct rules_sink *sink);
int64_t extras_until_ms(const struct rules *r, uint32_t alarm);
uint32_t extras_find(const struct rules *r, const char *id);
size_t extras_save(const struct rules *r, uint32_t alarm, uint8_t *out);
uint32_t extras_restore(struct rules *r, const char *id, const uint8_t *saved, size_t len, int64_t offset_ns);
/* A report that is over, unless it is so for too long. */
uint32_t extras_restore_over(struct rules *r, const char *id, const uint8_t *saved, size_t len, int64_t offset_ns, int64_t now_ns);

/* suppress.c */
int  suppress_build(struct rules *r, struct err *reterr);
/* Whether the alarm, told with this mode, is told as suppressed. */
bool suppress_hides(const struct rules *r, uint32_t alarm, enum alarm_mode mode);
/* The alarm began or ended to stand, or is of a test no more, or its point went in or out of service. */
void suppress_update(struct rules *r, uint32_t alarm, const struct why *w, struct rules_sink *sink);
void suppress_restore(struct rules *r);

/* under_test.c */
void under_test_expire(struct rules *r, unsigned test, struct stamp at, struct rules_sink *sink);
enum alarm_mode under_test_mode(const struct rules *r, uint32_t alarm);

/* The condition of an alarm, before delays, is now this. */
void rules_decide(struct rules *r, uint32_t alarm, bool raw, const struct why *w, struct rules_sink *sink);
/* The only place where a state changes. False: the table does not allow it. */
bool rules_move(struct rules *r, uint32_t alarm, enum alarm_trigger trigger, const struct why *w, struct rules_sink *sink);
/* A transition that changes no state, or the n-th of a move. `to`: the state that it leads to. */
void rules_send(struct rules *r, uint32_t alarm, enum transition what, enum alarm_state to, const struct why *w, struct rules_sink *sink);
/* Ends all delays and windows up to now, in the order of time. */
void rules_run_until(struct rules *r, struct stamp now, struct rules_sink *sink);

#endif
