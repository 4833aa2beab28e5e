/* Messages of a broker to the console, one a line: topic, a space, payload. A '!' in front: retained. A second passes with each. */
#include "gateway/cli/watch_model.h"

#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void on_command(void *user, const char *topic, const char *payload) { (void)user; (void)topic; (void)payload; }
static void on_event(void *user, const json_t *event, enum watch_how how) { (void)user; (void)event; (void)how; }
static void on_note(void *user, const struct watch_note *note) { (void)user; (void)note; }
static void on_bell(void *user) { (void)user; }

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static const struct watch_filter filter = { "", NULL, (1u << CLASS_COUNT) - 1, false };
	struct stamp now = { .mono_ns = CLOCK_NS_PER_S, .wall_ms = INT64_C(1795485600000), .wall_trusted = true };
	struct watch *w = watch_new(&filter, &(struct watch_out){ on_command, on_event, on_note, on_bell, NULL }, 0);
	char *text = malloc(size + 1), *save = NULL;

	if (!w || !text)
		abort();
	if (size > 0)
		memcpy(text, data, size);
	text[size] = '\0';
	watch_up(w, now);
	for (char *line = strtok_r(text, "\n", &save); line; line = strtok_r(NULL, "\n", &save)) {
		bool retained = *line == '!';
		char *payload = strchr(line, ' ');
		if (payload)
			*payload++ = '\0';
		watch_message(w, line + retained, payload ? payload : "", payload ? strlen(payload) : 0, retained, now);
		now = clock_shift(now, CLOCK_NS_PER_S);
		watch_tick(w, now);
	}
	size_t n;
	free(watch_alarms(w, &n));
	watch_free(w);
	free(text);
	return 0;
}
