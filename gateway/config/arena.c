#include "gateway/config/arena.h"

#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define ARENA_BLOCK_BYTES (64 * 1024)

struct arena_block {
	struct arena_block *next;
	size_t              used, cap;
	max_align_t         data[];
};

void arena_done(struct arena *a)
{
	while (a->blocks) {
		struct arena_block *next = a->blocks->next;
		free(a->blocks);
		a->blocks = next;
	}
}

void *arena_take(struct arena *a, size_t n, size_t size)
{
	const size_t align = _Alignof(max_align_t);
	size_t bytes;

	if (__builtin_mul_overflow(n, size, &bytes) || bytes > SIZE_MAX / 2)
		longjmp(*a->oom, 1);
	bytes = (bytes + align - 1) / align * align;
	if (!a->blocks || a->blocks->cap - a->blocks->used < bytes) {
		size_t cap = bytes > ARENA_BLOCK_BYTES / 4 ? bytes : ARENA_BLOCK_BYTES;
		struct arena_block *b = calloc(1, sizeof *b + cap);
		if (!b)
			longjmp(*a->oom, 1);
		b->cap = cap;
		/* A big piece gets a block of its own, behind the one that still has room. */
		if (a->blocks && cap == bytes) {
			b->next = a->blocks->next;
			a->blocks->next = b;
			b->used = bytes;
			return b->data;
		}
		b->next = a->blocks;
		a->blocks = b;
	}
	void *piece = (char *)a->blocks->data + a->blocks->used;
	a->blocks->used += bytes;
	return piece;
}

char *arena_text(struct arena *a, const char *text, size_t len)
{
	char *copy = arena_take(a, len + 1, 1);

	memcpy(copy, text, len);
	return copy;
}

char *arena_copy(struct arena *a, const char *text)
{
	return arena_text(a, text, strlen(text));
}

char *arena_printf(struct arena *a, const char *fmt, ...)
{
	va_list args, again;

	va_start(args, fmt);
	va_copy(again, args);
	int n = vsnprintf(NULL, 0, fmt, args);
	va_end(args);
	char *text = arena_take(a, n < 0 ? 1 : (size_t)n + 1, 1);
	if (n >= 0)
		vsnprintf(text, (size_t)n + 1, fmt, again);
	va_end(again);
	return text;
}

void *arena_settle(struct arena *a, const void *items, size_t n, size_t size)
{
	void *copy = arena_take(a, n + 1, size);

	if (n)
		memcpy(copy, items, n * size);
	return copy;
}

void *arena_grow(struct arena *a, void *items, size_t n, size_t *cap, size_t size)
{
	if (n < *cap)
		return items;
	size_t more = *cap ? *cap * 2 : 8;
	void *wider = arena_take(a, more, size);
	if (n)
		memcpy(wider, items, n * size);
	*cap = more;
	return wider;
}
