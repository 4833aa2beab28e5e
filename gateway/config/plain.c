#include "gateway/config/plain.h"

#include "gateway/config/cells.h"
#include "gateway/config/url.h"

#include <string.h>

/* What one parser of the config needs around it: it reports by findings, and its memory is a loader's. */
struct work {
	struct plain_line *line;      /* or */
	uint8_t           *fc;
	uint16_t          *address;
};

static int parse(struct loader *l, const struct node *at, const struct work *w)
{
	struct bus_config bus = { .name = "" };

	if (!w->line)
		return cell_register(l, at, "register", w->fc, w->address);
	if (url_bus(l, at, &bus) < 0)
		return -1;
	snprintf(w->line->host, sizeof w->line->host, "%s", bus.host);
	snprintf(w->line->path, sizeof w->line->path, "%s", bus.path);
	bus.host = w->line->host;
	bus.path = w->line->path;
	w->line->bus = bus;
	return 0;
}

static int with_loader(const char *text, const struct work *w, struct err *reterr)
{
	static const struct source nowhere = { .shown = "", .dir = "" };
	const struct node at = { .type = NODE_SCALAR, .source = &nowhere, .text = text };
	struct loader *l = loader_new();
	volatile int r = -1; /* outlives the longjmp */

	if (!l)
		return err_set(reterr, ERR_NO_MEMORY, "no memory");
	if (setjmp(l->oom) == 0) {
		r = parse(l, &at, w);
		if (r < 0)
			err_set(reterr, ERR_INVALID, "%s", l->n_found ? l->found[0].f.text : text);
	} else {
		err_set(reterr, ERR_NO_MEMORY, "no memory");
	}
	arena_done(&l->keep);
	loader_free(l);
	return r;
}

int plain_line(const char *text, struct plain_line *ret, struct err *reterr)
{
	return with_loader(text, &(struct work){ .line = ret }, reterr);
}

int plain_register(const char *text, uint8_t *fc, uint16_t *ret_address, struct err *reterr)
{
	return with_loader(text, &(struct work){ .fc = fc, .address = ret_address }, reterr);
}
