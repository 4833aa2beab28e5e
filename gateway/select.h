/* select: the SELECT of the command line and of hub commands: which points or alarms are meant. Pure.
 *
 *   kind=smoke_detector,heat_detector floor=12 zone=12-*     words: all must fit; within one, any of its values
 *   f12-hyd.*  facp.f12-smoke-3/smoke                        globs on the id: any of them
 *
 * Words: kind, floor, building, zone, bus, device, class. Values but those of kind and class may be globs: `*`, `?`, `[a-z]`, `[!a-z]`. A
 * word that is given twice has the values of both. */
#ifndef FIREGW_GATEWAY_SELECT_H
#define FIREGW_GATEWAY_SELECT_H

#include "core/err.h"
#include "core/site.h"

#include <stddef.h>

#define SELECT_TEXT_MAX  1024 /* bytes of a select */
#define SELECT_TERMS_MAX 64   /* values and globs in it */

struct select;

/* Texts are copied. NULL and "" fit everything. ERR_INVALID: an unknown word, kind or class (with the nearest known one), an empty value,
 * too long; ERR_NO_MEMORY. */
int  select_parse(const char *text, struct select **ret, struct err *reterr);
void select_free(struct select *s); /* accepts NULL */

/* What is matched. "" or NULL: has none, and a word about it does not fit. */
struct select_subject {
	const char      *id;       /* a point's, or an alarm's */
	const char      *other_id; /* the alarm's point; globs may fit either */
	const char      *kind;
	const char      *floor, *building, *zone, *bus, *device;
	enum alarm_class class_;   /* CLASS_COUNT: none */
};
bool select_fits(const struct select *s, const struct select_subject *what);
/* Why nothing fits, if it may be a slip: a name that nothing of the site has, with the nearest or with those there are; a class or kind without
 * its word. "" if nothing is to be said. ids: whether those of the select are points'. Returns buf. */
const char *select_hint(const struct select *s, const struct site *site, bool ids, char *buf, size_t cap);
/* The word (kind, floor, …) that this is, or, with `nearly`, that may have been meant; NULL. */
const char *select_word(const char *text, bool nearly);

/* The subject of a point: its class is its kind's. Borrowed from the site. */
struct select_subject select_of_point(const struct site *site, const struct point *p);
bool select_fits_point(const struct select *s, const struct site *site, const struct point *p);

/* Shell-like: `*`, `?`, `[a-z]`, `[!a-z]`; no backslashes, nothing special about slash or dot. Linear in text × pattern. */
bool select_glob(const char *pattern, const char *text);
/* Whether the text has a character that select_glob treats specially. */
bool select_is_glob(const char *text);

#endif
