/* fill_months: puts events of all kinds into a new database, as a tower with people in it would have made them: DB GATEWAY ZONE SEED FROM_MS TO_MS STEPS.
 * What an alarm does goes by the product's table of moves; all else is drawn from the seed. */
#include "core/clock.h"
#include "storage/store.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define BATCH  200
#define ALARMS 64

struct alarm {
	char             id[80], point[48], rule[32], name[64];
	enum alarm_class class_;
	enum alarm_state state;
	enum alarm_mode  mode;
	bool             latch, ack, condition, acked, shelved, out, suppressed, restless, began;
	unsigned         rev, times;
	struct event_id  occurrence;
	int64_t          since;
};

struct fill {
	struct store *store;
	struct batch *batch;
	const char   *gateway;
	uint32_t      streams[CLASS_COUNT];
	uint64_t      boot, counter, random;
	int64_t       at, started;
	struct alarm  alarms[ALARMS], shelves[ALARMS], outs[ALARMS];
	size_t        n;
	bool          flood, down, testing, drilling, on_duty;
	int           checks;
};

static unsigned draw(struct fill *f, unsigned below)
{
	f->random ^= f->random << 13;
	f->random ^= f->random >> 7;
	f->random ^= f->random << 17;
	return (unsigned)(f->random >> 20) % below;
}

static const char *person(struct fill *f)
{
	static const char *const names[] = { "li (uid 1000)", "王值班 (uid 1001)", "chen \\\"jr\\\" (uid 1002)", "=hub(district)" };

	return names[draw(f, 4)];
}

static void flush(struct fill *f)
{
	struct err e;

	if (store_commit(f->store, f->batch, f->at, &e)) {
		fprintf(stderr, "fill_months: %s\n", e.text);
		exit(1);
	}
	batch_clear(f->batch);
}

static void put(struct fill *f, enum alarm_class class_, enum transition what, const struct alarm *a, enum alarm_state from, const char *more)
{
	char tail[2048], id[EVENT_ID_MAX], occurrence[EVENT_ID_MAX], at[CLOCK_TEXT_MAX];
	struct event_id event = { f->boot, ++f->counter };
	bool begins = what == TRANSITION_RAISED || what == TRANSITION_CONFIRMED;
	int n = snprintf(tail, sizeof tail, "\"id\":\"%s\",\"class\":\"%s\",\"transition\":\"%s\",\"cause\":\"value\"", event_id_format(f->gateway, event, id), alarm_class_name(class_), transition_name(what));

	if (a)
		n += snprintf(tail + n, sizeof tail - (size_t)n, ",\"state\":\"%s\",\"from\":\"%s\",\"active\":%s,\"acked\":%s,\"alarm\":\"%s\",\"rev\":%u,\"occurrence\":\"%s\",\"rule\":\"%s\",\"point\":%s%s%s,\"members\":[{\"alarm\":\"x\"}],\"name\":\"%s\"",
		              alarm_state_name(a->state), alarm_state_name(from), a->state == STATE_ACTIVE || a->state == STATE_ACKED ? "true" : "false", a->acked ? "true" : "false", a->id, a->rev,
		              begins ? id : event_id_format(f->gateway, a->occurrence, occurrence), a->rule, a->point[0] ? "\"" : "", a->point[0] ? a->point : "null", a->point[0] ? "\"" : "", a->name);
	else
		n += snprintf(tail + n, sizeof tail - (size_t)n, ",\"state\":null,\"from\":null,\"active\":false,\"acked\":false,\"alarm\":null,\"rev\":null,\"occurrence\":null,\"rule\":null,\"point\":null,\"members\":[],\"name\":\"\"");
	n += snprintf(tail + n, sizeof tail - (size_t)n, ",\"message\":{\"zh\":\"楼 {\\\"x\\\"}\",\"en\":\"a, \\\"mode\\\":\\\"drill\\\"\"},\"at\":\"%s\",\"boot\":\"%016llx\",\"up_ms\":%lld,\"mode\":\"%s\",\"shelved\":%s,\"out_of_service\":%s,\"suppressed\":%s%s}",
	              clock_format(f->at, at), (unsigned long long)f->boot, (long long)(f->at - f->started), alarm_mode_name(a ? a->mode : MODE_NORMAL), a && a->shelved ? "true" : "false",
	              a && a->out ? "true" : "false", a && a->suppressed ? "true" : "false", more);
	struct record_event *e = batch_add_event(f->batch);
	const char *kept = batch_keep(f->batch, tail, (size_t)n), *alarm = a ? batch_keep(f->batch, a->id, strlen(a->id)) : NULL;
	*e = (struct record_event){ .stream_db = f->streams[class_], .class_ = class_, .transition = what, .state = a ? a->state : STATE_NORMAL, .id = event, .at_ms = f->at, .alarm = alarm,
		.since_ms = a ? a->since : f->at, .rev = a ? a->rev : 0, .tail = kept, .tail_len = (uint32_t)n };
	if (f->batch->n_events >= BATCH - 8)
		flush(f);
}

static void operation(struct fill *f, enum transition what, const char *more)
{
	put(f, CLASS_OPERATION, what, NULL, STATE_NORMAL, more);
}

static void say(struct fill *f, struct alarm *a, enum transition what, enum alarm_state from, const char *more)
{
	a->rev++;
	if (what == TRANSITION_RAISED || what == TRANSITION_CONFIRMED) {
		a->occurrence = (struct event_id){ f->boot, f->counter + 1 };
		a->began = true;
		a->acked = false;
		a->times = 0;
	}
	put(f, a->class_, what, a, from, more);
}

static void move(struct fill *f, struct alarm *a, enum alarm_trigger trigger, const char *more)
{
	struct alarm_move m = alarm_move(a->state, trigger, a->latch, a->ack, a->condition, strcmp(a->rule, "two-of") == 0);

	for (int i = 0; m.allowed && i < m.n; i++) {
		enum alarm_state from = a->state;
		a->state = m.via[i];
		if (m.sent[i] == TRANSITION_ACKNOWLEDGED)
			a->acked = true;
		say(f, a, m.sent[i], from, more);
	}
}

static void set_condition(struct fill *f, struct alarm *a, bool on)
{
	if (a->condition == on)
		return;
	a->condition = on;
	if (on && a->state == STATE_NORMAL)
		a->mode = f->testing && strncmp(a->point, "facp.", 5) == 0 ? MODE_TEST : f->drilling && strncmp(a->point, "pump.", 5) == 0 ? MODE_DRILL : MODE_NORMAL;
	move(f, a, on ? TRIGGER_ON : TRIGGER_OFF, "");
}

static void chatter(struct fill *f, struct alarm *a)
{
	char more[64];
	unsigned n = 3 + draw(f, 20);

	for (unsigned i = 0; i < n; i++) {
		set_condition(f, a, !a->condition);
		f->at += 500 + draw(f, 9000);
		if (a->began && ++a->times == 6) {
			snprintf(more, sizeof more, ",\"times\":%u", a->times);
			say(f, a, TRANSITION_CHATTERING, a->state, more);
		}
	}
}

static void act(struct fill *f, struct alarm *a)
{
	char more[160];

	snprintf(more, sizeof more, ",\"actor\":\"%s\",\"note\":null", person(f));
	move(f, a, TRIGGER_ACK, more);
	if (draw(f, 2))
		move(f, a, TRIGGER_RESET, more);
}

static void verify(struct fill *f, struct alarm *a)
{
	static const char *const whats[] = { "real", "false", "false", "test", "drill" }, *const causes[] = { "\"蒸汽\"", "\"steam, from \\\"12-3\\\"\"", "\"dust\"", "null", "\"=1+1\"" };
	char more[200];

	if (!a->began)
		return;
	snprintf(more, sizeof more, ",\"actor\":\"%s\",\"verdict\":{\"what\":\"%s\",\"cause\":%s}", person(f), whats[draw(f, 5)], causes[draw(f, 5)]);
	say(f, a, TRANSITION_VERIFIED, a->state, more);
}

static void disable(struct fill *f, size_t i)
{
	bool shelf = draw(f, 2);

	for (size_t k = 0; draw(f, 4) && k < f->n; k++) /* mostly what is disabled already is not any more */
		if ((shelf ? &f->shelves[k] : &f->outs[k])->condition)
			i = k;
	struct alarm *a = &f->alarms[i], *d = shelf ? &f->shelves[i] : &f->outs[i];
	char more[96], until[CLOCK_TEXT_MAX];
	bool on = !d->condition;

	if (!shelf && !a->point[0])
		return;
	if (!d->id[0]) {
		char of[64];
		memcpy(of, shelf ? a->id : a->point, sizeof d->point);
		of[sizeof d->point] = '\0';
		snprintf(d->id, sizeof d->id, "%s/%s", of, shelf ? "shelved" : "out-of-service");
		snprintf(d->rule, sizeof d->rule, "%s", shelf ? "shelved" : "out-of-service");
		memcpy(d->point, a->point, sizeof d->point);
		d->class_ = CLASS_DISABLEMENT;
	}
	*(shelf ? &a->shelved : &a->out) = on;
	snprintf(more, sizeof more, ",\"shelved_until\":\"%s\"", clock_format(f->at + 7200000, until));
	if (shelf && a->began)
		say(f, a, on ? TRANSITION_SHELVED : TRANSITION_UNSHELVED, a->state, on ? more : "");
	set_condition(f, d, on);
	if (!shelf)
		operation(f, on ? TRANSITION_SERVICE_OUT : TRANSITION_SERVICE_IN, ",\"actor\":\"li (uid 1000)\"");
}

/* What a test raised is over when it ends, and raised anew if it still stands. */
static void test(struct fill *f, bool drill)
{
	bool *on = drill ? &f->drilling : &f->testing;
	char more[160], until[CLOCK_TEXT_MAX];

	*on = !*on;
	snprintf(more, sizeof more, ",\"select\":\"device=%s\",\"until\":\"%s\"", drill ? "pump" : "facp", clock_format(f->at + 3600000, until));
	operation(f, *on ? drill ? TRANSITION_DRILL_START : TRANSITION_TEST_START : drill ? TRANSITION_DRILL_END : TRANSITION_TEST_END, more);
	for (size_t i = 0; !*on && i < f->n; i++) {
		struct alarm *a = &f->alarms[i];
		if (a->mode != (drill ? MODE_DRILL : MODE_TEST) || a->state == STATE_NORMAL)
			continue;
		bool stands = a->condition;
		enum alarm_state from = a->state;
		a->state = STATE_NORMAL;
		say(f, a, TRANSITION_CLEARED, from, "");
		a->mode = MODE_NORMAL;
		a->condition = false;
		if (stands)
			set_condition(f, a, true);
	}
}

static void restart(struct fill *f, bool crash)
{
	static const int64_t gaps[] = { 4000, 90000, 1800000, 20000000 };

	if (!crash)
		operation(f, TRANSITION_STOPPED, "");
	f->at += gaps[draw(f, 4)] + draw(f, 1000);
	f->boot = f->boot * 6364136223846793005u + 1442695040888963407u;
	f->counter = 0;
	f->started = f->at;
	f->flood = false;
	operation(f, TRANSITION_STARTED, "");
	operation(f, TRANSITION_CONFIG_LOADED, "");
}

static void duty(struct fill *f)
{
	char more[160];

	snprintf(more, sizeof more, ",\"actor\":\"%s\"", person(f));
	switch (draw(f, 4)) {
	case 0:
		f->on_duty = !f->on_duty;
		operation(f, f->on_duty ? TRANSITION_DUTY_ON : TRANSITION_DUTY_OFF, more);
		break;
	case 1:
		operation(f, TRANSITION_HANDOVER, more);
		break;
	case 2:
		operation(f, TRANSITION_DUTY_CHECK, ",\"actor\":\"hub district\"");
		f->checks++;
		f->at += 5000 + draw(f, 400000);
		break;
	}
	if (f->checks && draw(f, 3)) {
		f->checks--;
		operation(f, draw(f, 4) ? TRANSITION_DUTY_ANSWER : TRANSITION_DUTY_MISSED, more);
	}
}

static void flood(struct fill *f)
{
	if (f->flood) {
		operation(f, TRANSITION_FLOOD_END, "");
		f->flood = false;
		return;
	}
	for (unsigned i = 30 + draw(f, 60); i > 0; i--) {
		struct alarm *a = &f->alarms[draw(f, (unsigned)f->n)];
		set_condition(f, a, !a->condition);
		f->at += draw(f, 9000);
		if (i == 8) {
			operation(f, TRANSITION_FLOOD_START, "");
			f->flood = true;
		}
	}
}

static void other(struct fill *f, struct alarm *a)
{
	switch (draw(f, 6)) {
	case 0: operation(f, TRANSITION_SILENCE, ""); break;
	case 1: operation(f, TRANSITION_SELFTEST, ""); break;
	case 2: operation(f, TRANSITION_CLOCK_STEP, ""); break;
	case 3:
		if (a->state == STATE_ACTIVE)
			say(f, a, TRANSITION_ESCALATED, a->state, "");
		break;
	case 4:
		a->suppressed = !a->suppressed;
		if (a->began)
			say(f, a, a->suppressed ? TRANSITION_SUPPRESSED : TRANSITION_UNSUPPRESSED, a->state, "");
		break;
	case 5:
		if (a->state != STATE_NORMAL && draw(f, 3) == 0) {
			move(f, a, TRIGGER_REMOVE, "");
			a->condition = false;
		}
		break;
	}
}

static void step(struct fill *f)
{
	size_t i = draw(f, (unsigned)f->n);
	struct alarm *a = &f->alarms[i];
	unsigned what = draw(f, 1000);

	if (what < 400)
		set_condition(f, a, !a->condition);
	else if (what < 700)
		act(f, a);
	else if (what < 800)
		verify(f, a);
	else if (what < 850)
		disable(f, i);
	else if (what < 920)
		duty(f);
	else if (what < 960)
		other(f, a);
	else if (what < 975)
		test(f, draw(f, 2));
	else if (what < 985)
		flood(f);
	else if (what < 992)
		chatter(f, &f->alarms[draw(f, 3)]);
	else
		restart(f, draw(f, 3) == 0);
}

static void make_alarms(struct fill *f)
{
	static const char *const devices[] = { "facp", "pump", "f12-hyd", "f13-hyd", "elec" };
	static const struct { const char *rule; enum alarm_class class_; bool latch, ack; } rules[] = {
		{ "smoke", CLASS_FIRE, true, true }, { "manual", CLASS_FIRE, true, true }, { "residual", CLASS_PREALARM, false, true }, { "pressure-low", CLASS_SUPERVISORY, false, false },
		{ "valve", CLASS_SUPERVISORY, true, false }, { "line-fault", CLASS_FAULT, false, true }, { "pump-runs", CLASS_ACTUATION, false, false },
	};
	static const char *const own[] = { "device-facp/silent", "device-elec/silent", "bus-riser-a/down", "hub-district/unreachable", "hub-city/unreachable", "storage/slow" };
	struct alarm *a;

	for (size_t i = 0; i < 50; i++) {
		a = &f->alarms[f->n++];
		snprintf(a->rule, sizeof a->rule, "%s", rules[i % 7].rule);
		snprintf(a->point, sizeof a->point, "%s.p%zu", devices[i % 5], i);
		snprintf(a->id, sizeof a->id, "%s.p%zu/%s", devices[i % 5], i, rules[i % 7].rule);
		snprintf(a->name, sizeof a->name, "%zu层\\\"烟感\\\" <b>%zu</b>", i % 32 + 1, i);
		a->class_ = rules[i % 7].class_;
		a->latch = rules[i % 7].latch;
		a->ack = rules[i % 7].ack;
	}
	for (size_t i = 0; i < 6; i++) {
		a = &f->alarms[f->n++];
		snprintf(a->id, sizeof a->id, "_gw.%s", own[i]);
		snprintf(a->rule, sizeof a->rule, "%s", strchr(own[i], '/') + 1);
		a->class_ = CLASS_FAULT;
		a->ack = true;
	}
	a = &f->alarms[f->n++];
	*a = (struct alarm){ .id = "a.12-N/two-of", .rule = "two-of", .class_ = CLASS_FIRE, .latch = true, .ack = true };
}

int main(int argc, char **argv)
{
	struct store_report report;
	struct fill f = { 0 };
	struct err e;

	if (argc != 8) {
		fputs("usage: fill_months DB GATEWAY ZONE SEED FROM_MS TO_MS STEPS\n", stderr);
		return 2;
	}
	int64_t from = atoll(argv[5]), to = atoll(argv[6]), steps = atoll(argv[7]);
	struct store_options o = { .path = argv[1], .gateway = argv[2], .max_bytes = INT64_C(4) << 30, .keep_readings_ms = INT64_MAX / 2, .keep_events_ms = INT64_MAX / 2 };
	f.gateway = argv[2];
	f.random = (uint64_t)atoll(argv[4]) * 2654435761u + 88172645463325252u;
	f.boot = f.random;
	f.at = f.started = from;
	f.batch = batch_new((struct batch_sizes){ .events = BATCH, .arena = BATCH * 4096 });
	make_alarms(&f);
	if (!f.batch || store_open(&o, from, &f.store, &report, &e) || store_set_zone(f.store, argv[3], &e)) {
		fprintf(stderr, "fill_months: %s\n", f.batch ? e.text : "no memory");
		return 1;
	}
	for (unsigned c = 0; c < CLASS_COUNT; c++)
		if (store_bind_stream(f.store, argv[2], c, &f.streams[c], &e))
			return 1;
	operation(&f, TRANSITION_STARTED, "");
	while (f.at < to) {
		step(&f);
		f.at += draw(&f, (unsigned)((to - from) / steps * 2));
	}
	if (f.batch->n_events)
		flush(&f);
	store_close(f.store);
	batch_free(f.batch);
	return 0;
}
