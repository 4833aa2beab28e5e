/* A list of any layout whose registers hold anything, and change as they like: it ends each poll, gives at most as many records as it has places, and what it remembers reads back. */
#include "drivers/modbus/eventlist.h"

#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void count(void *user, const struct sample *s)
{
	if (s->quality >= QUALITY_STALE)
		abort();
	++*(size_t *)user;
}

static void poll_once(struct eventlist *l, const struct bus_list *b, const uint8_t **data, size_t *size)
{
	struct stamp now = { .mono_ns = 1, .wall_ms = INT64_C(1795485600000), .wall_trusted = true };
	size_t given = 0, requests = 0;
	struct sample_sink sink = { .sample = count, .user = &given };
	struct plan_request read = { 0 };
	uint16_t values[LIST_ENTRIES_MAX * LIST_SIZE_MAX];
	char text[VALUE_TEXT_MAX];

	eventlist_begin(l, &read);
	for (;;) {
		size_t n = read.count * sizeof *values;
		if (read.count == 0 || read.count > 125 || ++requests > 8u * b->entries + 32)
			abort();
		memset(values, 0, n);
		memcpy(values, *data, *size < n ? *size : n);
		*data += *size < n ? *size : n;
		*size -= *size < n ? *size : n;
		if (eventlist_values(l, values, &read, text, now, &sink) != EVENTLIST_MORE)
			break;
	}
	if (given > (size_t)b->entries + 2)
		abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct bus_point p = { .id = "p", .fc = 3, .address = 100, .bit_first = -1, .bit_last = -1, .scale = DECIMAL_ONE, .decimals_from = BUS_NO_DECIMALS_FROM,
		.convert = { DECIMAL_ONE, DECIMAL_ZERO }, .min = NAN, .max = NAN, .every_ns = 1, .log_mode = true };
	struct eventlist *l, *again;
	struct strbuf out = STRBUF_INIT;

	if (size < 16)
		return 0;
	p.type = data[0] & 1 ? TYPE_U16 : TYPE_U32;
	p.order = data[1] % 4;
	p.list = (struct bus_list){ .entries = (uint16_t)(data[2] + 1), .size = (uint16_t)(data[3] % 34), .value = data[4] % 8, .news = data[5] % 5, .news_register = 5, .newest_first = data[6] & 1,
		.numbered = data[6] & 2, .number_at = data[7] % 8, .number_first = data[8], .number_last = (uint16_t)(data[9] << 8 | data[10]), .time = data[11] % 6, .time_at = data[12] % 8,
		.time_local = data[13] & 1 };
	if (eventlist_new(&p, 125, &l, NULL) < 0)
		return 0;
	data += 16;
	size -= 16;
	for (int i = 0; i < 4; i++)
		poll_once(l, &p.list, &data, &size);
	if (eventlist_knows(l)) {
		eventlist_remember(l, &out);
		if (eventlist_new(&p, 125, &again, NULL) < 0 || !eventlist_recall(again, out.data))
			abort();
		eventlist_free(again);
	}
	strbuf_done(&out);
	eventlist_free(l);
	return 0;
}
