/* A device's event list: each event is given once, in order, with the device's time, whatever happens to the line, the device or us in between; and what the device overwrote is told. */
#include "scene.h"

#include <stdlib.h>
#include <string.h>

#define ENTRIES 8
#define SIZE    4
#define NEWS    50 /* the register that says what is new */
#define FIRST   100
#define TIME0   UINT32_C(1795485000)
#define EVENTS  4096

static const struct { enum peer_wire wire; enum bus_transport transport; const char *name; } lines[] = {
	{ PEER_TCP, BUS_TCP, "tcp" }, { PEER_RTU_TCP, BUS_RTU_TCP, "rtu+tcp" }, { PEER_PTY, BUS_RTU, "rtu" } };

#define LAYOUT .entries = ENTRIES, .size = SIZE, .value = 2, .time = LIST_TIME_EPOCH32, .news_register = NEWS
#define NUMBERED .numbered = true, .number_at = 3
static const struct { const char *name; struct bus_list list; unsigned from; bool exact; } kinds[] = {
	{ "newest", { LAYOUT, .news = LIST_NEWS_NEWEST }, 0, false },
	{ "next", { LAYOUT, .news = LIST_NEWS_NEXT }, 0, false },
	{ "total", { LAYOUT, .news = LIST_NEWS_TOTAL }, 65526, true },
	{ "total, newest first", { LAYOUT, .news = LIST_NEWS_TOTAL, .newest_first = true }, 0, true },
	{ "numbers", { LAYOUT, .news = LIST_NEWS_NONE, NUMBERED, .number_last = 65535 }, 65530, true },
	{ "numbers 1 to 999", { LAYOUT, .news = LIST_NEWS_NONE, NUMBERED, .number_first = 1, .number_last = 999 }, 990, true },
	{ "numbers and newest", { LAYOUT, .news = LIST_NEWS_NEWEST, NUMBERED, .number_last = 65535 }, 65520, true },
	{ "numbers and a full count", { LAYOUT, .news = LIST_NEWS_COUNT, NUMBERED, .number_last = 65535 }, 3, true },
};
#define N_KINDS (sizeof kinds / sizeof *kinds)

/* The device: event k bears the value k + 1, its time is TIME0 + k. */
struct device {
	struct bus_list list;
	unsigned from;         /* the first number, or how many there were */
	uint32_t written;      /* events */
	uint32_t cleared;      /* those before are gone */
	uint16_t records[512][SIZE];
	unsigned busy;         /* one of so many requests finds a new event written before it; 0: none */
	uint64_t random;
};

struct scene {
	struct harness h;
	struct peer    peer;
	struct device  d;
	size_t         line;
	/* what came */
	uint16_t       values[EVENTS];
	size_t         n, none, lost_samples;
	uint64_t       lost;
};
static struct scene s;

static unsigned random_of(struct device *d, unsigned n)
{
	d->random = d->random * UINT64_C(6364136223846793005) + 1442695040888963407u;
	return (unsigned)(d->random >> 33) % n;
}

static uint32_t place_of(const struct device *d, uint32_t k)
{
	if (d->list.news == LIST_NEWS_COUNT && !d->list.numbered)
		return k - d->cleared;
	return (d->from + k - (d->cleared ? d->cleared + d->from : 0)) % d->list.entries;
}

static void write_event(struct device *d)
{
	uint32_t k = d->written++, range = d->list.number_last - d->list.number_first + 1u, place = place_of(d, k);

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
	uint32_t n = d->written - d->cleared, newest = n ? place_of(d, d->written - 1) : 0;

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
	(void)address;
	if (d->busy && random_of(d, d->busy) == 0)
		write_event(d);
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
	harness_init(&s.h, lines[s.line].transport, &s.peer);
	s.h.check = check_sample;
	struct bus_point *p = harness_point(&s.h, 1, 3, FIRST, TYPE_U16, S);
	p->log_mode = true;
	p->list = s.d.list;
	harness_point(&s.h, 1, 3, 0, TYPE_U16, S);
	harness_point(&s.h, 2, 4, 0, TYPE_U16, S);
	s.h.devices[0].timing.max_registers = 12; /* three records */
	s.h.config.learned = learned;
}

static void begin(size_t line, const struct bus_list *list, unsigned from)
{
	memset(&s.d, 0, sizeof s.d);
	s.line = line;
	s.d.list = *list;
	s.d.from = from;
	s.d.random = 17;
	s.n = s.none = s.lost_samples = 0;
	s.lost = 0;
	peer_open(&s.peer, lines[line].wire, PEER_GOOD, 500 * MS);
	s.peer.registers = register_of;
	s.peer.asked = asked;
	s.peer.user = &s.d;
	make_bus(NULL);
}

static void end(void)
{
	harness_close(&s.h);
	peer_close(&s.peer);
}

/* All events from `from` (0: the first) up to the newest were given, once each, in order. */
static void check_given(size_t was, uint32_t from)
{
	if (s.n - was != s.d.written - from)
		fail_msg("%zu events given of %u", s.n - was, s.d.written - from);
	for (size_t i = was; i < s.n; i++)
		assert_int_equal(s.values[i], from + (i - was) + 1);
}

static void write_events(unsigned n)
{
	for (unsigned i = 0; i < n; i++)
		write_event(&s.d);
}

/* Closes the bus and opens it anew, with what it learned or without; its own time goes on. */
static void restart(bool remembers, unsigned written_between)
{
	struct strbuf learned = STRBUF_INIT;
	int64_t now = s.h.now_ns;

	assert_int_equal(s.h.ops->learned(s.h.bus, &learned), 0);
	harness_close(&s.h);
	write_events(written_between);
	peer_close(&s.peer);
	peer_open(&s.peer, lines[s.line].wire, PEER_GOOD, 500 * MS);
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

static void test_each_event_once(void **state)
{
	(void)state;
	for (size_t line = 0; line < 3; line++)
		for (size_t i = 0; i < N_KINDS; i++) {
			print_message("  %s, %s\n", lines[line].name, kinds[i].name);
			begin(line, &kinds[i].list, kinds[i].from);
			write_events(3);
			harness_open(&s.h);
			/* What stood there is no news. */
			harness_run(&s.h, 5 * S);
			assert_int_equal(s.n, 0);
			assert_int_equal(s.none, 1);
			/* One by one, more than twice round. */
			for (unsigned k = 0; k < 2 * ENTRIES + 3; k++) {
				write_events(1);
				harness_run(&s.h, 2 * S);
				assert_int_equal(s.n, k + 1);
			}
			check_given(0, 3);
			/* Several at once, as many as there is room for. */
			for (unsigned n = 2; n <= ENTRIES; n++) {
				uint32_t from = s.d.written;
				size_t was = s.n;
				write_events(n);
				harness_run(&s.h, 3 * S);
				check_given(was, from);
			}
			/* And then nothing more. */
			uint64_t before = s.h.seen[0].samples;
			harness_run(&s.h, 60 * S);
			assert_int_equal(s.h.seen[0].samples, before);
			assert_int_equal(s.none, 1);
			assert_int_equal(s.lost, 0);
			/* The others have been polled all the while. */
			assert_int_equal(s.h.seen[1].good, s.h.seen[1].samples);
			assert_true(s.h.seen[2].good > 60);
			end();
		}
}

static void test_away(void **state)
{
	(void)state;
	for (size_t line = 0; line < 3; line++)
		for (size_t i = 0; i < N_KINDS; i++) {
			begin(line, &kinds[i].list, kinds[i].from);
			write_events(5);
			harness_open(&s.h);
			harness_run(&s.h, 5 * S);
			s.peer.bad_unit = 1;
			peer_behave(&s.peer, PEER_DEAD);
			harness_run(&s.h, 120 * S);
			/* Said once. */
			assert_int_equal(s.h.seen[0].of_quality[QUALITY_COMM], 1);
			assert_int_equal(s.h.seen[0].samples, 2);
			write_events(3);
			peer_behave(&s.peer, PEER_GOOD);
			harness_run(&s.h, 35 * S);
			check_given(0, 5);
			/* Again, and nothing happened meanwhile: good again, without a record. */
			peer_behave(&s.peer, PEER_DEAD);
			harness_run(&s.h, 60 * S);
			peer_behave(&s.peer, PEER_GOOD);
			harness_run(&s.h, 35 * S);
			assert_int_equal(s.h.seen[0].of_quality[QUALITY_COMM], 2);
			assert_int_equal(s.n, 3);
			assert_int_equal(s.none, 2);
			assert_true(sample_has_no_record(&s.h.seen[0].last));
			/* Written round to the very same place while nobody looked. */
			peer_behave(&s.peer, PEER_DEAD);
			harness_run(&s.h, 60 * S);
			uint32_t from = s.d.written;
			write_events(ENTRIES);
			peer_behave(&s.peer, PEER_GOOD);
			harness_run(&s.h, 35 * S);
			check_given(3, from);
			assert_int_equal(s.lost, 0);
			end();
		}
}

static void test_overrun(void **state)
{
	(void)state;
	for (size_t i = 0; i < N_KINDS; i++)
		for (unsigned more = 1; more < 3 * ENTRIES; more++) {
			begin(0, &kinds[i].list, kinds[i].from);
			write_events(ENTRIES + 2);
			harness_open(&s.h);
			harness_run(&s.h, 5 * S);
			write_events(ENTRIES + more);
			harness_run(&s.h, 5 * S);
			assert_int_equal(s.n, ENTRIES);
			check_given(0, s.d.written - ENTRIES);
			/* From a place alone it does not show how often the list was written round. */
			assert_int_equal(s.lost, kinds[i].exact ? more : more % ENTRIES);
			assert_int_equal(s.lost_samples, s.lost != 0);
			assert_int_equal(harness_unit(&s.h, 0).lost_records, s.lost);
			end();
		}
}

static void test_restart(void **state)
{
	(void)state;
	for (size_t line = 0; line < 3; line++)
		for (size_t i = 0; i < N_KINDS; i++) {
			begin(line, &kinds[i].list, kinds[i].from);
			write_events(5);
			harness_open(&s.h);
			harness_run(&s.h, 5 * S);
			write_events(2);
			harness_run(&s.h, 5 * S);
			restart(true, 0);
			check_given(0, 5);
			restart(true, 4);
			check_given(0, 5);
			/* Nothing is remembered: what stands there is no news. */
			size_t was = s.n;
			restart(false, 2);
			assert_int_equal(s.n, was);
			write_events(1);
			harness_run(&s.h, 5 * S);
			check_given(was, s.d.written - 1);
			end();
		}
}

/* From an empty list on, and cleared in between. */
static void test_empty(void **state)
{
	static const struct bus_list count = { LAYOUT, .news = LIST_NEWS_COUNT }, newest_first = { LAYOUT, .news = LIST_NEWS_COUNT, .newest_first = true };

	(void)state;
	for (size_t i = 0; i < N_KINDS + 2; i++) {
		begin(0, i < N_KINDS ? &kinds[i].list : i == N_KINDS ? &count : &newest_first, 0);
		print_message("  %s\n", i < N_KINDS ? kinds[i].name : "count");
		harness_open(&s.h);
		harness_run(&s.h, 5 * S);
		assert_int_equal(s.n, 0);
		for (unsigned k = 0; k < 5; k++) {
			write_events(1);
			harness_run(&s.h, 2 * S);
			check_given(0, 0);
		}
		if (s.d.list.numbered) { /* its numbers begin anew */
			s.d.list.number_first = s.d.list.number_first ? s.d.list.number_first : 0;
			s.d.from -= s.d.written;
		}
		memset(s.d.records, 0, sizeof s.d.records);
		s.d.cleared = s.d.written;
		if (s.d.list.numbered)
			s.d.cleared = 0;
		uint32_t from = s.d.written;
		harness_run(&s.h, 3 * S);
		write_events(2);
		harness_run(&s.h, 5 * S);
		check_given(5, from);
		assert_int_equal(s.lost, 0);
		end();
	}
}

/* A list that is filled once: what no longer fits cannot be seen, and that is told. */
static void test_full(void **state)
{
	static const struct bus_list count = { LAYOUT, .news = LIST_NEWS_COUNT };

	(void)state;
	begin(0, &count, 0);
	write_events(2);
	harness_open(&s.h);
	harness_run(&s.h, 5 * S);
	write_events(ENTRIES);
	harness_run(&s.h, 5 * S);
	assert_int_equal(s.n, ENTRIES - 2);
	assert_int_equal(s.values[s.n - 1], ENTRIES);
	assert_int_equal(s.lost, 2);
	write_events(3);
	harness_run(&s.h, 5 * S);
	assert_int_equal(s.n, ENTRIES - 2);
	assert_int_equal(s.lost, 5);
	assert_int_equal(s.h.seen[0].last.quality, QUALITY_DEVICE);
	end();
}

/* The device writes while it is read: whatever is lost is told, and nothing comes twice or out of order. */
static void test_moves_while_read(void **state)
{
	(void)state;
	for (size_t line = 0; line < 2; line++)
		for (size_t i = 0; i < N_KINDS; i++)
			for (unsigned busy = 1; busy < 12; busy += line ? 4 : 1) {
				begin(line, &kinds[i].list, kinds[i].from);
				write_events(ENTRIES);
				harness_open(&s.h);
				harness_run(&s.h, 3 * S);
				uint32_t from = s.d.written;
				s.d.busy = busy;
				harness_run(&s.h, 200 * S);
				s.d.busy = 0;
				harness_run(&s.h, 5 * S);
				for (size_t k = 1; k < s.n; k++)
					if (s.values[k] <= s.values[k - 1])
						fail_msg("%s, busy %u: %u after %u", kinds[i].name, busy, s.values[k], s.values[k - 1]);
				assert_int_equal(s.values[s.n - 1], s.d.written);
				uint64_t missing = s.d.written - from - s.n;
				if (kinds[i].exact ? missing != s.lost : missing < s.lost)
					fail_msg("%s, busy %u: %u written, %zu given, %llu told as lost", kinds[i].name, busy, s.d.written - from, s.n, (unsigned long long)s.lost);
				end();
			}
}

/* The same number in two places is the same event. */
static void test_same_number_twice(void **state)
{
	(void)state;
	begin(0, &kinds[4].list, kinds[4].from);
	write_events(2);
	harness_open(&s.h);
	harness_run(&s.h, 3 * S);
	write_events(2);
	memcpy(s.d.records[place_of(&s.d, s.d.written)], s.d.records[place_of(&s.d, s.d.written - 1)], sizeof s.d.records[0]);
	harness_run(&s.h, 5 * S);
	check_given(0, 2);
	end();
}

static void test_register_out_of_place(void **state)
{
	(void)state;
	begin(0, &kinds[0].list, 0);
	write_events(2);
	harness_open(&s.h);
	harness_run(&s.h, 3 * S);
	s.d.list.news = LIST_NEWS_NONE; /* 0xdead */
	harness_run(&s.h, 10 * S);
	assert_int_equal(s.h.seen[0].of_quality[QUALITY_DEVICE], 1);
	s.d.list.news = LIST_NEWS_NEWEST;
	write_events(1);
	harness_run(&s.h, 3 * S);
	check_given(0, 2);
	/* Exceptions likewise. */
	s.peer.bad_unit = 1;
	s.peer.exception = 2;
	peer_behave(&s.peer, PEER_EXCEPTION);
	harness_run(&s.h, 10 * S);
	assert_int_equal(s.h.seen[0].of_quality[QUALITY_DEVICE], 2);
	assert_int_equal(s.h.seen[0].last.quality, QUALITY_DEVICE);
	assert_int_equal(s.lost, 0);
	end();
}

/* What was remembered of another list, or is no such text, is left out. */
static void test_recall(void **state)
{
	static const char *const texts[] = { "list", "list d0", "list d0 1 3 100", "list d0 1 3 100 ", "list d0 1 3 100 zz 1 1 1", "list d0 1 3 100 1 1 1 1", "list d0 1 3 100 1 1 99999999999 1" };

	(void)state;
	for (size_t i = 0; i < sizeof texts / sizeof *texts; i++) {
		struct strbuf out = STRBUF_INIT;
		begin(0, &kinds[0].list, 0);
		write_events(2);
		s.h.config.learned = texts[i];
		harness_open(&s.h);
		assert_int_equal(s.h.ops->learned(s.h.bus, &out), 0);
		assert_int_equal(out.len, 0);
		assert_int_equal(s.h.wants.learned, 0);
		harness_run(&s.h, 3 * S);
		assert_int_equal(s.n, 0);
		assert_true(s.h.wants.learned > 0);
		strbuf_done(&out);
		end();
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_each_event_once),
		cmocka_unit_test(test_away),
		cmocka_unit_test(test_overrun),
		cmocka_unit_test(test_restart),
		cmocka_unit_test(test_empty),
		cmocka_unit_test(test_full),
		cmocka_unit_test(test_moves_while_read),
		cmocka_unit_test(test_same_number_twice),
		cmocka_unit_test(test_register_out_of_place),
		cmocka_unit_test(test_recall),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
