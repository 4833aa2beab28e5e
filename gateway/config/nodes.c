/* A node's index stands in batches, messages and hubs' states that outlive a config: it stays the same over every reload. A node that is gone keeps its place too, so that what
 * is still to be sent and cleared there finds its way; at the next start those without a kept event are forgotten. */
#include "gateway/config/arena.h"
#include "gateway/config/config.h"

#include <setjmp.h>
#include <string.h>

#define NODES_MAX 4096 /* with those that are gone */

static uint32_t find(const char *const *nodes, size_t n, const char *name)
{
	for (uint32_t i = 0; i < n; i++)
		if (strcmp(nodes[i], name) == 0)
			return i;
	return UINT32_MAX;
}

/* The prefix of a node beside the gateway's own, from which it differs in the last part only. */
static const char *prefix_of(const struct config *c, struct arena *a, const char *name)
{
	size_t region = strlen(c->prefixes[0]) - strlen(c->site.nodes[0]);

	return arena_printf(a, "%.*s%s", (int)region, c->prefixes[0], name);
}

/* The config's memory is its own: what is const towards others is written here, before anyone has it. */
static void renumber(struct config *c, const uint32_t *map)
{
	struct point *points = (struct point *)(uintptr_t)c->site.points;
	struct site_building *buildings = (struct site_building *)(uintptr_t)c->site.buildings;

	for (size_t i = 0; i < c->site.n_points; i++)
		points[i].node = map[points[i].node];
	for (size_t i = 0; i < c->site.n_buildings; i++)
		buildings[i].node = map[buildings[i].node];
}

static size_t place(struct config *c, struct arena *a, const char *const *first, size_t n_first)
{
	size_t n = 0, most = n_first + c->site.n_nodes;
	const char **nodes = arena_take(a, most, sizeof *nodes), **prefixes = arena_take(a, most, sizeof *prefixes);
	uint32_t *map = arena_take(a, c->site.n_nodes, sizeof *map);

	for (; n < n_first; n++)
		nodes[n] = arena_copy(a, first[n]);
	for (size_t i = 0; i < c->site.n_nodes; i++) {
		map[i] = find(nodes, n, c->site.nodes[i]);
		if (map[i] == UINT32_MAX) {
			map[i] = (uint32_t)n;
			nodes[n++] = c->site.nodes[i];
		}
	}
	if (n > NODES_MAX)
		return n;
	for (size_t i = 0; i < n; i++)
		prefixes[i] = prefix_of(c, a, nodes[i]);
	renumber(c, map);
	c->site.nodes = nodes;
	c->prefixes = prefixes;
	c->site.n_nodes = n;
	return n;
}

/* 0: no memory. */
static size_t try_place(struct config *c, struct arena *a, const char *const *first, size_t n_first)
{
	jmp_buf oom;

	a->oom = &oom;
	return setjmp(oom) == 0 ? place(c, a, first, n_first) : 0;
}

int config_place_nodes(struct config *c, const char *const *first, size_t n_first, struct err *reterr)
{
	struct arena keep = { .blocks = c->memory };
	size_t n = try_place(c, &keep, first, n_first);

	c->memory = keep.blocks;
	if (n == 0)
		return err_set(reterr, ERR_NO_MEMORY, "no memory for %zu nodes", c->site.n_nodes);
	return n <= NODES_MAX ? 0 : err_set(reterr, ERR_REFUSED, "%zu nodes, with those that are gone since the start: that needs a restart", n);
}

bool config_has_node(const struct config *c, uint32_t node)
{
	bool has = node == 0;

	for (size_t i = 0; i < c->site.n_buildings && !has; i++)
		has = c->site.buildings[i].node == node;
	return has;
}
