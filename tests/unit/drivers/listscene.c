/* listscene: see the header. */
#include "listscene.h"

#include <stdlib.h>
#include <string.h>

const struct list_line list_lines[LIST_LINES] = {
	{ PEER_TCP, BUS_TCP, "tcp" }, { PEER_RTU_TCP, BUS_RTU_TCP, "rtu+tcp" }, { PEER_PTY, BUS_RTU, "rtu" } };

const struct list_kind list_kinds[LIST_KINDS] = {
	{ "newest", { LAYOUT, .news = LIST_NEWS_NEWEST }, 0, false },
	{ "next", { LAYOUT, .news = LIST_NEWS_NEXT }, 0, false },
	{ "total", { LAYOUT, .news = LIST_NEWS_TOTAL }, 65526, true },
	{ "total, newest first", { LAYOUT, .news = LIST_NEWS_TOTAL, .newest_first = true }, 0, true },
	{ "numbers", { LAYOUT, .news = LIST_NEWS_NONE, NUMBERED, .number_last = 65535 }, 65530, true },
	{ "numbers 1 to 999", { LAYOUT, .news = LIST_NEWS_NONE, NUMBERED, .number_first = 1, .number_last = 999 }, 990, true },
	{ "numbers and newest", { LAYOUT, .news = LIST_NEWS_NEWEST, NUMBERED, .number_last = 65535 }, 65520, true },
	{ "numbers and a full count", { LAYOUT, .news = LIST_NEWS_COUNT, NUMBERED, .number_last = 65535 }, 3, true },
};

struct scene s;

static unsigned random_of(struct device *d, unsigned n)
{
	d->random = d->random * UINT64_C(6364136223846793005) + 1442695040888963407u;
	return (unsigned)(d->random >> 33) % n;
}

uint32_t list_place_of(const struct device *d, uint32_t k)
{
	if (d->list.news == LIST_NEWS_COUNT && !d->list.numbered)
		return k - d->cleared;
	return (d->from + k - (d->cleared ? d->cleared + d->from : 0)) % d->list.entries;
}

void list_write_event(struct device *d)
{
	uint32_t k = d->written++, range = d->list.number_last - d->list.number_first + 1u, place = list_place_of(d, k);

	if (d->list.newest_first) {
		memmove(d->records[1], d->records[0], (size_t)(d->list.entries - 1) * sizeof d->records[0]);
		place = 0;
	} else if (place >= d->list.entries) {
		return; /* full */
	}
	uint16_t number = (uint16_t)(d->list.number_first + (d->from + k) % range);
	uint16_t r[SIZE] = { (uint16_t)((TIME0 + k) >> 16), (uint16_t)(TIME0 + k), (uint16_t)(k + 1), d->list.numbered ? number : 0x5555 };
	memcpy(d->records[place], r, sizeof r);
}

static uint16_t news_of(const struct device *d)
{
	uint32_t n = d->written - d->cleared, newest = n ? list_place_of(d, d->written - 1) : 0;

	switch (d->list.news) {
	case LIST_NEWS_NEWEST: return (uint16_t)newest;
	case LIST_NEWS_NEXT: return (uint16_t)(n ? (newest + 1) % d->list.entries : 0);
	case LIST_NEWS_TOTAL: return (uint16_t)(d->cleared ? n : d->from + n);
	case LIST_NEWS_COUNT: return (uint16_t)(d->list.numbered && n > d->list.entries ? d->list.entries : n);
	case LIST_NEWS_NONE: break;
	}
	return 0xdead;
}

static uint16_t register_of(void *user, uint16_t address)
{
	const struct device *d = user;

	if (address == NEWS)
		return news_of(d);
	if (address >= FIRST && address < FIRST + d->list.entries * SIZE)
		return d->records[(address - FIRST) / SIZE][(address - FIRST) % SIZE];
	return 7;
}

static void asked(void *user, uint16_t address, uint16_t count)
{
	struct device *d = user;

	assert_true(count <= 12);
	if (d->then && address == d->at && d->after-- == 0)
		while (d->then > 0) {
			d->then--;
			list_write_event(d);
		}
	if (d->busy && random_of(d, d->busy) == 0)
		list_write_event(d);
}

static void check_sample(struct harness *h, const struct bus_point *p, const struct sample *x)
{
	(void)h;
	if (!p->log_mode)
		return;
	if (sample_has_no_record(x)) {
		s.none++;
	} else if (x->quality == QUALITY_GOOD) {
		assert_true(s.n < EVENTS);
		assert_int_equal(x->device_at_ms, (int64_t)(TIME0 + (uint32_t)x->value.number - 1) * 1000);
		s.values[s.n++] = (uint16_t)x->value.number;
	} else if (x->lost) {
		assert_int_equal(x->quality, QUALITY_DEVICE);
		s.lost_samples++;
		s.lost += x->lost;
	}
}

static void make_bus(const char *learned)
{
	harness_init(&s.h, list_lines[s.line].transport, &s.peer);
	s.h.check = check_sample;
	struct bus_point *p = harness_point(&s.h, 1, 3, FIRST, TYPE_U16, S);
	p->log_mode = true;
	p->list = s.d.list;
	harness_point(&s.h, 1, 3, 0, TYPE_U16, S);
	harness_point(&s.h, 2, 4, 0, TYPE_U16, S);
	s.h.devices[0].timing.max_registers = 12; /* three records */
	s.h.config.learned = learned;
}

void list_begin(size_t line, const struct bus_list *list, unsigned from)
{
	memset(&s.d, 0, sizeof s.d);
	s.line = line;
	s.d.list = *list;
	s.d.from = from;
	s.d.random = 17;
	s.n = s.none = s.lost_samples = 0;
	s.lost = 0;
	peer_open(&s.peer, list_lines[line].wire, PEER_GOOD, 500 * MS);
	s.peer.registers = register_of;
	s.peer.asked = asked;
	s.peer.user = &s.d;
	make_bus(NULL);
}

void list_end(void)
{
	harness_close(&s.h);
	peer_close(&s.peer);
}

/* All events from `from` (0: the first) up to the newest were given, once each, in order. */
void list_check_given(size_t was, uint32_t from)
{
	if (s.n - was != s.d.written - from)
		fail_msg("%zu events given of %u", s.n - was, s.d.written - from);
	for (size_t i = was; i < s.n; i++)
		assert_int_equal(s.values[i], from + (i - was) + 1);
}

void list_write_events(unsigned n)
{
	for (unsigned i = 0; i < n; i++)
		list_write_event(&s.d);
}

/* Closes the bus and opens it anew, with what it learned or without; its own time goes on. */
void list_restart(bool remembers, unsigned written_between)
{
	struct strbuf learned = STRBUF_INIT;
	int64_t now = s.h.now_ns;

	assert_int_equal(s.h.ops->learned(s.h.bus, &learned), 0);
	harness_close(&s.h);
	list_write_events(written_between);
	peer_close(&s.peer);
	peer_open(&s.peer, list_lines[s.line].wire, PEER_GOOD, 500 * MS);
	s.peer.registers = register_of;
	s.peer.asked = asked;
	s.peer.user = &s.d;
	make_bus(remembers ? learned.data : NULL);
	s.h.now_ns = now;
	harness_open(&s.h);
	s.h.config.learned = NULL;
	strbuf_done(&learned);
	harness_run(&s.h, 5 * S);
}

void list_at_request(uint16_t address, unsigned after, uint16_t n)
{
	s.d.at = address;
	s.d.after = after;
	s.d.then = n;
}
