/* err: what went wrong, as a code for programs and one line for people. */
#ifndef FIREGW_CORE_ERR_H
#define FIREGW_CORE_ERR_H

/* The whole table of codes; `err_code_name` gives the word that appears in logs and in --json. */
enum err_code {
	ERR_NONE = 0,
	ERR_INVALID,     /* what we were given is wrong: a file, a frame, an argument */
	ERR_NOT_FOUND,   /* it names something that is not there */
	ERR_EXISTS,      /* it is there already, or in use */
	ERR_IO,          /* the operating system said no */
	ERR_NO_MEMORY,
	ERR_FULL,        /* a bound was reached */
	ERR_BUSY,        /* not now */
	ERR_TIMEOUT,
	ERR_REFUSED,     /* the other side said no */
	ERR_DENIED,      /* the caller's role does not allow it */
	ERR_DAMAGED,     /* stored data is not what was written */
	ERR_UNSUPPORTED, /* known, and not there (yet) */
	ERR_CLOSED,      /* the other side went away */
	ERR_PROTOCOL,    /* the other side broke the protocol */
};

#define ERR_TEXT_MAX 512

/* Plain data, owned by the caller; written on failure only. */
struct err {
	enum err_code code;
	char          text[ERR_TEXT_MAX];
};

/* Sets code and text (cut to fit on a character's boundary); always returns -1, so that `return err_set(…)` reads well. `e` may be NULL. */
int err_set(struct err *e, enum err_code code, const char *fmt, ...) __attribute__((format(printf, 3, 4)));
/* Puts a noun in front, "bus 'riser-a': ", as an error goes up a layer; returns -1. `e` may be NULL. */
int err_prefix(struct err *e, const char *fmt, ...) __attribute__((format(printf, 2, 3)));
/* The code's word, e.g. "not-found". Static. */
const char *err_code_name(enum err_code code);

#endif
