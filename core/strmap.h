/* strmap: from a text to a small number; open addressing, keys borrowed. */
#ifndef FIREGW_CORE_STRMAP_H
#define FIREGW_CORE_STRMAP_H

#include <stddef.h>
#include <stdint.h>

struct strmap_slot {
	const char *key;
	uint32_t    hash;
	uint32_t    value;
};
struct strmap {
	struct strmap_slot *slots;
	size_t              n;
	size_t              cap; /* a power of two, or 0 */
};

#define STRMAP_INIT ((struct strmap){ 0 })
#define STRMAP_NONE UINT32_MAX

void     strmap_done(struct strmap *m);
/* Room for n keys without allocating later; 0 or -1 (no memory). */
int      strmap_reserve(struct strmap *m, size_t n);
/* Adds or replaces; the key is borrowed and must outlive the map. 0 or -1 (no memory). */
int      strmap_put(struct strmap *m, const char *key, uint32_t value);
/* The value, or STRMAP_NONE. */
uint32_t strmap_get(const struct strmap *m, const char *key);
/* FNV-1a of a text; the seedless hash used here and for definition hashes. */
uint64_t strmap_hash64(const void *data, size_t len, uint64_t seed);
#define STRMAP_HASH_SEED UINT64_C(0xcbf29ce484222325)

#endif
