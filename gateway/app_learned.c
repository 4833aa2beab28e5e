/* What the lines found out about their devices (blocks that must be read in parts, how far an event list was read), kept in the database across restarts. It is stored in the
 * same commit as the readings that it is about. Failure modes: no room in the batch, or no memory (it rides with a later one); the line's configuration changed (what was
 * found out about its requests is tried anew; how far a list was read stays). */
#include "gateway/app.h"

#include <stdlib.h>
#include <string.h>

/* Its row among the kept states; an alarm's name has a slash. The row: the hash of the line's configuration, and the text. */
#define KEY "_bus."

struct app_memory {
	struct app_memory *next;
	char               bus[48];
	uint64_t           hash;
	char               text[]; /* as the driver gave it */
};

static void remember(struct app *a, const char *bus, uint64_t hash, const char *text, size_t len)
{
	struct app_memory *m = malloc(sizeof *m + len + 1), **at = &a->memories;

	if (!m)
		return;
	snprintf(m->bus, sizeof m->bus, "%s", bus);
	m->hash = hash;
	memcpy(m->text, text, len);
	m->text[len] = '\0';
	while (*at && strcmp((*at)->bus, bus) != 0)
		at = &(*at)->next;
	m->next = *at ? (*at)->next : NULL;
	free(*at);
	*at = m;
}

bool app_learned_restore(struct app *a, const char *key, const void *blob, size_t len)
{
	uint64_t hash;

	if (strncmp(key, KEY, strlen(KEY)) != 0)
		return false;
	if (len >= sizeof hash) {
		memcpy(&hash, blob, sizeof hash);
		remember(a, key + strlen(KEY), hash, (const char *)blob + sizeof hash, len - sizeof hash);
	}
	return true;
}

static bool is_of_requests(const char *line)
{
	return strncmp(line, "cut ", 4) == 0;
}

char *app_learned_of(const struct app *a, const struct config_bus *bus)
{
	const struct app_memory *m = a->memories;
	char *text, *to;

	while (m && strcmp(m->bus, bus->bus.name) != 0)
		m = m->next;
	text = m ? strdup(m->text) : NULL;
	if (!text || m->hash == bus->hash)
		return text;
	to = text;
	for (const char *line = m->text; *line;) {
		size_t len = strcspn(line, "\n") + (strchr(line, '\n') != NULL);

		if (!is_of_requests(line)) {
			memcpy(to, line, len);
			to += len;
		}
		line += len;
	}
	*to = '\0';
	return text;
}

/* New cuts of one device and function, one behind the other in the text. */
struct news { char device[64]; unsigned fc, first, n; };

static void tell(const struct config_bus *bus, const struct news *news)
{
	char more[48] = "";

	if (news->n == 0)
		return;
	if (news->n > 1)
		snprintf(more, sizeof more, " and %u more", news->n - 1);
	log_info("bus", "%s: device %s refuses to be read across address %u%s (function %u): read in parts from now on", bus->bus.name, news->device, news->first, more, news->fc);
}

/* Once each, in the log: blocks that are read in parts from now on. */
static void tell_new(const struct app *a, const struct config_bus *bus, const char *text)
{
	const struct app_memory *m = a->memories;
	struct news news = { .n = 0 };
	char device[64];
	unsigned unit, fc, address;

	while (m && strcmp(m->bus, bus->bus.name) != 0)
		m = m->next;
	for (const char *line = text; line && *line; line = strchr(line, '\n'), line += line != NULL) {
		char one[160];

		/* With its end: 10 is not 100. */
		snprintf(one, sizeof one, "%.*s", (int)strcspn(line, "\n") + (strchr(line, '\n') != NULL), line);
		if ((m && strstr(m->text, one)) || sscanf(one, "cut %63s %u %u %u", device, &unit, &fc, &address) != 4)
			continue;
		if (news.n == 0 || fc != news.fc || strcmp(device, news.device) != 0) {
			tell(bus, &news);
			news = (struct news){ .fc = fc, .first = address };
			snprintf(news.device, sizeof news.device, "%s", device);
		}
		news.n++;
	}
	tell(bus, &news);
}

static bool flush_one(struct app *a, struct app_bus *b, struct batch *batch)
{
	const struct config_bus *c = poller_bus(b->poller);
	struct strbuf blob = STRBUF_INIT, key = STRBUF_INIT;
	const char *kept_key, *kept = NULL;
	struct record_state *s = NULL;

	strbuf_put(&blob, (const char *)&c->hash, sizeof c->hash);
	strbuf_printf(&key, KEY "%s", c->bus.name);
	if (poller_learned(b->poller, &blob) == 0 && !key.failed) {
		kept_key = batch_keep(batch, key.data, key.len);
		kept = kept_key ? batch_keep(batch, blob.data, blob.len) : NULL;
		s = kept ? batch_add_state(batch) : NULL;
		if (s)
			*s = (struct record_state){ kept_key, kept, (uint32_t)blob.len };
	}
	if (s) {
		tell_new(a, c, kept + sizeof c->hash);
		remember(a, c->bus.name, c->hash, kept + sizeof c->hash, blob.len - sizeof c->hash);
	}
	strbuf_done(&blob);
	strbuf_done(&key);
	return s != NULL;
}

void app_learned_flush(struct app *a, struct batch *batch)
{
	struct bus_stats stats;

	for (size_t i = 0; i < a->n_buses; i++) {
		if (!a->buses[i].poller)
			continue;
		poller_stats(a->buses[i].poller, &stats);
		if (stats.learned != a->buses[i].learned && flush_one(a, &a->buses[i], batch))
			a->buses[i].learned = stats.learned;
	}
}

void app_learned_done(struct app *a)
{
	while (a->memories) {
		struct app_memory *m = a->memories;

		a->memories = m->next;
		free(m);
	}
}
