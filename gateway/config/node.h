/* node: what a file said, as a tree in which everything knows its place. YAML files and CSV tables become the same kind of tree. */
#ifndef FIREGW_GATEWAY_CONFIG_NODE_H
#define FIREGW_GATEWAY_CONFIG_NODE_H

#include <stdbool.h>
#include <stddef.h>

/* A file that was read. */
struct source {
	const char *shown;  /* as the user named it, for findings and for opening */
	const char *dir;    /* its folder, "" or ending with a slash, as shown */
};

enum node_type { NODE_SCALAR, NODE_LIST, NODE_MAP };

struct node {
	enum node_type       type;
	bool                 quoted;  /* a scalar in quotes: an empty one was meant */
	int                  line, column; /* from 1, in characters */
	const struct source *source;
	const char          *text;    /* scalar */
	struct node        **items;   /* list: its items; map: key, value, key, value … */
	size_t               n;       /* items, or pairs */
};

#endif
