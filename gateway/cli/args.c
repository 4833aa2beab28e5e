#include "gateway/cli/args.h"

#include "gateway/nearest.h"

#include <assert.h>
#include <stdint.h>
#include <string.h>

#define NONE SIZE_MAX

static size_t find_name(const struct args *a, const char *name, size_t len)
{
	for (size_t i = 0; i < a->n_options; i++)
		if (strlen(a->options[i].name) == len && strncmp(a->options[i].name, name, len) == 0)
			return i;
	return NONE;
}

static size_t find_letter(const struct args *a, char letter)
{
	for (size_t i = 0; i < a->n_options; i++)
		if (a->options[i].letter == letter)
			return i;
	return NONE;
}

static int unknown_option(const struct args *a, const char *name, size_t len, struct err *reterr)
{
	const char *names[ARGS_OPTIONS_MAX];
	char text[64];

	for (size_t i = 0; i < a->n_options; i++)
		names[i] = a->options[i].name;
	if (len >= sizeof text)
		len = sizeof text - 1;
	memcpy(text, name, len);
	text[len] = '\0';
	const char *near = nearest_find(text, names, a->n_options);
	if (near)
		return err_set(reterr, ERR_INVALID, "unknown option --%s: did you mean --%s?", text, near);
	return err_set(reterr, ERR_INVALID, "unknown option --%s", text);
}

/* *at is the index of the option's word, moved to its value if that is the next word. `glued`: the value within the same word, or NULL. */
static int take_option(struct args *a, size_t option, const char *glued, int argc, char *const *argv, int *at, struct err *reterr)
{
	const struct args_option *o = &a->options[option];
	const char *value = glued;

	if (a->values[option] && !o->several)
		return err_set(reterr, ERR_INVALID, "--%s is given twice", o->name);
	if (!o->value) {
		if (glued)
			return err_set(reterr, ERR_INVALID, "--%s takes no value", o->name);
		value = "";
	} else if (!value) {
		if (*at + 1 >= argc)
			return err_set(reterr, ERR_INVALID, "--%s needs a value: --%s %s", o->name, o->name, o->value);
		value = argv[++*at];
	}
	if (!a->values[option]) {
		a->values[option] = value;
		return 0;
	}
	if (a->n_more == ARGS_MORE_MAX)
		return err_set(reterr, ERR_INVALID, "--%s is given too often", o->name);
	a->more[a->n_more].option = option;
	a->more[a->n_more++].value = value;
	return 0;
}

static int take_long(struct args *a, int argc, char *const *argv, int *at, struct err *reterr)
{
	const char *name = argv[*at] + 2, *equals = strchr(name, '=');
	size_t len = equals ? (size_t)(equals - name) : strlen(name);
	size_t option = find_name(a, name, len);

	if (option == NONE)
		return unknown_option(a, name, len, reterr);
	return take_option(a, option, equals ? equals + 1 : NULL, argc, argv, at, reterr);
}

static int take_short(struct args *a, int argc, char *const *argv, int *at, struct err *reterr)
{
	const char *word = argv[*at];
	size_t option = find_letter(a, word[1]);

	if (option == NONE)
		return err_set(reterr, ERR_INVALID, "unknown option %s", word);
	return take_option(a, option, word[2] ? word + 2 : NULL, argc, argv, at, reterr);
}

int args_parse(const struct args_option *options, size_t n_options, int argc, char *const *argv, struct args *ret, struct err *reterr)
{
	bool ended = false;

	assert(n_options <= ARGS_OPTIONS_MAX);
	*ret = (struct args){ .options = options, .n_options = n_options };
	for (int i = 0; i < argc; i++) {
		const char *word = argv[i];
		int r = 0;
		if (!ended && strcmp(word, "--") == 0)
			ended = true;
		else if (!ended && word[0] == '-' && word[1] == '-')
			r = take_long(ret, argc, argv, &i, reterr);
		else if (!ended && word[0] == '-' && word[1])
			r = take_short(ret, argc, argv, &i, reterr);
		else if (ret->n_words == ARGS_WORDS_MAX)
			r = err_set(reterr, ERR_INVALID, "more than %d arguments", ARGS_WORDS_MAX);
		else
			ret->words[ret->n_words++] = word;
		if (r) {
			bool known = word[0] == '-' && word[1] == '-' ? find_name(ret, word + 2, strcspn(word + 2, "=")) != NONE : find_letter(ret, word[1]) != NONE;
			if (word[0] == '-' && !known) {
				ret->unknown = word;
				ret->behind = i + 1 < argc ? argv[i + 1] : NULL;
			}
			return -1;
		}
	}
	return 0;
}

const char *args_value(const struct args *a, const char *name)
{
	size_t option = find_name(a, name, strlen(name));

	assert(option != NONE);
	return a->values[option];
}

const char *args_value_at(const struct args *a, const char *name, size_t i)
{
	size_t option = find_name(a, name, strlen(name));

	assert(option != NONE);
	if (i == 0)
		return a->values[option];
	for (size_t k = 0; k < a->n_more; k++)
		if (a->more[k].option == option && --i == 0)
			return a->more[k].value;
	return NULL;
}

bool args_flag(const struct args *a, const char *name)
{
	return args_value(a, name) != NULL;
}
