/* bind: from a mapping to a struct by a table of keys: types, ranges, words and defaults stand in the table, and every field remembers its place. */
#ifndef FIREGW_GATEWAY_CONFIG_BIND_H
#define FIREGW_GATEWAY_CONFIG_BIND_H

#include "core/decimal.h"
#include "gateway/config/loader.h"

enum bind_type {
	BIND_TEXT,        /* min … max characters (max 0: CONFIG_TEXT_MAX) */
	BIND_LINES,       /* the same, line breaks allowed */
	BIND_NAME,        /* [a-z0-9][a-z0-9_-]*, at most CONFIG_NAME_MAX */
	BIND_ZONE,        /* the same, upper case too */
	BIND_WORD,        /* one of words; number = which */
	BIND_BOOL,        /* true, false */
	BIND_INT,         /* min … max */
	BIND_DECIMAL,
	BIND_DURATION,    /* number in ms, min … max */
	BIND_SIZE,        /* number in bytes, min … max */
	BIND_PATH,        /* text: absolute, in the kept arena */
	BIND_MAP,         /* the node only */
	BIND_LIST,
	BIND_ANY,
	BIND_INACTIVE,    /* known, without effect so far, touches no decision: a warning */
	BIND_UNSUPPORTED, /* known, not there yet, touches decisions: an error */
};

#define BIND_REQUIRED 1u

/* One key of a mapping, or column of a table. */
struct bind_key {
	const char        *key;
	const char        *zh;      /* column header in Chinese, or NULL */
	enum bind_type     type;
	unsigned           flags;
	size_t             offset;  /* of a struct field in the destination */
	int64_t            min, max;
	const char *const *words;   /* ends with NULL */
	const char        *def;     /* read like a value; NULL: none */
};

/* A bound value. at NULL: not given (then the default, or all zero). Texts live in the scratch arena, paths in the kept one. */
struct field {
	const struct node *at;
	const char        *text;
	int64_t            number;
	struct decimal     decimal;
	bool               wrong;   /* given, but not as it must be: said; at is NULL and the default stands */
};

/* Fills dst (a struct of fields) from a mapping. Everything wrong is a finding at its place; a wrong value leaves its field as not given, but
 * marks it. what: "a bus", for messages. 0, or -1 if there was an error. */
int bind_map(struct loader *l, const struct node *map, const struct bind_key *keys, size_t n_keys, void *dst, const char *what);
/* One value by itself: list items. 0 or -1. */
int bind_value(struct loader *l, const struct node *value, const struct bind_key *key, struct field *ret);
/* Whether it is a mapping (list); says so if not. what: "site", "devices". */
bool bind_is_map(struct loader *l, const struct node *n, const char *what);
bool bind_is_list(struct loader *l, const struct node *n, const char *what);

/* The field's text in the kept arena; `or_` (borrowed) if it was not given. */
const char *field_keep(struct loader *l, const struct field *f, const char *or_);

/* How many of a list's items to look at: all, or `max` and an error at the first one beyond. */
size_t bind_count(struct loader *l, const struct node *list, size_t max, const char *what);

const struct node *node_get(const struct node *map, const char *key);

/* A list of words: a scalar or a list of scalars. Returns their nodes; 0 items: said why. */
const struct node *const *bind_words(struct loader *l, const struct node *n, const char *what, size_t *ret_n);

/* The nearest of the words to a misspelt one, or NULL if none is near. next(user, i): the i-th word or NULL. */
const char *nearest_word(const char *word, const char *(*next)(const void *user, size_t i), const void *user);
const char *nearest_in(const char *word, const char *const *words);
/* "; did you mean 'x'?", or "". In the scratch arena. */
const char *nearest_hint(struct loader *l, const char *near);
void        find_unknown_kind(struct loader *l, const struct node *at);

/* Texts and numbers as cells and scalars write them. */
bool   text_is_name(const char *text, bool upper);
size_t text_characters(const char *utf8);
/* 4GiB, 500MB, 12345; 0 or -1. */
int    size_parse(const char *text, int64_t *ret_bytes);
/* A whole number, decimal or 0x…; 0 or -1. */
int    int_parse(const char *text, int64_t *ret);
/* Parts of a cell, parted by |, blanks around them dropped; in the scratch arena. */
const char *const *cell_parts(struct loader *l, const char *text, size_t *ret_n);
/* Why a number does not read as one, where a spreadsheet has been at it: "" if nothing special. */
const char *number_hint(const char *text);

#endif
