#include "gateway/config/bind.h"
#include "gateway/config/loader.h"

#include <malloc.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

struct root_fields { struct field site, storage, hubs, web, control, log, buses, rules; };

static const struct bind_key root_keys[] = {
	{ "site", NULL, BIND_MAP, BIND_REQUIRED, offsetof(struct root_fields, site) },
	{ "storage", NULL, BIND_MAP, 0, offsetof(struct root_fields, storage) },
	{ "hubs", NULL, BIND_LIST, 0, offsetof(struct root_fields, hubs) },
	{ "web", NULL, BIND_INACTIVE, 0, offsetof(struct root_fields, web) },
	{ "control", NULL, BIND_MAP, 0, offsetof(struct root_fields, control) },
	{ "log", NULL, BIND_MAP, 0, offsetof(struct root_fields, log) },
	{ "buses", NULL, BIND_LIST, BIND_REQUIRED, offsetof(struct root_fields, buses) },
	{ "rules", NULL, BIND_LIST, 0, offsetof(struct root_fields, rules) },
};

/* What is left open when memory ran out in the middle of a file, and all that the findings and the trees took. */
void loader_free(struct loader *l)
{
	if (!l)
		return;
	if (l->live.event)
		yaml_event_delete(&l->live.ev);
	if (l->live.yaml)
		yaml_parser_delete(&l->live.parser);
	if (l->live.csv)
		csv_free(&l->live.table);
	if (l->live.conv != (iconv_t)-1)
		iconv_close(l->live.conv);
	if (l->live.fd >= 0)
		close(l->live.fd);
	free(l->live.raw);
	driver_shared_free(l->live.drivers);
	strmap_done(&l->map);
	strmap_done(&l->points_by_id);
	arena_done(&l->scratch);
	free(l);
}

struct loader *loader_new(void)
{
	struct loader *l = calloc(1, sizeof *l);

	if (!l)
		return NULL;
	l->keep.oom = l->scratch.oom = &l->oom;
	l->live.conv = (iconv_t)-1;
	l->live.fd = -1;
	return l;
}

static void load_all(struct loader *l, const char *path)
{
	struct root_fields f;
	struct config *c = l->c;

	l->root = yaml_read(l, path, NULL);
	if (!l->root)
		return;
	const struct node empty_map = { .type = NODE_MAP, .source = l->root->source, .line = l->root->line, .column = l->root->column };
	const struct node empty_list = { .type = NODE_LIST, .source = l->root->source, .line = l->root->line, .column = l->root->column };
	bind_map(l, l->root, root_keys, sizeof root_keys / sizeof *root_keys, &f, "the site file");
	if (l->root->type != NODE_MAP)
		return;
	if (f.site.at)
		load_site(l, f.site.at);
	else
		load_no_site(l);
	load_storage(l, f.storage.at ? f.storage.at : &empty_map);
	load_rest(l, f.web.at, f.control.at ? f.control.at : &empty_map, f.log.at ? f.log.at : &empty_map);
	load_hubs(l, f.hubs.at ? f.hubs.at : &empty_list);
	if (f.buses.at)
		load_buses(l, f.buses.at);
	load_rules(l, f.rules.at ? f.rules.at : &empty_list);
	if (f.buses.at) {
		check_registers(l);
		check_lines(l);
		if (l->n_buildings)
			check_rules(l);
	}
	if (l->errors == 0) {
		check_cover(l);
		check_doubles(l);
		check_parts(l);
	}
	c->file = arena_copy(&l->keep, path);
}

static int run(struct loader *l, const char *path, struct config **ret, struct findings *ret_findings)
{
	char cwd[4096];

	l->cwd = arena_copy(&l->scratch, getcwd(cwd, sizeof cwd) ? cwd : "/");
	l->c = arena_take(&l->keep, 1, sizeof *l->c);
	load_all(l, path);
	if (l->errors == 0 && config_hash(l->c, l->c->hash) < 0)
		longjmp(l->oom, 1);
	findings_finish(l, ret_findings);
	if (ret_findings->errors)
		return -1;
	*ret = l->c;
	return 0;
}

int config_load(const char *path, struct config **ret, struct findings *ret_findings)
{
	return config_load_with_rules(path, NULL, 0, ret, ret_findings);
}

int config_load_with_rules(const char *path, const char *const *rules_files, size_t n, struct config **ret, struct findings *ret_findings)
{
	struct loader *l = loader_new();
	volatile int r = -1; /* outlives the longjmp */

	*ret = NULL;
	*ret_findings = (struct findings){ 0 };
	if (!l) {
		findings_no_memory(ret_findings);
		return -1;
	}
	l->rules_files = rules_files;
	l->n_rules_files = n;
	/* Without memory there is nothing to decide on the way back: every piece comes from the two arenas, and what libraries hold is noted in `live`. */
	if (setjmp(l->oom) == 0)
		r = run(l, path, ret, ret_findings);
	else
		findings_no_memory(ret_findings);
	if (*ret)
		(*ret)->memory = l->keep.blocks;
	else
		arena_done(&l->keep);
	loader_free(l);
	malloc_trim(0); /* the trees are several times the config: give their pages back */
	return r;
}

void config_free(struct config *c)
{
	if (!c)
		return;
	struct arena keep = { .blocks = c->memory };
	arena_done(&keep);
}

int config_reloadable(const struct config *old, const struct config *new_, struct err *reterr)
{
	const struct { const char *what, *a, *b; } same[] = {
		{ "site.gateway", old->site.gateway, new_->site.gateway },
		{ "site.region", old->region, new_->region },
		{ "site.timezone", old->timezone, new_->timezone },
		{ "storage.path", old->db_path, new_->db_path },
		{ "control.socket", old->control_socket, new_->control_socket },
	};

	for (size_t i = 0; i < sizeof same / sizeof *same; i++)
		if (strcmp(same[i].a, same[i].b) != 0)
			return err_set(reterr, ERR_REFUSED, "%s changed from '%s' to '%s': that needs a restart", same[i].what, same[i].a, same[i].b);
	return 0;
}
