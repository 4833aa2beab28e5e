/* strbuf: text that is put together; either growing on the heap, or in a fixed piece of memory that never grows. */
#ifndef FIREGW_CORE_STRBUF_H
#define FIREGW_CORE_STRBUF_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Once `failed` is set (no room, no memory) further puts do nothing; check it once, at the end. data is always NUL-terminated when cap > 0. */
struct strbuf {
	char  *data;
	size_t len;
	size_t cap;
	bool   fixed;
	bool   failed;
};

#define STRBUF_INIT ((struct strbuf){ 0 })
/* A buffer over the caller's memory (cap ≥ 1), never allocating. */
void strbuf_init_fixed(struct strbuf *b, char *mem, size_t cap);
void strbuf_done(struct strbuf *b);            /* frees a growing one; a fixed one is only emptied */
void strbuf_reset(struct strbuf *b);           /* len = 0, failed = false; keeps the memory */
void strbuf_cut(struct strbuf *b, size_t len); /* back to an earlier length; clears failed (for "undo the last piece") */
void strbuf_put(struct strbuf *b, const void *data, size_t len);
void strbuf_puts(struct strbuf *b, const char *text);
void strbuf_putc(struct strbuf *b, char c);
void strbuf_printf(struct strbuf *b, const char *fmt, ...) __attribute__((format(printf, 2, 3)));
/* Gives the text away (caller frees); NULL if failed. Growing buffers only. */
char *strbuf_take(struct strbuf *b);

/* JSON pieces. A string is quoted and escaped; bytes that are not UTF-8 become U+FFFD. NULL becomes null. */
void strbuf_json_string(struct strbuf *b, const char *text);
/* The shortest decimal that reads back as the same double (below 1e-4 and above 2^53 a power of two may have one digit more); NaN and infinities
 * become null. The locale does not matter. */
void strbuf_json_double(struct strbuf *b, double v);
/* For people: 7 significant digits, since a single-precision register has no more though the double has 17, but whole numbers whole and two places at least. */
void strbuf_short_double(struct strbuf *b, double v);
void strbuf_json_int(struct strbuf *b, int64_t v);
/* `"key":` with a comma in front unless it follows an opening bracket. */
void strbuf_json_key(struct strbuf *b, const char *key);

#endif
