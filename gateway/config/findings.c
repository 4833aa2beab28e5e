#include "gateway/config/loader.h"

#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#define FINDING_TEXT_MAX 1000

struct findings_memory {
	struct arena arena;
};

static size_t file_order(struct loader *l, const struct source *s)
{
	for (size_t i = 0; i < l->n_files; i++)
		if (l->files[i].source == s)
			return i;
	return l->n_files;
}

__attribute__((format(printf, 6, 0)))
static void add(struct loader *l, enum finding_severity severity, const struct source *s, int line, int column, const char *fmt, va_list args)
{
	char text[FINDING_TEXT_MAX];

	if (l->n_found >= CONFIG_FINDINGS_MAX) {
		l->errors += severity == FINDING_ERROR;
		l->dropped++;
		return;
	}
	int n = vsnprintf(text, sizeof text, fmt, args);
	if (n >= (int)sizeof text) {
		size_t cut = sizeof text - 1;
		while (cut > 0 && ((unsigned char)text[cut - 1] & 0xC0) == 0x80)
			cut--;
		text[cut ? cut - 1 : 0] = '\0';
	}
	for (char *p = text; *p; p++) /* one finding is one line */
		if ((unsigned char)*p < 0x20 || *p == 0x7F)
			*p = '?';
	for (size_t i = 0; i < l->n_found; i++) { /* a profile of many devices says the same many times */
		const struct raw_finding *r = &l->found[i];
		if (r->f.line == line && r->f.column == column && r->f.file == s->shown && strcmp(r->f.text, text) == 0)
			return;
	}
	if (severity == FINDING_ERROR)
		l->errors++;
	struct raw_finding *f = ARENA_PUSH(&l->scratch, l->found, l->n_found, l->cap_found);
	*f = (struct raw_finding){
		.f = { .file = s->shown, .line = line, .column = column, .severity = severity, .text = arena_copy(&l->scratch, text) },
		.order = file_order(l, s),
	};
}

void find_at(struct loader *l, enum finding_severity severity, const struct source *s, int line, int column, const char *fmt, ...)
{
	va_list args;

	va_start(args, fmt);
	add(l, severity, s, line, column, fmt, args);
	va_end(args);
}

void find_error(struct loader *l, const struct node *at, const char *fmt, ...)
{
	va_list args;

	va_start(args, fmt);
	add(l, FINDING_ERROR, at->source, at->line, at->column, fmt, args);
	va_end(args);
}

void find_warning(struct loader *l, const struct node *at, const char *fmt, ...)
{
	va_list args;

	va_start(args, fmt);
	add(l, FINDING_WARNING, at->source, at->line, at->column, fmt, args);
	va_end(args);
}

static int by_place(const void *a, const void *b)
{
	const struct raw_finding *x = a, *y = b;

	if (x->order != y->order)
		return x->order < y->order ? -1 : 1;
	if (x->f.line != y->f.line)
		return x->f.line < y->f.line ? -1 : 1;
	if (x->f.column != y->f.column)
		return x->f.column < y->f.column ? -1 : 1;
	if (x->f.severity != y->f.severity)
		return x->f.severity > y->f.severity ? -1 : 1;
	return strcmp(x->f.text, y->f.text);
}

void findings_finish(struct loader *l, struct findings *ret)
{
	struct findings_memory *m = calloc(1, sizeof *m);

	*ret = (struct findings){ 0 };
	if (!m)
		longjmp(l->oom, 1);
	ret->memory = m;
	m->arena.oom = &l->oom;
	if (l->n_found)
		qsort(l->found, l->n_found, sizeof *l->found, by_place);
	ret->items = arena_take(&m->arena, l->n_found + 1, sizeof *ret->items);
	for (size_t i = 0; i < l->n_found; i++) {
		const struct raw_finding *r = &l->found[i];
		struct finding *f = &ret->items[ret->n++];
		*f = r->f;
		f->text = arena_copy(&m->arena, r->f.text);
		f->file = ret->n > 1 && strcmp(f[-1].file, r->f.file) == 0 ? f[-1].file : arena_copy(&m->arena, r->f.file);
		if (f->severity == FINDING_ERROR)
			ret->errors++;
		else
			ret->warnings++;
	}
	if (l->dropped && ret->n) {
		struct finding *f = &ret->items[ret->n];
		*f = ret->items[ret->n - 1];
		f->severity = l->errors ? FINDING_ERROR : FINDING_WARNING;
		f->text = arena_printf(&m->arena, "%zu more finding%s not shown: mend these first", l->dropped, l->dropped == 1 ? " is" : "s are");
		*(l->errors ? &ret->errors : &ret->warnings) += 1;
		ret->n++;
	}
	m->arena.oom = NULL;
}

void findings_no_memory(struct findings *ret)
{
	static const struct finding only = { .file = "", .severity = FINDING_ERROR, .text = "no memory to load the config" };

	findings_done(ret);
	ret->items = malloc(sizeof *ret->items);
	ret->errors = 1;
	if (ret->items) {
		*ret->items = only;
		ret->n = 1;
	}
}

void findings_done(struct findings *f)
{
	if (f->memory) {
		struct findings_memory *m = f->memory;
		arena_done(&m->arena);
		free(m);
	} else {
		free(f->items);
	}
	*f = (struct findings){ 0 };
}

void findings_print(const struct findings *f, FILE *out)
{
	for (size_t i = 0; i < f->n; i++) {
		const struct finding *x = &f->items[i];
		const char *severity = x->severity == FINDING_ERROR ? "error" : "warning";
		if (x->line > 0)
			fprintf(out, "%s:%d:%d: %s: %s\n", x->file, x->line, x->column, severity, x->text);
		else
			fprintf(out, "%s%s%s: %s\n", x->file, *x->file ? ": " : "", severity, x->text);
	}
}
