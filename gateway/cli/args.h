/* args: the words of a command line, sorted into options and the rest by a table. Pure. */
#ifndef FIREGW_GATEWAY_CLI_ARGS_H
#define FIREGW_GATEWAY_CLI_ARGS_H

#include "core/err.h"

#include <stdbool.h>
#include <stddef.h>

/* Plain data of a table; texts are static. */
struct args_option {
	const char *name;   /* without the dashes */
	char        letter; /* "-c", or '\0' */
	const char *value;  /* what its value is called in help; NULL: a flag */
	const char *help;
	bool        several; /* may be given more than once */
};

#define ARGS_OPTIONS_MAX 16
#define ARGS_WORDS_MAX   256
#define ARGS_MORE_MAX    32  /* values beyond the first of options that may be given several times */

/* All texts are borrowed from argv. */
struct args {
	const struct args_option *options;
	size_t                    n_options;
	const char               *values[ARGS_OPTIONS_MAX]; /* by option; NULL: not given; "" for a flag */
	struct { size_t option; const char *value; } more[ARGS_MORE_MAX];
	size_t                    n_more;
	const char               *words[ARGS_WORDS_MAX];
	size_t                    n_words;
	const char               *unknown;      /* the word that is no option of the table, as "--floor=12"; NULL: none */
	const char               *behind;       /* the word behind it, or NULL */
};

/* Options may stand before, between and behind the words: --name, --name=value, --name value, -c value, -cvalue; "--" ends them. argv holds
 * what follows the verb. ERR_INVALID: an unknown option (with the nearest known one), one given twice, a value that is missing or too much,
 * too many words. Options that stand before the error are in *ret all the same, so that it can be told in the form that was asked for. */
int args_parse(const struct args_option *options, size_t n_options, int argc, char *const *argv, struct args *ret, struct err *reterr);
/* NULL if it was not given. The name must be in the table. */
const char *args_value(const struct args *a, const char *name);
/* The i-th value, from 0, of an option that may be given several times; NULL: there are no more. */
const char *args_value_at(const struct args *a, const char *name, size_t i);
bool        args_flag(const struct args *a, const char *name);

#endif
