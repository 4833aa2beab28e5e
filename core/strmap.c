#include "core/strmap.h"

#include <stdlib.h>
#include <string.h>

#define FIRST_CAP 16

void strmap_done(struct strmap *m)
{
	free(m->slots);
	*m = STRMAP_INIT;
}

uint64_t strmap_hash64(const void *data, size_t len, uint64_t seed)
{
	const unsigned char *bytes = data;
	uint64_t h = seed;

	for (size_t i = 0; i < len; i++)
		h = (h ^ bytes[i]) * UINT64_C(0x100000001b3);
	return h;
}

static uint32_t hash_key(const char *key)
{
	uint64_t h = strmap_hash64(key, strlen(key), STRMAP_HASH_SEED);

	return (uint32_t)(h ^ (h >> 32));
}

/* The key's slot, or the empty one where it would stand. There is always an empty one: at most three quarters are taken. */
static struct strmap_slot *find_slot(struct strmap_slot *slots, size_t cap, const char *key, uint32_t hash)
{
	size_t i = hash & (cap - 1);

	while (slots[i].key && (slots[i].hash != hash || strcmp(slots[i].key, key) != 0))
		i = (i + 1) & (cap - 1);
	return &slots[i];
}

int strmap_reserve(struct strmap *m, size_t n)
{
	size_t cap = m->cap ? m->cap : FIRST_CAP;

	while (n > cap / 4 * 3) {
		if (cap > SIZE_MAX / 2 / sizeof *m->slots)
			return -1;
		cap *= 2;
	}
	if (cap == m->cap)
		return 0;
	struct strmap_slot *slots = calloc(cap, sizeof *slots);
	if (!slots)
		return -1;
	for (size_t i = 0; i < m->cap; i++)
		if (m->slots[i].key)
			*find_slot(slots, cap, m->slots[i].key, m->slots[i].hash) = m->slots[i];
	free(m->slots);
	m->slots = slots;
	m->cap = cap;
	return 0;
}

int strmap_put(struct strmap *m, const char *key, uint32_t value)
{
	uint32_t hash = hash_key(key);

	if (m->cap > 0) {
		struct strmap_slot *old = find_slot(m->slots, m->cap, key, hash);
		if (old->key) {
			old->value = value;
			return 0;
		}
	}
	if (strmap_reserve(m, m->n + 1) < 0)
		return -1;
	*find_slot(m->slots, m->cap, key, hash) = (struct strmap_slot){ key, hash, value };
	m->n++;
	return 0;
}

uint32_t strmap_get(const struct strmap *m, const char *key)
{
	if (m->n == 0)
		return STRMAP_NONE;
	const struct strmap_slot *slot = find_slot(m->slots, m->cap, key, hash_key(key));
	return slot->key ? slot->value : STRMAP_NONE;
}
