#include "gateway/config/loader.h"

#include <string.h>

/* Builds our own tree from libyaml's events instead of its document tree: so that depth and size are bounded while reading, and anchors and aliases,
 * which make small files large and trees circular, are refused where they stand. */
struct composer {
	struct loader       *l;
	const struct source *source;
	struct node         *stack[CONFIG_DEPTH_MAX];
	size_t               cap[CONFIG_DEPTH_MAX];  /* of the open node's items */
	size_t               filled[CONFIG_DEPTH_MAX]; /* items, keys and values counted alike */
	size_t               depth;
	size_t               nodes;
	struct node         *root;
};

static void close_node(struct composer *c)
{
	struct node *n = c->stack[c->depth - 1];

	n->n = n->type == NODE_MAP ? c->filled[c->depth - 1] / 2 : c->filled[c->depth - 1];
	c->depth--;
}

/* 0, or -1: said why. */
static int put_node(struct composer *c, enum node_type type, yaml_mark_t mark, const char *text, size_t len, bool quoted)
{
	struct loader *l = c->l;
	int line = (int)mark.line + 1, column = (int)mark.column + 1;

	if (++c->nodes > CONFIG_NODES_MAX) {
		find_at(l, FINDING_ERROR, c->source, line, column, "more than %u values in one file: split it", CONFIG_NODES_MAX);
		return -1;
	}
	struct node *n = arena_take(&l->scratch, 1, sizeof *n);
	*n = (struct node){ .type = type, .quoted = quoted, .line = line, .column = column, .source = c->source };
	if (text) {
		if (memchr(text, '\0', len)) {
			find_at(l, FINDING_ERROR, c->source, line, column, "a NUL character in a text");
			return -1;
		}
		n->text = arena_text(&l->scratch, text, len);
	}
	if (c->depth == 0) {
		c->root = n;
	} else {
		struct node *up = c->stack[c->depth - 1];
		size_t *filled = &c->filled[c->depth - 1];
		up->items = arena_grow(&l->scratch, up->items, *filled, &c->cap[c->depth - 1], sizeof *up->items);
		up->items[(*filled)++] = n;
	}
	if (type != NODE_SCALAR) {
		if (c->depth == CONFIG_DEPTH_MAX) {
			find_at(l, FINDING_ERROR, c->source, line, column, "nested more than %d deep", CONFIG_DEPTH_MAX);
			return -1;
		}
		c->stack[c->depth] = n;
		c->cap[c->depth] = 0;
		c->filled[c->depth] = 0;
		c->depth++;
	}
	return 0;
}

static int refuse(struct composer *c, yaml_mark_t mark, const char *what)
{
	find_at(c->l, FINDING_ERROR, c->source, (int)mark.line + 1, (int)mark.column + 1, "%s", what);
	return -1;
}

static int take_event(struct composer *c, const yaml_event_t *e, bool *ret_end)
{
	static const char anchor[] = "anchors and aliases (&, *) are not used here: write it out";
	static const char tag[] = "tags (!) are not used here";

	switch (e->type) {
	case YAML_ALIAS_EVENT:
		return refuse(c, e->start_mark, anchor);
	case YAML_SCALAR_EVENT:
		if (e->data.scalar.anchor)
			return refuse(c, e->start_mark, anchor);
		if (e->data.scalar.tag)
			return refuse(c, e->start_mark, tag);
		return put_node(c, NODE_SCALAR, e->start_mark, (const char *)e->data.scalar.value, e->data.scalar.length,
		                e->data.scalar.style != YAML_PLAIN_SCALAR_STYLE);
	case YAML_SEQUENCE_START_EVENT:
		if (e->data.sequence_start.anchor)
			return refuse(c, e->start_mark, anchor);
		if (e->data.sequence_start.tag)
			return refuse(c, e->start_mark, tag);
		return put_node(c, NODE_LIST, e->start_mark, NULL, 0, false);
	case YAML_MAPPING_START_EVENT:
		if (e->data.mapping_start.anchor)
			return refuse(c, e->start_mark, anchor);
		if (e->data.mapping_start.tag)
			return refuse(c, e->start_mark, tag);
		return put_node(c, NODE_MAP, e->start_mark, NULL, 0, false);
	case YAML_SEQUENCE_END_EVENT:
	case YAML_MAPPING_END_EVENT:
		close_node(c);
		return 0;
	case YAML_DOCUMENT_START_EVENT:
		return c->root ? refuse(c, e->start_mark, "a second document: one file is one document") : 0;
	case YAML_STREAM_END_EVENT:
		*ret_end = true;
		return 0;
	case YAML_NO_EVENT:
	case YAML_STREAM_START_EVENT:
	case YAML_DOCUMENT_END_EVENT:
		return 0;
	}
	return 0;
}

/* A tab among the blanks that a line begins with, in the lines where libyaml gave up: it has five ways to complain of one, none of which says so. */
static bool find_tab(const char *text, size_t len, size_t from, size_t to, size_t *ret_line, size_t *ret_column)
{
	size_t line = 0;

	for (size_t i = 0; i < len && line <= to; line++) {
		size_t column = 0;
		while (i + column < len && text[i + column] == ' ')
			column++;
		if (line >= from && i + column < len && text[i + column] == '\t') {
			*ret_line = line;
			*ret_column = column;
			return true;
		}
		const char *end = memchr(text + i, '\n', len - i);
		i = end ? (size_t)(end - text) + 1 : len;
	}
	return false;
}

/* libyaml gives some errors a mark and others an offset in bytes. */
static void say_parse_error(struct composer *c, const yaml_parser_t *p, const char *text, size_t len)
{
	/* A quote that is never closed is found at the end of the file; where it opened helps more. */
	bool unclosed = p->problem && p->context && strstr(p->problem, "end of stream");
	yaml_mark_t mark = unclosed ? p->context_mark : p->problem_mark;
	int line = (int)mark.line + 1, column = (int)mark.column + 1;
	const char *problem = p->problem ? p->problem : "not YAML";
	size_t from = p->context && p->context_mark.line < p->problem_mark.line ? p->context_mark.line : p->problem_mark.line, tab_line, tab_column;

	if (p->error != YAML_READER_ERROR && find_tab(text, len, from, p->problem_mark.line, &tab_line, &tab_column)) {
		find_at(c->l, FINDING_ERROR, c->source, (int)tab_line + 1, (int)tab_column + 1, "a tab in the indentation: YAML takes spaces only, two a step");
		return;
	}
	if (p->error == YAML_READER_ERROR) {
		line = column = 1;
		for (size_t i = 0; i < p->problem_offset && i < len; i++) {
			column = text[i] == '\n' ? 1 : column + (((unsigned char)text[i] & 0xC0) != 0x80);
			line += text[i] == '\n';
		}
	}
	find_at(c->l, FINDING_ERROR, c->source, line, column, "not YAML: %s%s%s", problem, p->context ? ", " : "", p->context ? p->context : "");
}

static struct node *compose(struct loader *l, const struct source *source, const char *text, size_t len)
{
	struct composer c = { .l = l, .source = source };
	bool end = false, bad = false;

	if (!yaml_parser_initialize(&l->live.parser))
		longjmp(l->oom, 1);
	l->live.yaml = true;
	yaml_parser_set_encoding(&l->live.parser, YAML_UTF8_ENCODING);
	yaml_parser_set_input_string(&l->live.parser, (const unsigned char *)text, len);
	while (!end && !bad) {
		if (!yaml_parser_parse(&l->live.parser, &l->live.ev)) {
			if (l->live.parser.error == YAML_MEMORY_ERROR)
				longjmp(l->oom, 1);
			say_parse_error(&c, &l->live.parser, text, len);
			bad = true;
			break;
		}
		l->live.event = true;
		bad = take_event(&c, &l->live.ev, &end) < 0;
		yaml_event_delete(&l->live.ev);
		l->live.event = false;
	}
	yaml_parser_delete(&l->live.parser);
	l->live.yaml = false;
	if (bad)
		return NULL;
	if (!c.root) {
		find_at(l, FINDING_ERROR, source, 1, 1, "the file is empty");
		return NULL;
	}
	return c.root;
}

const struct node *yaml_read(struct loader *l, const char *shown, const struct node *at)
{
	for (size_t i = 0; i < l->n_files; i++)
		if (strcmp(l->files[i].source->shown, shown) == 0)
			return l->files[i].root;
	const struct source *source = source_new(l, shown);
	size_t index = l->n_files, len;
	*ARENA_PUSH(&l->scratch, l->files, l->n_files, l->cap_files) = (struct read_file){ .source = source };
	const char *text = source_read(l, source, at, &len);
	if (!text)
		return NULL;
	l->files[index].root = compose(l, source, text, len);
	return l->files[index].root;
}
