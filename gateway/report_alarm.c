/* What a report keeps of each alarm, and what its transitions count for. An occurrence is settled when the next one begins, or at the end: until then a verdict may still come.
 * Alarms of tests and drills are counted apart and nowhere else; how long something stood counts in every mode. */
#include "gateway/report_inside.h"

#include "core/clock.h"

#include <stdlib.h>
#include <string.h>
#include <time.h>

static bool is_real(const struct report_alarm *a)
{
	return a->mode == MODE_NORMAL;
}

bool report_announced(const struct report_alarm *a)
{
	return a->class_ < ANNOUNCED && a->standing_mode == MODE_NORMAL && !a->hidden;
}

static struct report_alarm *add(struct report *r, const char *id)
{
	if (r->n_alarms == r->cap_alarms) {
		size_t cap = r->cap_alarms ? r->cap_alarms * 2 : 64;
		struct report_alarm *more = reallocarray(r->alarms, cap, sizeof *more);
		if (!more)
			return NULL;
		r->alarms = more;
		r->cap_alarms = cap;
	}
	char *copy = strdup(id);
	if (!copy || strmap_put(&r->by_id, copy, (uint32_t)r->n_alarms)) {
		free(copy);
		return NULL;
	}
	r->alarms[r->n_alarms] = (struct report_alarm){ .id = copy, .cause = STRMAP_NONE, .verdict = REPORT_VERDICTS };
	return &r->alarms[r->n_alarms++];
}

/* ---- an occurrence's end ---- */

/* What it lacked, if it lived in the month. */
static void settle(struct report *r, struct report_alarm *a)
{
	bool lived = a->began && (a->ended == ENDED_NOT || a->ended_ms >= r->month.from_ms);
	struct times *ack = &r->times[MEASURE_ACK][a->class_], *verify = &r->times[MEASURE_VERIFY][a->class_];

	if (!lived || !is_real(a))
		return;
	if (!a->verified)
		*(a->ended == ENDED_NOT ? &verify->waiting : &verify->never) += 1;
	if (a->acked)
		return;
	if (a->ended == ENDED_CLEARED)
		ack->unneeded++; /* only one that needs nobody is cleared without */
	else
		*(a->ended == ENDED_NOT ? &ack->waiting : &ack->never) += 1;
}

static void stop_standing(struct report *r, struct report_alarm *a, int64_t at_ms)
{
	int64_t ms = report_within(r, a->since_ms, at_ms);

	a->stands = false;
	a->standing_ms += ms;
	a->longest_ms = a->longest_ms > ms ? a->longest_ms : ms;
}

static void end_occurrence(struct report *r, struct report_alarm *a, int64_t at_ms, enum ended how)
{
	if (!a->began || a->ended != ENDED_NOT)
		return;
	if (a->stands && a->standing_mode == MODE_NORMAL && report_counts(r, at_ms))
		r->times[MEASURE_RETURN][a->class_].never++;
	if (a->stands)
		stop_standing(r, a, at_ms);
	a->ended = how;
	a->ended_ms = at_ms;
}

/* raised_ms UNKNOWN_MS: the log does not say. */
static void begin_occurrence(struct report *r, struct report_alarm *a, const struct report_event *e, int64_t raised_ms)
{
	end_occurrence(r, a, e->at_ms, ENDED_REMOVED);
	settle(r, a);
	a->began = true;
	a->occurrence = e->occurrence;
	a->raised_ms = raised_ms;
	a->ended = ENDED_NOT;
	a->mode = e->mode;
	a->class_ = e->class_;
	a->acked = raised_ms == UNKNOWN_MS && (e->acked || (e->from != STATE_ACTIVE && e->from != STATE_RETURNED)) && e->transition != TRANSITION_ACKNOWLEDGED;
	a->verified = a->verdict_counted = false;
	a->verdict = REPORT_VERDICTS;
	a->cause = STRMAP_NONE;
}

/* ---- counting ---- */

static int64_t hour_of(int64_t at_ms)
{
	time_t t = (time_t)(at_ms / 1000);
	struct tm tm = { 0 };

	localtime_r(&t, &tm);
	return tm.tm_hour;
}

/* Something called for a person. */
static void announce(struct report *r, const struct report_alarm *a, int64_t at_ms)
{
	int day = 0;

	if (!report_announced(a))
		return;
	r->announced++;
	size_t window = (size_t)((at_ms - r->month.from_ms) / WINDOW_MS);
	if (window < WINDOWS_MAX)
		r->windows[window]++;
	while (day + 1 < r->month.n_days && at_ms >= r->month.day_ms[day + 1])
		day++;
	r->days[day][a->class_]++;
	r->hours[hour_of(at_ms) % 24]++;
}

/* `facp.f12-smoke-3` is of the device facp; a silent device's own fault is of that device too. */
static void device_of(const struct report_event *e, char *buf, size_t cap)
{
	static const char own[] = "_gw.device-";
	const char *from = strncmp(e->alarm, own, sizeof own - 1) == 0 ? e->alarm + sizeof own - 1 : e->point;
	size_t n = strcspn(from, "./");

	n = n < cap ? n : cap - 1;
	memcpy(buf, from, n);
	buf[n] = '\0';
}

static int count_names(struct report *r, const struct report_event *e, const struct report_alarm *a, size_t what)
{
	char device[REPORT_ALARM_MAX];
	bool failed = false;
	struct tally *t;

	device_of(e, device, sizeof device);
	if (device[0] && (t = tally_of(&r->devices, device, &failed)))
		t->n[what]++, t->n[TALLY_TOTAL] += what == a->class_;
	if (e->rule[0] && (t = tally_of(&r->rules, e->rule, &failed)))
		t->n[what]++, t->n[TALLY_TOTAL] += what == a->class_;
	return failed ? -1 : 0;
}

static int raised(struct report *r, struct report_alarm *a, const struct report_event *e)
{
	begin_occurrence(r, a, e, e->at_ms);
	a->standing_mode = e->mode;
	if (!report_counts(r, e->at_ms))
		return 0;
	if (!is_real(a)) {
		r->apart[a->mode == MODE_DRILL][a->class_]++;
		return 0;
	}
	a->raised++;
	r->raised[a->class_]++;
	r->hidden[a->class_] += a->hidden;
	announce(r, a, e->at_ms);
	return count_names(r, e, a, a->class_);
}

static int reraised(struct report *r, struct report_alarm *a, const struct report_event *e)
{
	a->standing_mode = e->mode;
	if (!report_counts(r, e->at_ms) || e->mode != MODE_NORMAL)
		return 0;
	a->reraised++;
	r->reraised[a->class_]++;
	announce(r, a, e->at_ms);
	return count_names(r, e, a, TALLY_RERAISED);
}

static int count_person(struct report *r, const struct report_event *e, unsigned what)
{
	bool failed = false;
	struct tally *t = e->actor[0] ? tally_of(&r->people, e->actor, &failed) : NULL;

	if (t)
		t->n[what]++;
	return failed ? -1 : 0;
}

static int acknowledged(struct report *r, struct report_alarm *a, const struct report_event *e)
{
	int failed = 0;

	if (a->acked)
		return 0;
	a->acked = true;
	if (!report_counts(r, e->at_ms) || !is_real(a))
		return 0;
	if (a->raised_ms != UNKNOWN_MS)
		failed = times_add(&r->times[MEASURE_ACK][a->class_], e->at_ms - a->raised_ms);
	return failed | count_person(r, e, PERSON_ACKS);
}

/* The last verdict on an occurrence counts, and of the first how long it took. */
static int verified(struct report *r, struct report_alarm *a, const struct report_event *e)
{
	static const char *const words[REPORT_VERDICTS] = { "real", "false", "test", "drill" };
	bool first = !a->verified, failed = false;
	char cause[REPORT_WORD_MAX + 16];
	unsigned what = 0;

	while (what < REPORT_VERDICTS && strcmp(e->verdict, words[what]) != 0)
		what++;
	if (what == REPORT_VERDICTS)
		return 0;
	if (a->verdict_counted) {
		r->verdicts[a->class_][a->verdict]--;
		if (a->cause != STRMAP_NONE)
			r->causes.items[a->cause].n[0]--;
	}
	a->verified = true;
	a->verdict_counted = is_real(a) && report_counts(r, e->at_ms);
	a->verdict = (uint8_t)what;
	a->cause = STRMAP_NONE;
	if (!a->verdict_counted)
		return 0;
	r->verdicts[a->class_][what]++;
	/* The name of a cause begins with its verdict's number. */
	cause[0] = (char)('0' + what);
	memcpy(cause + 1, e->cause, strlen(e->cause) + 1);
	struct tally *t = e->cause[0] ? tally_of(&r->causes, cause, &failed) : NULL;
	if (t) {
		t->n[0]++;
		a->cause = (uint32_t)(t - r->causes.items);
	}
	if (first && a->raised_ms != UNKNOWN_MS)
		failed = times_add(&r->times[MEASURE_VERIFY][a->class_], e->at_ms - a->raised_ms) || failed;
	return (failed ? -1 : 0) | count_person(r, e, PERSON_VERDICTS);
}

/* ---- a transition ---- */

static bool stands_in(enum alarm_state s)
{
	return s == STATE_ACTIVE || s == STATE_ACKED;
}

/* How long it stood counts from where it began to stand: a second raising for want of an answer begins nothing. */
static int follow_state(struct report *r, struct report_alarm *a, const struct report_event *e)
{
	bool gone = e->transition == TRANSITION_CLEARED || e->transition == TRANSITION_REMOVED, stands = !gone && stands_in(e->state);
	int failed = 0;

	if (stands && !a->stands) {
		a->stands = true;
		a->since_ms = e->at_ms;
		a->stood += report_counts(r, e->at_ms);
	} else if (!stands && a->stands && e->transition != TRANSITION_REMOVED) {
		if (a->standing_mode == MODE_NORMAL && a->since_ms != UNKNOWN_MS && report_counts(r, e->at_ms))
			failed = times_add(&r->times[MEASURE_RETURN][a->class_], e->at_ms - a->since_ms);
		stop_standing(r, a, e->at_ms);
	}
	if (gone)
		end_occurrence(r, a, e->at_ms, e->transition == TRANSITION_CLEARED ? ENDED_CLEARED : ENDED_REMOVED);
	else if (e->state == STATE_NORMAL && a->began && a->ended == ENDED_NOT)
		end_occurrence(r, a, e->at_ms, ENDED_CLEARED);
	return failed;
}

/* The log begins in the midst of its life: it stands since nobody knows when. */
static void begin_unknown(struct report *r, struct report_alarm *a, const struct report_event *e)
{
	begin_occurrence(r, a, e, UNKNOWN_MS);
	a->stands = stands_in(e->from);
	a->standing_mode = e->mode;
	a->since_ms = UNKNOWN_MS;
}

static void take_facts(struct report_alarm *a, const struct report_event *e)
{
	a->hidden = e->hidden;
	a->until_ms = e->until_ms;
	if (e->times > 0 && (uint64_t)e->times > a->times)
		a->times = e->times > UINT32_MAX ? UINT32_MAX : (uint32_t)e->times;
	if (e->name[0] && (!a->name || strcmp(a->name, e->name) != 0)) {
		char *name = strdup(e->name);
		if (!name)
			return; /* the one before still says what it is */
		free(a->name);
		a->name = name;
	}
}

int report_alarm(struct report *r, const struct report_event *e)
{
	uint32_t at = strmap_get(&r->by_id, e->alarm);
	bool begins = e->transition == TRANSITION_RAISED || e->transition == TRANSITION_CONFIRMED;
	struct report_event in_month = *e;
	int failed = 0;

	if (at == STRMAP_NONE && r->n_alarms == REPORT_ALARMS_MAX) {
		r->alarms_left_out++;
		return 0;
	}
	struct report_alarm *a = at == STRMAP_NONE ? add(r, e->alarm) : &r->alarms[at];
	if (!a)
		return -1;
	if (!report_counts(r, e->at_ms))
		in_month.times = -1;
	take_facts(a, &in_month);
	if (begins)
		failed = raised(r, a, e);
	else if (e->occurrence && (!a->began || a->occurrence != e->occurrence))
		begin_unknown(r, a, e);
	switch ((unsigned)e->transition) {
	case TRANSITION_RERAISED: failed |= reraised(r, a, e); break;
	case TRANSITION_ACKNOWLEDGED: failed |= acknowledged(r, a, e); break;
	case TRANSITION_VERIFIED: failed |= verified(r, a, e); break;
	case TRANSITION_ESCALATED: r->escalated[a->class_] += e->mode == MODE_NORMAL && report_counts(r, e->at_ms); break;
	case TRANSITION_CHATTERING: a->chattering += e->mode == MODE_NORMAL && report_counts(r, e->at_ms); break;
	}
	return failed | follow_state(r, a, e);
}

void report_alarms_end(struct report *r)
{
	for (size_t i = 0; i < r->n_alarms; i++) {
		struct report_alarm *a = &r->alarms[i];
		int64_t since = a->since_ms;
		settle(r, a);
		if (!a->stands)
			continue;
		if (a->standing_mode == MODE_NORMAL && a->ended == ENDED_NOT)
			r->times[MEASURE_RETURN][a->class_].waiting++;
		stop_standing(r, a, r->to_ms);
		a->stands = true;
		a->since_ms = since;
	}
}
