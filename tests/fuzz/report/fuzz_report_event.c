/* Events as a damaged or foreign database may hold them: read without harm, and counted without harm. */
#include "gateway/report.h"

#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* Each line is an event of its own, a minute after the one before. */
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct report_frame f = { .gateway = "g", .node = "g", .people = true, .lists = 20 };
	struct strbuf out = STRBUF_INIT;
	struct report_event e;
	struct report_month m;
	int64_t at;

	report_month_at(INT64_C(1706800000000), &m);
	at = m.from_ms - 120000;
	struct report *r = report_new(&m, m.to_ms);
	if (!r)
		return 0;
	for (size_t i = 0; i < size; at += 60000) {
		const uint8_t *end = memchr(data + i, '\n', size - i);
		size_t n = end ? (size_t)(end - data) - i : size - i;
		char *line = malloc(n ? n : 1); /* of its own, so that a byte too many is seen */
		if (line && n)
			memcpy(line, data + i, n);
		if (line && report_event_parse(line, n, at, &e))
			(void)report_feed(r, &e);
		free(line);
		i += n + 1;
	}
	report_end(r);
	report_json_within(r, &f, 4096, &out);
	if (out.failed || out.data[out.len - 1] != '}')
		abort();
	strbuf_done(&out);
	report_free(r);
	return 0;
}
