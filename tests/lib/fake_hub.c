#include "tests/lib/fake_hub.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

static void *checked(void *p)
{
	if (!p)
		abort();
	return p;
}

static char *copy(const void *data, size_t len)
{
	char *p = checked(malloc(len + 1));

	if (len > 0)
		memcpy(p, data, len);
	p[len] = '\0';
	return p;
}

static void publish_free(struct fake_publish *m)
{
	free(m->topic);
	free(m->payload);
}

static struct fake_publish *list_add(struct fake_list *l, struct fake_publish m)
{
	if (l->n == l->cap) {
		l->cap = l->cap ? l->cap * 2 : 64;
		l->items = checked(realloc(l->items, l->cap * sizeof *l->items));
	}
	l->items[l->n] = m;
	return &l->items[l->n++];
}

static struct fake_publish list_take(struct fake_list *l, size_t i)
{
	struct fake_publish m = l->items[i];

	memmove(&l->items[i], &l->items[i + 1], (l->n - i - 1) * sizeof m);
	l->n--;
	return m;
}

static void list_clear(struct fake_list *l)
{
	for (size_t i = 0; i < l->n; i++)
		publish_free(&l->items[i]);
	l->n = 0;
}

void fake_hub_init(struct fake_hub *h)
{
	*h = (struct fake_hub){ .receive_max = 65535, .room = SIZE_MAX };
}

static void drop_filters(struct fake_hub *h)
{
	for (size_t i = 0; i < h->n_filters; i++)
		free(h->filters[i]);
	h->n_filters = h->answered = 0;
	h->subscribe_asked = false;
}

void fake_hub_done(struct fake_hub *h)
{
	struct fake_list *all[] = { &h->wire, &h->unacked, &h->log, &h->retained };

	for (size_t i = 0; i < sizeof all / sizeof *all; i++) {
		list_clear(all[i]);
		free(all[i]->items);
	}
	drop_filters(h);
	free(h->will_topic);
	free(h->will_payload);
}

static int hub_connect(void *link, const struct hub_connect *c)
{
	struct fake_hub *h = link;

	assert(!h->up && !h->attempting);
	if (h->no_process)
		return -1;
	h->attempting = true;
	h->connects++;
	h->url = c->url;
	h->session = c->session;
	free(h->will_topic);
	free(h->will_payload);
	h->will_topic = c->will_topic ? copy(c->will_topic, strlen(c->will_topic)) : NULL;
	h->will_payload = c->will_payload ? copy(c->will_payload, strlen(c->will_payload)) : NULL;
	return 0;
}

static int hub_send(void *link, const struct hub_publish *p)
{
	struct fake_hub *h = link;
	struct fake_publish m = { .token = p->token, .len = p->len, .retain = p->retain };

	assert(h->up);
	if (h->wire.n >= h->room)
		return -1;
	for (size_t i = 0; i < h->wire.n; i++)
		assert(h->wire.items[i].token != p->token);
	for (size_t i = 0; i < h->unacked.n; i++)
		assert(h->unacked.items[i].token != p->token);
	m.topic = copy(p->topic, strlen(p->topic));
	m.payload = copy(p->payload, p->len);
	assert(p->correlation_len < sizeof m.correlation);
	if (p->correlation_len > 0)
		memcpy(m.correlation, p->correlation, p->correlation_len);
	list_add(&h->wire, m);
	if (h->wire.n + h->unacked.n > h->most_in_flight)
		h->most_in_flight = h->wire.n + h->unacked.n;
	return 0;
}

static int hub_subscribe(void *link, const char *const *filters, size_t n)
{
	struct fake_hub *h = link;

	assert(h->up && !h->subscribe_asked);
	if (n > 256)
		return -1; /* as the real link: FRAME_LIST_MAX */
	h->subscribes++;
	h->subscribe_asked = true;
	for (size_t i = 0; i < n; i++) {
		assert(h->n_filters < sizeof h->filters / sizeof h->filters[0]);
		h->filters[h->n_filters++] = copy(filters[i], strlen(filters[i]));
	}
	return 0;
}

static int hub_unsubscribe(void *link, const char *const *filters, size_t n)
{
	struct fake_hub *h = link;

	h->unsubscribes++;
	for (size_t i = 0; i < n; i++)
		for (size_t k = h->n_filters; k-- > 0;)
			if (strcmp(h->filters[k], filters[i]) == 0) {
				free(h->filters[k]);
				memmove(&h->filters[k], &h->filters[k + 1], (h->n_filters - k - 1) * sizeof *h->filters);
				h->n_filters--;
			}
	h->answered = h->n_filters;
	return 0;
}

static void ended(struct fake_hub *h, enum hub_down why, const char *text)
{
	h->up = h->attempting = h->ending = false;
	list_clear(&h->wire);
	list_clear(&h->unacked);
	drop_filters(h);
	h->events.down(h->events.user, why, text);
}

static void hub_disconnect(void *link)
{
	struct fake_hub *h = link;

	assert(h->up || h->attempting);
	if (h->late_down)
		h->ending = true;
	else
		ended(h, HUB_DOWN_LOST, "disconnected");
}

const struct hub_ops fake_hub_ops = { hub_connect, hub_send, hub_subscribe, hub_unsubscribe, hub_disconnect };

void fake_hub_accept(struct fake_hub *h)
{
	assert(h->attempting);
	h->attempting = false;
	h->up = true;
	h->events.up(h->events.user, h->receive_max);
}

static void keep_retained(struct fake_hub *h, const char *topic, const char *payload, size_t len)
{
	for (size_t i = 0; i < h->retained.n; i++)
		if (strcmp(h->retained.items[i].topic, topic) == 0) {
			if (len > 0) { /* what is published most is retained most: nothing else moves */
				free(h->retained.items[i].payload);
				h->retained.items[i].payload = copy(payload, len);
				h->retained.items[i].len = len;
				return;
			}
			struct fake_publish old = list_take(&h->retained, i);
			publish_free(&old);
			break;
		}
	if (len > 0)
		list_add(&h->retained, (struct fake_publish){ .topic = copy(topic, strlen(topic)), .payload = copy(payload, len), .len = len });
}

static void broker_takes(struct fake_hub *h, const struct fake_publish *m)
{
	if (!h->no_log) {
		list_add(&h->log, (struct fake_publish){ .topic = copy(m->topic, strlen(m->topic)), .payload = copy(m->payload, m->len), .len = m->len,
			.retain = m->retain });
		memcpy(h->log.items[h->log.n - 1].correlation, m->correlation, sizeof m->correlation);
	}
	if (m->retain)
		keep_retained(h, m->topic, m->payload, m->len);
}

void fake_hub_lose(struct fake_hub *h, enum hub_down why, const char *text)
{
	if (h->up && h->will_topic && !h->ending)
		broker_takes(h, &(struct fake_publish){ .topic = h->will_topic, .payload = h->will_payload, .len = strlen(h->will_payload), .retain = true });
	ended(h, why, text);
}

size_t fake_hub_receive(struct fake_hub *h, size_t n)
{
	size_t taken = 0;

	for (; taken < n && h->wire.n > 0; taken++) {
		struct fake_publish m = list_take(&h->wire, 0);
		for (size_t i = 0; i < h->n_refuse; i++)
			m.refused |= strstr(m.topic, h->refuse[i]) != NULL;
		if (!m.refused)
			broker_takes(h, &m);
		list_add(&h->unacked, m);
	}
	return taken;
}

void fake_hub_answer(struct fake_hub *h, size_t i)
{
	struct fake_publish m = list_take(&h->unacked, i);

	if (m.refused) {
		h->events.refused(h->events.user, m.token, 135, "not authorised");
	} else {
		if (h->on_ack)
			h->on_ack(h->user, &m);
		h->events.delivered(h->events.user, m.token);
	}
	publish_free(&m);
}

bool fake_hub_drain(struct fake_hub *h)
{
	bool some = h->wire.n + h->unacked.n > 0;

	fake_hub_receive(h, SIZE_MAX);
	while (h->unacked.n > 0)
		fake_hub_answer(h, 0);
	return some;
}

/* `+` stands for one level; that is all that is used here. */
static bool matches(const char *filter, const char *topic)
{
	while (*filter && *topic) {
		if (*filter == '+') {
			filter++;
			topic += strcspn(topic, "/");
		} else if (*filter++ != *topic++) {
			return false;
		}
	}
	return *filter == '\0' && *topic == '\0';
}

void fake_hub_subscribed(struct fake_hub *h)
{
	assert(h->subscribe_asked);
	h->subscribe_asked = false;
	h->events.subscribed(h->events.user, !h->refuse_subscribe, h->refuse_subscribe ? "not authorised" : "");
	for (size_t i = 0; i < h->retained.n && !h->refuse_subscribe; i++)
		for (size_t f = h->answered; f < h->n_filters; f++)
			if (matches(h->filters[f], h->retained.items[i].topic))
				h->events.message(h->events.user, h->retained.items[i].topic, h->retained.items[i].payload, h->retained.items[i].len, true,
				                  NULL, NULL, 0);
	h->answered = h->n_filters;
}

void fake_hub_forget(struct fake_hub *h)
{
	list_clear(&h->retained);
}

void fake_hub_retain(struct fake_hub *h, const char *topic, const char *payload)
{
	keep_retained(h, topic, payload, strlen(payload));
}

const char *fake_hub_retained(const struct fake_hub *h, const char *topic)
{
	for (size_t i = 0; i < h->retained.n; i++)
		if (strcmp(h->retained.items[i].topic, topic) == 0)
			return h->retained.items[i].payload;
	return NULL;
}

void fake_hub_publish(struct fake_hub *h, const char *topic, const char *payload, bool retained)
{
	for (size_t f = 0; f < h->n_filters; f++)
		if (matches(h->filters[f], topic)) {
			h->events.message(h->events.user, topic, payload, strlen(payload), retained, "town/answers", "c1", 2);
			return;
		}
}

size_t fake_hub_find(const struct fake_hub *h, size_t from, const char *topic_part)
{
	for (size_t i = from; i < h->log.n; i++)
		if (strstr(h->log.items[i].topic, topic_part))
			return i;
	return SIZE_MAX;
}
