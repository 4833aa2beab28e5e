/* writer: a tree written as YAML for people or as JSON for programs, by the same calls. */
#ifndef FIREGW_GATEWAY_CONFIG_WRITER_H
#define FIREGW_GATEWAY_CONFIG_WRITER_H

#include "core/strbuf.h"

#define WRITER_DEPTH_MAX 16

struct writer {
	struct strbuf *out;                   /* borrowed */
	bool           json;
	unsigned       depth;
	unsigned       flow;                  /* from this depth on all on one line; 0: not */
	bool           list[WRITER_DEPTH_MAX + 1], filled[WRITER_DEPTH_MAX + 1];
	bool           dash;                  /* "- " stands, its first key follows on the same line */
};

/* key: in a mapping; NULL in a list. flow: the whole on one line (YAML). */
void writer_open_map(struct writer *w, const char *key, bool flow);
void writer_open_list(struct writer *w, const char *key, bool flow);
void writer_close(struct writer *w);
/* Text of any kind; quoted where it must be. */
void writer_text(struct writer *w, const char *key, const char *text);
/* A text without quotes in YAML: a duration, a word that we made. */
void writer_word(struct writer *w, const char *key, const char *word);
/* A number, true or false, bare in both. */
void writer_bare(struct writer *w, const char *key, const char *bare);
void writer_int(struct writer *w, const char *key, int64_t v);
void writer_bool(struct writer *w, const char *key, bool v);
void writer_double(struct writer *w, const char *key, double v);
void writer_duration(struct writer *w, const char *key, int64_t ms);

#endif
