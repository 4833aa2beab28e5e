#include "gateway/states.h"

#include "core/strmap.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

int states_init(struct states *s, size_t max_entries)
{
	size_t n_buckets = 16;

	*s = (struct states){ .free = STATES_NONE, .newest = STATES_NONE, .oldest = STATES_NONE, .max = max_entries, .cap = max_entries };
	while (n_buckets < max_entries)
		n_buckets *= 2;
	s->entries = calloc(max_entries ? max_entries : 1, sizeof *s->entries);
	s->buckets = malloc(n_buckets * sizeof *s->buckets);
	if (!s->entries || !s->buckets) {
		states_done(s);
		return -1;
	}
	for (size_t i = 0; i < n_buckets; i++)
		s->buckets[i] = STATES_NONE;
	s->n_buckets = n_buckets;
	return 0;
}

void states_done(struct states *s)
{
	for (size_t i = 0; i < s->n; i++) {
		outmsg_unref(s->entries[i].msg);
		outmsg_unref(s->entries[i].last_msg);
		free(s->entries[i].topic);
	}
	free(s->entries);
	free(s->buckets);
	*s = (struct states){ 0 };
}

static uint32_t *bucket_of(const struct states *s, uint32_t node, const char *topic)
{
	uint64_t h = strmap_hash64(topic, strlen(topic), STRMAP_HASH_SEED ^ node);

	return &s->buckets[(h ^ h >> 32) & (s->n_buckets - 1)];
}

size_t states_find(const struct states *s, uint32_t node, const char *topic)
{
	for (uint32_t i = *bucket_of(s, node, topic); i != STATES_NONE; i = s->entries[i].chain)
		if (s->entries[i].node == node && strcmp(s->entries[i].topic, topic) == 0)
			return i;
	return SIZE_MAX;
}

static void unlink_age(struct states *s, uint32_t i)
{
	struct state_entry *e = &s->entries[i];

	if (e->older != STATES_NONE)
		s->entries[e->older].newer = e->newer;
	else
		s->oldest = e->newer;
	if (e->newer != STATES_NONE)
		s->entries[e->newer].older = e->older;
	else
		s->newest = e->older;
}

/* A change gives a new version and makes the entry the newest, so that a pump finds what changed from that end. */
static void changed(struct states *s, uint32_t i)
{
	struct state_entry *e = &s->entries[i];

	if (e->version)
		unlink_age(s, i);
	e->version = ++s->version;
	e->older = s->newest;
	e->newer = STATES_NONE;
	if (s->newest != STATES_NONE)
		s->entries[s->newest].newer = i;
	else
		s->oldest = i;
	s->newest = i;
}

static void entry_free(struct states *s, uint32_t i)
{
	struct state_entry *e = &s->entries[i];
	uint32_t *at = bucket_of(s, e->node, e->topic);

	while (*at != i)
		at = &s->entries[*at].chain;
	*at = e->chain;
	unlink_age(s, i);
	outmsg_unref(e->msg);
	outmsg_unref(e->last_msg);
	free(e->topic);
	*e = (struct state_entry){ .life = e->life, .chain = s->free };
	s->free = i;
	s->n_used--;
}

/* A hub that is never there must not fill the table: the cleared entry that has waited longest gives way. */
static bool evict(struct states *s)
{
	for (uint32_t i = s->oldest; i != STATES_NONE; i = s->entries[i].newer) {
		if (!s->entries[i].clear)
			continue;
		entry_free(s, i);
		s->evicted++;
		return true;
	}
	return false;
}

static uint32_t take_slot(struct states *s)
{
	uint32_t i;

	if (s->free == STATES_NONE && s->n == s->max && !evict(s))
		return STATES_NONE;
	if (s->free != STATES_NONE) {
		i = s->free;
		s->free = s->entries[i].chain;
	} else {
		i = (uint32_t)s->n++;
	}
	s->n_used++;
	return i;
}

int states_set(struct states *s, enum state_kind kind, uint32_t node, const char *topic, unsigned urgency, struct outmsg *msg)
{
	size_t found = states_find(s, node, topic);
	uint32_t i = (uint32_t)found;

	if (found == SIZE_MAX) {
		char *copy = strdup(topic);
		i = copy ? take_slot(s) : STATES_NONE;
		if (i == STATES_NONE) {
			free(copy);
			return -1;
		}
		uint32_t *bucket = bucket_of(s, node, topic);
		s->entries[i] = (struct state_entry){ .topic = copy, .node = node, .life = s->entries[i].life + 1, .chain = *bucket };
		*bucket = i;
	}
	struct state_entry *e = &s->entries[i];
	struct outmsg *old = e->msg;
	e->msg = outmsg_ref(msg);
	outmsg_unref(old);
	outmsg_unref(e->last_msg);
	e->last_msg = NULL;
	e->kind = kind;
	e->urgency = urgency;
	e->clear = false;
	e->holders = 0;
	changed(s, i);
	return 0;
}

void states_clear(struct states *s, uint32_t node, const char *topic, struct outmsg *last)
{
	size_t found = states_find(s, node, topic);

	if (found == SIZE_MAX || s->entries[found].clear)
		return;
	struct state_entry *e = &s->entries[found];
	e->last_msg = outmsg_ref(last);
	outmsg_unref(e->msg);
	e->msg = NULL;
	e->clear = true;
	e->holders = (uint32_t)s->n_pumps;
	changed(s, (uint32_t)found);
	if (e->holders == 0)
		entry_free(s, (uint32_t)found);
}

void states_alarm_topic(struct strbuf *out, const char *alarm_id)
{
	strbuf_puts(out, "alarm/");
	for (const char *c = alarm_id; *c; c++)
		strbuf_putc(out, *c == '/' ? '~' : *c);
}

void states_join(struct states *s)
{
	s->n_pumps++;
	for (uint32_t i = s->oldest; i != STATES_NONE; i = s->entries[i].newer)
		if (s->entries[i].clear)
			s->entries[i].holders++;
}

void states_leave(struct states *s)
{
	assert(s->n_pumps > 0);
	s->n_pumps--;
}

void states_release(struct states *s, size_t index)
{
	struct state_entry *e = &s->entries[index];

	assert(e->version && e->clear && e->holders > 0);
	if (--e->holders == 0)
		entry_free(s, (uint32_t)index);
}
