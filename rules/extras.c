/* The alarms that people make: shelves, points out of service, reports by hand. A pool behind all other alarms; one that is normal again is free, and is taken again last, so that
 * its end is saved long before. */
#include "rules/bytes.h"
#include "rules/engine.h"

#include <assert.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define SHELF_SUFFIX   "/shelved"
#define SERVICE_SUFFIX "/out-of-service"
#define MANUAL_PREFIX  "_manual."

int extras_build(struct rules *r, uint32_t *cap, struct err *reterr)
{
	r->extras = calloc(RULES_EXTRAS_MAX, sizeof *r->extras);
	r->point_tests = calloc(r->site->n_points + 1, sizeof *r->point_tests);
	r->points_out = calloc(r->site->n_points + 1, sizeof *r->points_out);
	if (!r->extras || !r->point_tests || !r->points_out)
		return err_set(reterr, ERR_NO_MEMORY, "no memory for the rules");
	for (uint32_t i = 0; i < RULES_EXTRAS_MAX; i++) {
		struct rules_alarm *a = rules_add_whole(r, cap);
		if (!a)
			return err_set(reterr, ERR_NO_MEMORY, "no memory for the rules");
		a->id = "";
		a->class_ = CLASS_DISABLEMENT;
		a->priority = 4;
		a->extra = &r->extras[i].shown;
	}
	return 0;
}

uint32_t extras_find(const struct rules *r, const char *id)
{
	for (uint32_t i = 0, left = r->n_extras + r->n_over; left > 0 && i < RULES_EXTRAS_MAX; i++) {
		if (!r->extras[i].used && !r->extras[i].over)
			continue;
		if (strcmp(r->extras[i].id, id) == 0)
			return r->n_made + i;
		left--;
	}
	return RULES_ALARM_NONE;
}

/* Of what is reported again its own; else one that nobody asks for, or the one of a report that is over. RULES_EXTRAS_MAX: all are taken. */
static uint32_t free_place(const struct rules *r, const char *id)
{
	uint32_t own = extras_find(r, id), over = RULES_EXTRAS_MAX;

	if (own != RULES_ALARM_NONE && r->extras[own - r->n_made].over)
		return own - r->n_made;
	for (uint32_t n = 0; n < RULES_EXTRAS_MAX; n++) {
		uint32_t i = (r->next_extra + n) % RULES_EXTRAS_MAX;
		if (!r->extras[i].used && !r->extras[i].over)
			return i;
		if (r->extras[i].over && (over == RULES_EXTRAS_MAX || r->extras[i].over_ns < r->extras[over].over_ns))
			over = i;
	}
	return over;
}

/* RULES_ALARM_NONE: all are taken. */
static uint32_t take_extra(struct rules *r, const char *id)
{
	uint32_t i = free_place(r, id);

	if (i == RULES_EXTRAS_MAX)
		return RULES_ALARM_NONE;
	r->next_extra = (i + 1) % RULES_EXTRAS_MAX;
	r->n_over -= r->extras[i].over;
	r->extras[i] = (struct extra){ .used = true };
	r->n_extras++;
	r->lives[r->n_made + i] = (struct life){ .rev = r->extra_rev > r->rev_first ? r->extra_rev : r->rev_first };
	r->besides[r->n_made + i] = (struct beside){ 0 };
	return r->n_made + i;
}

/* What is shown of one of people's is what it is about. */
static void describe(struct rules *r, uint32_t alarm, enum rules_extra_kind kind, uint32_t target)
{
	struct extra *x = rules_extra(r, alarm);
	struct rules_alarm *a = &r->wholes[alarm - r->n_single];
	const struct point *p = kind == EXTRA_SERVICE ? &r->site->points[target] : NULL;

	x->shown = (struct rules_extra){ .kind = kind, .target = target, .actor = x->actor, .note = x->note };
	*a = (struct rules_alarm){ .id = x->id, .extra = &x->shown, .point = POINT_NONE, .building = UINT32_MAX, .floor = "", .zone = "", .class_ = CLASS_DISABLEMENT,
		.priority = 4, .limit = NAN, .ack = false };
	if (kind == EXTRA_SHELF) {
		const struct rules_alarm of = rules_alarm(r, target);
		a->point = of.point;
		a->node = of.node;
		a->building = of.building;
		a->floor = of.floor;
		a->zone = of.zone;
		a->hazard = of.hazard;
	}
	if (p) {
		a->point = target;
		a->node = p->node;
		a->building = p->building;
		a->floor = p->floor;
		a->zone = p->zone;
		a->hazard = kind_info(p->kind)->hazard;
	}
}

static void cut_copy(char *to, size_t cap, const char *text)
{
	size_t n = text ? strlen(text) : 0;

	if (n >= cap)
		n = cap - 1;
	while (n > 0 && text && (text[n] & 0xC0) == 0x80) /* not within a character */
		n--;
	memcpy(to, text ? text : "", n);
	to[n] = '\0';
}

/* However much is shelved and out of service, a person can report a fire. */
static bool has_place(const struct rules *r, enum alarm_class class_)
{
	uint32_t others = 0;

	if (class_ == CLASS_FIRE)
		return true;
	for (uint32_t i = 0; i < RULES_EXTRAS_MAX; i++)
		others += r->extras[i].used && rules_class(r, r->n_made + i) != CLASS_FIRE;
	return others < RULES_EXTRAS_MAX - RULES_EXTRAS_FIRE;
}

static int begin(struct rules *r, enum rules_extra_kind kind, enum alarm_class class_, uint32_t target, const char *id, const struct rules_who *who, uint32_t *ret, struct err *reterr)
{
	uint32_t alarm;

	if (strlen(id) >= RULES_EXTRA_ID_MAX)
		return err_set(reterr, ERR_INVALID, "'%s' is too long a name", id);
	alarm = has_place(r, class_) ? take_extra(r, id) : RULES_ALARM_NONE;
	if (alarm == RULES_ALARM_NONE)
		return err_set(reterr, ERR_REFUSED, "%u alarms are shelved, out of service or reported by hand already; end some first", r->n_extras);
	struct extra *x = rules_extra(r, alarm);
	cut_copy(x->id, sizeof x->id, id);
	cut_copy(x->actor, sizeof x->actor, who->actor);
	cut_copy(x->note, sizeof x->note, who->note);
	describe(r, alarm, kind, target);
	*ret = alarm;
	return 0;
}

static struct why why_of(const struct rules_who *who)
{
	return (struct why){ .at = who->now, .cause = who->cause, .actor = who->actor, .note = who->note };
}

bool extras_is_stale(const struct rules *r, uint32_t alarm, int64_t now_ns)
{
	const struct extra *x = rules_extra(r, alarm);

	return x->over && now_ns - x->over_ns > RULES_LATE_NS;
}

void extras_ended(struct rules *r, uint32_t alarm, int64_t at_ns)
{
	struct extra *x = rules_extra(r, alarm);

	if (!x->used)
		return;
	timers_cancel(&r->timers, rules_timer_shelf(r, alarm - r->n_made));
	x->used = false;
	x->over = x->shown.kind == EXTRA_MANUAL;
	x->over_ns = at_ns;
	r->n_extras--;
	r->n_over += x->over;
}

/* --- shelves */

int64_t extras_until_ms(const struct rules *r, uint32_t alarm)
{
	for (uint32_t i = 0; i < RULES_EXTRAS_MAX; i++)
		if (r->extras[i].used && r->extras[i].shown.kind == EXTRA_SHELF && r->extras[i].shown.target == alarm)
			return r->extras[i].shown.until_ms;
	return 0;
}

static void set_shelved(struct rules *r, uint32_t alarm, bool shelved, const struct why *w, struct rules_sink *sink)
{
	r->besides[alarm].shelved = shelved;
	rules_send(r, alarm, shelved ? TRANSITION_SHELVED : TRANSITION_UNSHELVED, (enum alarm_state)r->lives[alarm].state, w, sink);
	sink->changed(sink->user, alarm);
	counts_update(r, alarm, w, sink);
}

static void shelf_id(const struct rules *r, uint32_t alarm, char *ret)
{
	snprintf(ret, RULES_EXTRA_ID_MAX + sizeof SHELF_SUFFIX, "%.*s%s", RULES_EXTRA_ID_MAX, rules_id(r, alarm), SHELF_SUFFIX);
}

int rules_shelve(struct rules *r, uint32_t alarm, int64_t for_ns, const struct rules_who *who, struct rules_sink *sink, struct err *reterr)
{
	struct why w = why_of(who);
	char id[RULES_EXTRA_ID_MAX + sizeof SHELF_SUFFIX];
	uint32_t shelf;

	assert(alarm < r->n_alarms);
	rules_run_until(r, who->now, sink);
	if (RULES_MADE_BY_PEOPLE(r, alarm))
		return err_set(reterr, ERR_REFUSED, "alarm '%s' cannot be shelved: people made it", rules_id(r, alarm));
	if (r->besides[alarm].shelved)
		return err_set(reterr, ERR_REFUSED, "alarm '%s' is shelved already; unshelve it first to give it another end", rules_id(r, alarm));
	if (for_ns <= 0 || for_ns > RULES_SHELF_MAX_NS)
		return err_set(reterr, ERR_INVALID, "an alarm is shelved for 24 h at most; for longer take the point out of service: firegw service POINT out");
	shelf_id(r, alarm, id);
	if (begin(r, EXTRA_SHELF, CLASS_DISABLEMENT, alarm, id, who, &shelf, reterr))
		return -1;
	rules_extra(r, shelf)->shown.until_ms = clock_shift(who->now, for_ns).wall_ms;
	timers_set(&r->timers, rules_timer_shelf(r, shelf - r->n_made), rules_add_ns(who->now.mono_ns, for_ns));
	set_shelved(r, alarm, true, &w, sink);
	rules_decide(r, shelf, true, &w, sink);
	return 0;
}

static void end_shelf(struct rules *r, uint32_t shelf, const struct why *w, struct rules_sink *sink)
{
	uint32_t alarm = rules_extra(r, shelf)->shown.target;

	rules_decide(r, shelf, false, w, sink);
	set_shelved(r, alarm, false, w, sink);
}

int rules_unshelve(struct rules *r, uint32_t alarm, const struct rules_who *who, struct rules_sink *sink, struct err *reterr)
{
	struct why w = why_of(who);
	char id[RULES_EXTRA_ID_MAX + sizeof SHELF_SUFFIX];

	assert(alarm < r->n_alarms);
	rules_run_until(r, who->now, sink);
	shelf_id(r, alarm, id);
	uint32_t shelf = extras_find(r, id);
	if (shelf == RULES_ALARM_NONE)
		return err_set(reterr, ERR_REFUSED, "alarm '%s' is not shelved", rules_id(r, alarm));
	end_shelf(r, shelf, &w, sink);
	return 0;
}

void rules_end_lost_shelves(struct rules *r, struct stamp now, struct rules_sink *sink)
{
	struct why w = { .at = now, .cause = CAUSE_RULE };

	for (uint32_t i = 0; i < RULES_EXTRAS_MAX; i++)
		if (r->extras[i].used && r->extras[i].lost)
			end_shelf(r, r->n_made + i, &w, sink);
}

void extras_expire(struct rules *r, uint32_t extra, struct stamp at, struct rules_sink *sink)
{
	struct why w = { .at = at, .cause = CAUSE_DELAY };

	end_shelf(r, r->n_made + extra, &w, sink);
}

/* --- points out of service */

/* Consoles go by what the latest event says: what is not normal is told once more, or it would be heard, or hidden, until its next move. */
static void tell_service(struct rules *r, uint32_t alarm, const struct why *w, struct rules_sink *sink)
{
	const struct life *l = &r->lives[alarm];

	if (l->state != STATE_NORMAL && !suppress_hides(r, alarm, r->besides[alarm].mode))
		rules_send(r, alarm, r->points_out[rules_point(r, alarm)] ? TRANSITION_SUPPRESSED : TRANSITION_UNSUPPRESSED, (enum alarm_state)l->state, w, sink);
}

static void suppress_anew(struct rules *r, uint32_t point, const struct why *w, struct rules_sink *sink)
{
	for (uint32_t i = r->first_leaf[point]; i < r->first_leaf[point + 1]; i++)
		if (r->leaves[i].alarm < r->n_single)
			suppress_update(r, r->leaves[i].alarm, w, sink);
}

/* What its alarms suppress is so before anything follows from them, and until nothing does. */
static void recount(struct rules *r, uint32_t point, const struct why *w, struct rules_sink *sink)
{
	if (!r->points_out[point])
		suppress_anew(r, point, w, sink);
	for (uint32_t i = r->first_leaf[point]; i < r->first_leaf[point + 1]; i++)
		if (r->leaves[i].alarm < r->n_single) {
			tell_service(r, r->leaves[i].alarm, w, sink);
			counts_update(r, r->leaves[i].alarm, w, sink);
			sink->changed(sink->user, r->leaves[i].alarm); /* what counts at a restart goes by the moments that are known of its alarms */
		}
	suppress_anew(r, point, w, sink);
}

int rules_service(struct rules *r, uint32_t point, bool out, const struct rules_who *who, struct rules_sink *sink, struct err *reterr)
{
	struct why w = why_of(who);
	char id[RULES_EXTRA_ID_MAX + sizeof SERVICE_SUFFIX];
	uint32_t alarm;

	assert(point < r->site->n_points);
	rules_run_until(r, who->now, sink);
	const char *name = r->site->points[point].id;
	snprintf(id, sizeof id, "%.*s%s", RULES_EXTRA_ID_MAX, name, SERVICE_SUFFIX);
	if (out == (r->points_out[point] != 0))
		return err_set(reterr, ERR_REFUSED, out ? "point '%s' is out of service already" : "point '%s' is in service", name);
	if (out && begin(r, EXTRA_SERVICE, CLASS_DISABLEMENT, point, id, who, &alarm, reterr))
		return -1;
	if (!out)
		alarm = extras_find(r, id);
	r->points_out[point] = out;
	if (alarm != RULES_ALARM_NONE)
		rules_decide(r, alarm, out, &w, sink);
	recount(r, point, &w, sink);
	terms_settle(r, point, who->now, sink);
	return 0;
}

/* --- people's reports */

static void describe_report(struct rules *r, uint32_t alarm, uint32_t building, const char *floor, enum alarm_class class_)
{
	struct rules_alarm *a = &r->wholes[alarm - r->n_single];

	a->class_ = class_;
	a->hazard = class_ == CLASS_FIRE ? HAZARD_FIRE : HAZARD_NONE;
	a->priority = class_ == CLASS_FIRE ? 1 : class_ == CLASS_PREALARM ? 2 : 3;
	a->building = building;
	a->node = r->site->buildings[building].node;
	cut_copy(rules_extra(r, alarm)->floor, sizeof rules_extra(r, alarm)->floor, floor);
	a->floor = rules_extra(r, alarm)->floor;
	a->ack = true;
}

int rules_report(struct rules *r, uint32_t building, const char *floor, enum alarm_class class_, const struct rules_who *who, struct rules_sink *sink, struct err *reterr)
{
	struct why w = why_of(who);
	char id[RULES_EXTRA_ID_MAX * 2];
	uint32_t alarm;

	assert(building < r->site->n_buildings);
	rules_run_until(r, who->now, sink);
	if (strlen(floor) >= sizeof r->extras->floor)
		return err_set(reterr, ERR_INVALID, "floor '%s' is too long a name", floor);
	if (class_ > CLASS_FAULT)
		return err_set(reterr, ERR_INVALID, "what a person reports is fire, prealarm, supervisory or fault");
	snprintf(id, sizeof id, MANUAL_PREFIX "%s.%s/%s", r->site->buildings[building].id, floor, alarm_class_name(class_));
	alarm = extras_find(r, id);
	if (alarm != RULES_ALARM_NONE && rules_extra(r, alarm)->over)
		alarm = RULES_ALARM_NONE;
	if (alarm != RULES_ALARM_NONE && r->lives[alarm].state != STATE_ACKED)
		return err_set(reterr, ERR_REFUSED, "'%s' was reported already and waits to be acknowledged: firegw ack", id);
	if (alarm != RULES_ALARM_NONE) {
		struct extra *x = rules_extra(r, alarm); /* somebody saw to it, and it is seen again */
		cut_copy(x->actor, sizeof x->actor, who->actor);
		cut_copy(x->note, sizeof x->note, who->note);
		rules_move(r, alarm, TRIGGER_AGAIN, &w, sink);
		return 0;
	}
	if (begin(r, EXTRA_MANUAL, class_, building, id, who, &alarm, reterr))
		return -1;
	describe_report(r, alarm, building, floor, class_);
	rules_decide(r, alarm, true, &w, sink);
	return 0;
}

/* --- kept over a restart: behind the alarm's own state
 *
 * 0 kind   1 class, of a shelf that of its alarm   2 until wall (8)   10 the shelf's end, or since when the report is over, mono (8)   18 actor, note, floor: each its length and its bytes */

static uint8_t *put_text(uint8_t *at, const char *text)
{
	size_t n = strlen(text);

	*at++ = (uint8_t)n;
	memcpy(at, text, n);
	return at + n;
}

static int64_t take_moment(const uint8_t *at)
{
	return (int64_t)bytes_take(&at, 8);
}

/* -1: there is none whole, or it does not fit. */
static int take_text(const uint8_t **at, const uint8_t *end, char *ret, size_t cap)
{
	size_t n = *at < end ? **at : cap;

	if (n >= cap || (size_t)(end - *at) < n + 1)
		return -1;
	memcpy(ret, *at + 1, n);
	ret[n] = '\0';
	*at += n + 1;
	return strlen(ret) == n ? 0 : -1;
}

size_t extras_save(const struct rules *r, uint32_t alarm, uint8_t *out)
{
	const struct extra *x = rules_extra(r, alarm);
	uint8_t *at = out;

	*at++ = (uint8_t)x->shown.kind;
	*at++ = (uint8_t)rules_class(r, x->shown.kind == EXTRA_SHELF ? x->shown.target : alarm);
	at = bytes_put(at, (uint64_t)x->shown.until_ms, 8);
	at = bytes_put(at, (uint64_t)(x->over ? x->over_ns : timers_get(&r->timers, rules_timer_shelf(r, alarm - r->n_made))), 8);
	at = put_text(at, x->actor);
	at = put_text(at, x->note);
	return (size_t)(put_text(at, x->floor) - out);
}

/* The building of _manual.BUILDING.FLOOR/CLASS; UINT32_MAX: it is gone. */
static uint32_t building_of_report(const struct rules *r, const char *id)
{
	const char *name = id + strlen(MANUAL_PREFIX);
	size_t n = strcspn(name, ".");

	for (uint32_t i = 0; i < r->site->n_buildings; i++)
		if (strlen(r->site->buildings[i].id) == n && strncmp(r->site->buildings[i].id, name, n) == 0)
			return i;
	return UINT32_MAX;
}

static uint32_t target_of(const struct rules *r, enum rules_extra_kind kind, const char *id)
{
	char name[RULES_EXTRA_ID_MAX];
	size_t cut = strlen(id) - (strrchr(id, '/') ? strlen(strrchr(id, '/')) : 0);

	if (kind == EXTRA_MANUAL)
		return strncmp(id, MANUAL_PREFIX, strlen(MANUAL_PREFIX)) == 0 ? building_of_report(r, id) : UINT32_MAX;
	if (strcmp(id + cut, kind == EXTRA_SHELF ? SHELF_SUFFIX : SERVICE_SUFFIX) != 0)
		return UINT32_MAX;
	memcpy(name, id, cut);
	name[cut] = '\0';
	if (kind == EXTRA_SHELF)
		return rules_find(r, name);
	for (uint32_t p = 0; p < r->site->n_points; p++)
		if (strcmp(r->site->points[p].id, name) == 0)
			return p;
	return UINT32_MAX;
}

#define SAVED_LEAST 18
/* What is told of it must be what its id says. */
static bool makes_sense(const struct rules *r, enum rules_extra_kind kind, const char *id, uint32_t target, const char *floor, enum alarm_class class_, const uint8_t *saved)
{
	char expected[RULES_EXTRA_ID_MAX * 2];

	if (target == UINT32_MAX)
		return false;
	if (kind == EXTRA_SHELF)
		return target < r->n_made && bytes_is_moment(take_moment(saved + 2)) && bytes_is_moment(take_moment(saved + 10));
	if (kind == EXTRA_SERVICE)
		return true;
	snprintf(expected, sizeof expected, MANUAL_PREFIX "%s.%s/%s", r->site->buildings[target].id, floor, alarm_class_name(class_));
	return class_ <= CLASS_FAULT && strcmp(id, expected) == 0;
}

uint32_t extras_restore(struct rules *r, const char *id, const uint8_t *saved, size_t len, int64_t offset_ns)
{
	char actor[sizeof ((struct extra *)0)->actor], note[sizeof ((struct extra *)0)->note], floor[sizeof ((struct extra *)0)->floor];
	const uint8_t *at = saved + SAVED_LEAST, *end = saved + len;
	struct rules_who who = { .actor = actor, .note = note };
	uint32_t alarm;
	struct err e;

	if (len < SAVED_LEAST || saved[0] > EXTRA_MANUAL || saved[1] >= CLASS_COUNT || strlen(id) >= RULES_EXTRA_ID_MAX ||
	    take_text(&at, end, actor, sizeof actor) || take_text(&at, end, note, sizeof note) || take_text(&at, end, floor, sizeof floor))
		return RULES_ALARM_NONE;
	enum rules_extra_kind kind = (enum rules_extra_kind)saved[0];
	enum alarm_class class_ = (enum alarm_class)saved[1];
	uint32_t target = target_of(r, kind, id);
	if (!makes_sense(r, kind, id, target, floor, class_, saved) || extras_find(r, id) != RULES_ALARM_NONE || begin(r, kind, kind == EXTRA_MANUAL ? class_ : CLASS_DISABLEMENT, target, id, &who, &alarm, &e))
		return RULES_ALARM_NONE;
	if (kind == EXTRA_MANUAL)
		describe_report(r, alarm, target, floor, class_);
	if (kind == EXTRA_SERVICE)
		r->points_out[target] = 1;
	if (kind == EXTRA_SHELF) {
		rules_extra(r, alarm)->shown.until_ms = take_moment(saved + 2);
		r->besides[target].shelved = true;
		/* Rows of before say disablement, the shelf's own class: then it is not known. */
		rules_extra(r, alarm)->lost = rules_class(r, target) == CLASS_FIRE && class_ != CLASS_FIRE && class_ != CLASS_DISABLEMENT;
		timers_set(&r->timers, rules_timer_shelf(r, alarm - r->n_made), rules_add_ns(take_moment(saved + 10), offset_ns));
	}
	return alarm;
}

uint32_t extras_restore_over(struct rules *r, const char *id, const uint8_t *saved, size_t len, int64_t offset_ns, int64_t now_ns)
{
	int64_t over_ns = len >= SAVED_LEAST && saved[0] == EXTRA_MANUAL && bytes_is_moment(take_moment(saved + 10)) ? rules_add_ns(take_moment(saved + 10), offset_ns) : INT64_MIN;
	bool lately = over_ns > rules_add_ns(now_ns, -RULES_LATE_NS);
	uint32_t alarm = lately && r->n_extras < RULES_EXTRAS_MAX - RULES_EXTRAS_FIRE ? extras_restore(r, id, saved, len, offset_ns) : RULES_ALARM_NONE;

	if (alarm != RULES_ALARM_NONE)
		extras_ended(r, alarm, over_ns);
	return alarm;
}
