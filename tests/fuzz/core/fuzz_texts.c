/* The small readers of core: whatever text comes, what is taken can be written and read back to the same, and JSON stays JSON. */
#include "core/alarm.h"
#include "core/clock.h"
#include "core/decimal.h"
#include "core/kind.h"
#include "core/site.h"
#include "core/strbuf.h"
#include "core/unit.h"

#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void must(bool held)
{
	if (!held)
		abort();
}

static void times(const char *text)
{
	char buf[CLOCK_TEXT_MAX];
	int64_t a, b;

	if (clock_parse(text, &a) == 0 && a >= 0 && a < INT64_C(253370764800000))
		must(clock_parse(clock_format(a, buf), &b) == 0 && a == b);
	if (clock_parse_duration(text, &a) == 0)
		must(clock_parse_duration(clock_format_duration(a, buf), &b) == 0 && a == b);
}

static void numbers(const char *text)
{
	struct decimal a, b;
	struct strbuf json = STRBUF_INIT;
	char buf[32];
	char *end;
	double v = strtod(text, &end);

	if (decimal_parse(text, &a) == 0) {
		must(decimal_parse(decimal_format(a, buf), &b) == 0 && a.mantissa == b.mantissa && a.places == b.places);
		must(*end == '\0' && decimal_double(a) == v);
	}
	strbuf_json_double(&json, v);
	must(strcmp(json.data, "null") == 0 || strtod(json.data, NULL) == v);
	strbuf_done(&json);
}

static void strings(const char *text)
{
	struct strbuf json = STRBUF_INIT;

	strbuf_json_string(&json, text);
	must(!json.failed && json.len >= 2 && json.data[0] == '"' && json.data[json.len - 1] == '"');
	for (size_t i = 1; i < json.len - 1; i++) {
		must((unsigned char)json.data[i] >= 0x20 && json.data[i] != '"');
		if (json.data[i] == '\\')
			i++;
	}
	strbuf_done(&json);
}

static void words(const char *text)
{
	char gateway[256], back[256 + EVENT_ID_MAX];
	const char *slash = strchr(text, '/');
	struct event_id id;
	struct unit_conversion conversion;
	enum kind kind;
	int rank;

	if (event_id_parse(text, &id) == 0 && slash - text <= 40) {
		memcpy(gateway, text, (size_t)(slash - text));
		gateway[slash - text] = '\0';
		must(strcmp(event_id_format(gateway, id, back), text) == 0);
	}
	if (unit_known(text))
		must(unit_convert(text, text, &conversion) == 0 && conversion.factor.mantissa == 1);
	if (kind_find(text, &kind) == 0)
		must(kind < KIND_COUNT);
	kind_nearest(text);
	floor_rank(text, &rank);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	char *text = malloc(size + 1);

	if (!text)
		return 0;
	/* Its own allocation, to the byte, so that a step too far is seen. */
	if (size > 0)
		memcpy(text, data, size);
	text[size] = '\0';
	times(text);
	numbers(text);
	strings(text);
	words(text);
	free(text);
	return 0;
}
