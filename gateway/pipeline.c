/* The happy path: a sample changes a point's latest value, the rules look at it, what they decide becomes events and the reading becomes a record, all in the batch
 * that is open. Failure modes: the batch is full (the record is dropped and counted; the rules' state is not, it is kept dirty and saved with the next batch). */
#include "gateway/pipeline_inside.h"

#include <stdlib.h>
#include <string.h>

#define STALE_MIN_NS (10 * CLOCK_NS_PER_S)

struct event_id pipeline_next_id(struct pipeline *p)
{
	return (struct event_id){ p->c.boot, ++p->counter };
}

static struct record_event *put_event(struct batch *b, const struct record_event *head, const char *alarm, const struct strbuf *tail)
{
	const char *kept_alarm = alarm ? batch_keep_more(b, alarm, strlen(alarm)) : NULL;
	const char *kept_tail = tail->failed ? NULL : batch_keep_more(b, tail->data, tail->len);
	struct record_event *e = kept_tail && (!alarm || kept_alarm) ? batch_add_event(b) : NULL;

	if (!e)
		return NULL;
	*e = *head;
	e->alarm = kept_alarm;
	e->tail = kept_tail;
	e->tail_len = (uint32_t)tail->len;
	return e;
}

/* As the last resort: nobody will find it in the log, but whoever listens now hears of it. */
static void tell_unstored(struct pipeline *p, const struct record_event *head, const char *alarm, const struct strbuf *tail)
{
	struct record_event e = *head;

	if (!p->c.tell_unstored || tail->failed)
		return;
	e.alarm = alarm;
	e.tail = tail->data;
	e.tail_len = (uint32_t)tail->len;
	e.stream_db = p->c.stream_dbs[e.node * STREAM_COUNT + e.class_];
	p->c.tell_unstored(p->c.room_user, &e);
}

/* Puts one event into the batch; the tail stands in scratch. */
void pipeline_add_event(struct pipeline *p, const struct record_event *head, const char *alarm, const struct strbuf *tail)
{
	struct record_event *e = put_event(p->batch, head, alarm, tail);

	p->effects->commit_now = true;
	if (!e && p->c.make_room && p->c.make_room(p->c.room_user))
		e = put_event(p->batch, head, alarm, tail);
	if (!e) {
		p->effects->lost_events++;
		p->effects->lost_node = head->node;
		p->effects->lost_class = head->class_;
		tell_unstored(p, head, alarm, tail);
		return;
	}
	e->stream_db = p->c.stream_dbs[e->node * STREAM_COUNT + e->class_];
}

void pipeline_count_open(struct pipeline *p, enum alarm_class c, enum alarm_state from, enum alarm_state to)
{
	bool was = from != STATE_NORMAL && from != STATE_PENDING;
	bool is = to != STATE_NORMAL && to != STATE_PENDING;

	if (is && !was)
		p->open[c]++;
	else if (was && !is && p->open[c])
		p->open[c]--;
}

static bool begins(enum transition t)
{
	return t == TRANSITION_RAISED || t == TRANSITION_CONFIRMED;
}

static struct event_id on_transition(void *user, const struct rules_transition *t)
{
	struct pipeline *p = user;
	const struct rules_alarm a = rules_alarm(p->rules, t->alarm);
	struct event_id id = pipeline_next_id(p);
	struct strbuf tail;
	struct record_event head = {
		.node = a.node, .class_ = a.class_, .transition = t->what, .state = t->to, .id = id,
		.at_ms = t->at.wall_ms, .since_ms = t->since.wall_ms, .rev = t->rev,
	};

	pipeline_count_open(p, a.class_, t->from, t->to);
	strbuf_init_fixed(&tail, p->scratch, PIPELINE_TEXT_MAX);
	event_text_alarm(&tail, &p->text, &a, t, id);
	pipeline_add_event(p, &head, a.id, &tail);
	if ((begins(t->what) || t->what == TRANSITION_RERAISED) && t->mode == MODE_NORMAL && !a.extra)
		pipeline_count_raise(p, t->at);
	return id;
}

static void on_changed(void *user, uint32_t alarm)
{
	struct pipeline *p = user;

	p->touched = true;
	if (p->is_dirty[alarm])
		return;
	p->is_dirty[alarm] = 1;
	p->dirty[p->n_dirty++] = alarm;
}

/* What does not fit stays dirty: the next batch takes it. */
static void save_dirty(struct pipeline *p, struct stamp now)
{
	uint8_t saved[RULES_SAVED_MAX];

	while (p->n_dirty) {
		uint32_t alarm = p->dirty[p->n_dirty - 1];
		const char *id = rules_alarm(p->rules, alarm).id;
		size_t len = rules_save(p->rules, alarm, now, saved);
		if (!batch_put_state(p->batch, id, saved, len))
			return;
		p->is_dirty[alarm] = 0;
		p->n_dirty--;
	}
}

static void store_reading(struct pipeline *p, const struct point *pt, struct latest *l, const struct sample *s, enum quality quality)
{
	const char *text = s->value.text && quality == QUALITY_GOOD ? batch_keep(p->batch, s->value.text, strlen(s->value.text)) : NULL;
	struct record_reading *r = batch_add_reading(p->batch);

	if (!r || (s->value.text && quality == QUALITY_GOOD && !text)) {
		if (r)
			p->batch->n_readings--;
		p->effects->lost_readings++;
		return;
	}
	*r = (struct record_reading){
		.stream_db = p->c.stream_dbs[pt->node * STREAM_COUNT + STREAM_READING], .node = pt->node, .point_db = p->c.point_dbs[pt->index],
		.point = pt->index, .point_id = pt->id, .at_ms = s->at.wall_ms, .number = quality == QUALITY_GOOD ? s->value.number : NAN,
		.text = text, .quality = quality,
	};
	l->stored_number = r->number;
	l->stored_quality = quality;
	l->stored_ns = s->at.mono_ns;
}

static bool text_differs(const struct latest *l, const struct sample *s)
{
	return l->text && s->value.text ? strcmp(l->text, s->value.text) != 0 : (l->text != NULL) != (s->value.text != NULL);
}

/* On change beyond the deadband, on every change of quality, and at least once a heartbeat. */
static bool worth_storing(const struct point *pt, const struct latest *l, const struct sample *s, enum quality quality, bool text_changed)
{
	if (pt->log_mode)
		return !sample_has_no_record(s) || (l->stored_ns && l->stored_quality != QUALITY_GOOD);
	if (!l->stored_ns || l->stored_quality != quality)
		return true;
	if (s->at.mono_ns - l->stored_ns >= pt->heartbeat_ms * CLOCK_NS_PER_MS)
		return true;
	if (quality != QUALITY_GOOD)
		return false;
	return text_changed || fabs(s->value.number - l->stored_number) > pt->deadband;
}

void pipeline_keep_text(struct pipeline *p, const struct point *pt, struct latest *l, const char *text)
{
	l->text = NULL;
	if (!text || p->text_of[pt->index] == UINT32_MAX)
		return;
	char *room = p->texts + (size_t)p->text_of[pt->index] * VALUE_TEXT_MAX;
	size_t len = strnlen(text, VALUE_TEXT_MAX - 1);
	memmove(room, text, len);
	room[len] = '\0';
	l->text = room;
}

static bool is_overdue(const struct point *pt, const struct latest *l, struct stamp now)
{
	int64_t three = 3 * pt->every_ms * CLOCK_NS_PER_MS;

	return now.mono_ns - l->good_at.mono_ns >= (three > STALE_MIN_NS ? three : STALE_MIN_NS);
}

static bool is_silence(enum quality q)
{
	return q == QUALITY_COMM || q == QUALITY_STALE || q == QUALITY_NEVER;
}

/* A point that gets no answer is comm at first and stale in time, and then until it answers; one whose device answers that it has no value keeps saying so. An event list that is
 * quiet has nothing to say, and so is never stale: it is comm as long as it cannot be read. */
static enum quality quality_in_time(const struct point *pt, const struct latest *l, enum quality quality, struct stamp now)
{
	return !pt->log_mode && is_silence(quality) && (l->quality == QUALITY_STALE || is_overdue(pt, l, now)) ? QUALITY_STALE : quality;
}

/* Stale, and the rules were told; what an earlier run left as stale is told anew. */
static bool is_told_stale(const struct latest *l)
{
	return l->quality == QUALITY_STALE && l->at.mono_ns;
}

static void set_quality(struct pipeline *p, struct latest *l, enum quality q)
{
	if (l->quality == QUALITY_GOOD)
		p->n_good--;
	if (q == QUALITY_GOOD)
		p->n_good++;
	l->quality = q;
}

static void on_sample(struct pipeline *p, const struct sample *s)
{
	const struct point *pt = &p->c.site->points[s->point];
	struct latest *l = &p->latest[s->point];
	enum quality quality = quality_in_time(pt, l, s->quality, s->at);
	bool has_no_record = pt->log_mode && sample_has_no_record(s);
	bool text_changed = quality == QUALITY_GOOD && !has_no_record && text_differs(l, s);

	p->touched = false;
	/* A silence is told to the rules when it begins and when it becomes stale, not at every poll. */
	if (quality != QUALITY_STALE || !is_told_stale(l)) {
		struct sample told = *s;
		told.quality = quality;
		rules_on_reading(p->rules, &told, &p->sink);
	}
	if (p->touched || worth_storing(pt, l, s, quality, text_changed))
		store_reading(p, pt, l, s, quality);
	if (p->touched)
		p->effects->commit_now = true;
	set_quality(p, l, quality);
	l->at = s->at;
	if (quality == QUALITY_GOOD)
		l->good_at = s->at;
	if (quality == QUALITY_GOOD && !has_no_record) {
		l->number = s->value.number;
		if (text_changed)
			pipeline_keep_text(p, pt, l, s->value.text);
	}
}

/* Points that fell silent altogether: nobody sends a sample for them, so time must. */
static void sweep(struct pipeline *p, struct stamp now)
{
	for (size_t i = 0; i < p->c.site->n_points; i++) {
		const struct point *pt = &p->c.site->points[i];
		struct latest *l = &p->latest[i];
		if (pt->log_mode || is_told_stale(l) || !(l->quality == QUALITY_GOOD || is_silence(l->quality)) || !is_overdue(pt, l, now))
			continue;
		struct sample s = { .point = (uint32_t)i, .quality = QUALITY_STALE, .value = { NAN, NULL }, .at = now };
		on_sample(p, &s);
	}
	p->next_sweep_ns = now.mono_ns + PIPELINE_SWEEP_NS;
}

void pipeline_operation(struct pipeline *p, const struct event_operation *o)
{
	struct event_id id = pipeline_next_id(p);
	struct record_event head = { .node = 0, .class_ = CLASS_OPERATION, .transition = o->what, .id = id, .at_ms = o->at.wall_ms, .since_ms = o->at.wall_ms };
	struct strbuf tail;

	strbuf_init_fixed(&tail, p->scratch, PIPELINE_TEXT_MAX);
	event_text_operation(&tail, &p->text, o, id);
	pipeline_add_event(p, &head, NULL, &tail);
}

static void on_operation(struct pipeline *p, const struct pipeline_event *e)
{
	struct event_operation o = { e->operation, e->cause, e->now, e->message_zh, e->message_en, e->actor, e->note, .mode = e->mode };

	pipeline_operation(p, &o);
}

void pipeline_step_begin(struct pipeline *p, struct pipeline_effects *ret)
{
	/* Field by field: the error's text is long, and this runs at every sample. */
	ret->commit_now = false;
	ret->lost_readings = ret->lost_events = 0;
	ret->deadline_ns = CLOCK_NEVER;
	ret->refused.code = ERR_NONE;
	ret->refused.text[0] = '\0';
	p->effects = ret;
}

void pipeline_step_end(struct pipeline *p, struct stamp now)
{
	int64_t rules_deadline = rules_next_deadline(p->rules);

	pipeline_ripen(p, now, false);
	save_dirty(p, now);
	pipeline_save_people(p, now);
	p->effects->deadline_ns = rules_deadline < p->next_sweep_ns ? rules_deadline : p->next_sweep_ns;
	p->effects = NULL;
}

void pipeline_step(struct pipeline *p, const struct pipeline_event *e, struct pipeline_effects *ret)
{
	pipeline_step_begin(p, ret);
	switch (e->type) {
	case EVENT_SAMPLE:
		on_sample(p, e->sample);
		break;
	case EVENT_TIME:
		rules_on_time(p->rules, e->now, &p->sink);
		if (e->now.mono_ns >= p->next_sweep_ns)
			sweep(p, e->now);
		pipeline_watch_flood(p, e->now);
		break;
	case EVENT_COMMAND:
		if (rules_on_command(p->rules, e->alarm, e->command, e->occurrence, e->cause, e->actor, e->note, e->now, &p->sink, &ret->refused) == 0)
			ret->refused.code = ERR_NONE;
		break;
	case EVENT_ACT:
		pipeline_act(p, e, &ret->refused);
		break;
	case EVENT_OWN:
		rules_on_own(p->rules, e->alarm, e->on, e->now, &p->sink);
		break;
	case EVENT_OPERATION:
		on_operation(p, e);
		if (e->operation == TRANSITION_STOPPED)
			pipeline_ripen(p, e->now, true);
		break;
	}
	/* A pending delay that began or ended is as precious as an event: it decides what comes next. */
	if (p->n_dirty)
		ret->commit_now = true;
	pipeline_step_end(p, e->now);
}

static int take_memory(struct pipeline *p)
{
	size_t n = p->c.site->n_points, alarms = rules_count(p->rules), n_texts = 0;

	p->latest = calloc(n ? n : 1, sizeof *p->latest);
	p->text_of = calloc(n ? n : 1, sizeof *p->text_of);
	p->dirty = calloc(alarms ? alarms : 1, sizeof *p->dirty);
	p->is_dirty = calloc(alarms ? alarms : 1, 1);
	p->scratch = malloc(PIPELINE_TEXT_MAX);
	p->picked = calloc(n ? n : 1, sizeof *p->picked);
	p->drifting = calloc(alarms ? alarms : 1, sizeof *p->drifting);
	p->is_drifting = calloc(alarms ? alarms : 1, 1);
	if (!p->picked || !p->latest || !p->text_of || !p->dirty || !p->is_dirty || !p->scratch || !p->drifting || !p->is_drifting)
		return -1;
	for (size_t i = 0; i < n; i++)
		p->text_of[i] = p->c.site->points[i].is_text ? (uint32_t)n_texts++ : UINT32_MAX;
	p->texts = malloc((n_texts ? n_texts : 1) * VALUE_TEXT_MAX);
	if (!p->texts)
		return -1;
	for (size_t i = 0; i < n; i++) {
		p->latest[i] = (struct latest){ .number = NAN, .quality = QUALITY_NEVER, .stored_number = NAN };
		p->latest[i].good_at = p->c.started; /* silence counts from the start */
	}
	return 0;
}

int pipeline_new(const struct pipeline_config *c, struct pipeline **ret, struct err *reterr)
{
	struct pipeline *p = calloc(1, sizeof *p);

	if (!p)
		return err_set(reterr, ERR_NO_MEMORY, "no memory for the pipeline");
	p->c = *c;
	p->counter = c->next_counter;
	p->text = (struct event_text){ c->site, c->boot, c->started };
	p->sink = (struct rules_sink){ on_transition, on_changed, p, .test_over = pipeline_test_over, .drifted = pipeline_note_drift };
	p->next_sweep_ns = c->started.mono_ns + PIPELINE_SWEEP_NS;
	if (rules_new(c->site, c->rules, c->n_rules, c->owns, c->n_owns, c->machine_boot, &p->rules, reterr)) {
		pipeline_free(p);
		return -1;
	}
	if (take_memory(p)) {
		pipeline_free(p);
		return err_set(reterr, ERR_NO_MEMORY, "no memory for %zu points", c->site->n_points);
	}
	*ret = p;
	return 0;
}

void pipeline_free(struct pipeline *p)
{
	if (!p)
		return;
	pipeline_forget_orphans(p);
	rules_free(p->rules);
	free(p->latest);
	free(p->text_of);
	free(p->texts);
	free(p->dirty);
	free(p->is_dirty);
	free(p->drifting);
	free(p->is_drifting);
	free(p->scratch);
	free(p->picked);
	free(p);
}

void pipeline_set_batch(struct pipeline *p, struct batch *b)
{
	p->batch = b;
}

const struct latest *pipeline_latest(const struct pipeline *p, uint32_t point)
{
	return &p->latest[point];
}

struct rules *pipeline_rules(struct pipeline *p)
{
	return p->rules;
}

uint64_t pipeline_next_counter(const struct pipeline *p)
{
	return p->counter;
}

size_t pipeline_good_points(const struct pipeline *p)
{
	return p->n_good;
}

void pipeline_count_alarms(const struct pipeline *p, uint32_t ret_by_class[CLASS_COUNT])
{
	memcpy(ret_by_class, p->open, sizeof p->open);
}
