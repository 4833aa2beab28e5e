#include "gateway/seen.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct seen_command { uint32_t hub_db; int64_t expires_ms; char id[SEEN_ID_MAX + 1]; };

void seen_done(struct seen *s)
{
	free(s->list);
	*s = (struct seen){ 0 };
}

bool seen_has(struct seen *s, uint32_t hub_db, const char *id, struct stamp now)
{
	size_t kept = 0;
	bool found = false;

	for (size_t i = 0; i < s->n; i++) {
		struct seen_command *c = &s->list[i];
		if (now.wall_trusted && c->expires_ms < now.wall_ms)
			continue;
		found = found || (c->hub_db == hub_db && strcmp(c->id, id) == 0);
		if (kept != i)
			s->list[kept] = *c;
		kept++;
	}
	s->n = kept;
	return found;
}

static void forget_first(struct seen *s, uint32_t hub_db, char forgotten[SEEN_ID_MAX + 1])
{
	size_t of_hub = 0, first = s->n;

	forgotten[0] = '\0';
	for (size_t i = s->n; i > 0; i--)
		if (s->list[i - 1].hub_db == hub_db) {
			of_hub++;
			first = i - 1;
		}
	if (of_hub < SEEN_OF_HUB_MAX)
		return;
	snprintf(forgotten, SEEN_ID_MAX + 1, "%s", s->list[first].id);
	memmove(&s->list[first], &s->list[first + 1], (s->n - first - 1) * sizeof *s->list);
	s->n--;
}

int seen_add(struct seen *s, uint32_t hub_db, const char *id, int64_t expires_ms, char forgotten[SEEN_ID_MAX + 1])
{
	forget_first(s, hub_db, forgotten);
	if (s->n == s->cap) {
		size_t cap = s->cap ? s->cap * 2 : 64;
		struct seen_command *more = realloc(s->list, cap * sizeof *more);
		if (!more)
			return -1;
		s->list = more;
		s->cap = cap;
	}
	struct seen_command *c = &s->list[s->n++];
	*c = (struct seen_command){ .hub_db = hub_db, .expires_ms = expires_ms };
	snprintf(c->id, sizeof c->id, "%s", id);
	return 0;
}
