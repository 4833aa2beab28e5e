/* arena: memory that is given back all at once. Pieces never move and are zeroed. */
#ifndef FIREGW_GATEWAY_CONFIG_ARENA_H
#define FIREGW_GATEWAY_CONFIG_ARENA_H

#include <setjmp.h>
#include <stddef.h>

struct arena_block;
struct arena {
	struct arena_block *blocks; /* the newest first */
	jmp_buf            *oom;    /* where to go when there is no memory: the loader's one catch; must be set before the first piece is taken */
};

void  arena_done(struct arena *a);
/* Never NULL: without memory it jumps to `oom`. Aligned for any type. */
void *arena_take(struct arena *a, size_t n, size_t size);
char *arena_text(struct arena *a, const char *text, size_t len);
char *arena_copy(struct arena *a, const char *text);
char *arena_printf(struct arena *a, const char *fmt, ...) __attribute__((format(printf, 2, 3)));

/* A growing list in an arena: makes room for one more of `size` bytes; the old place is left behind. */
void *arena_grow(struct arena *a, void *items, size_t n, size_t *cap, size_t size);
/* A list of its own exact size in another arena: what grew in the scratch arena and is kept. */
void *arena_settle(struct arena *a, const void *items, size_t n, size_t size);
#define ARENA_PUSH(arena, items, n, cap) \
	((items) = arena_grow((arena), (items), (n), &(cap), sizeof *(items)), &(items)[(n)++])

#endif
