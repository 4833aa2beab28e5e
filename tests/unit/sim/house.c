#include "tests/unit/sim/house.h"

#include "drivers/modbus/decode.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

struct config *house_config(const char *path)
{
	struct findings f;
	struct config *c;

	if (config_load(path, &c, &f) < 0) {
		findings_print(&f, stderr);
		fail();
	}
	findings_done(&f);
	return c;
}

uint32_t house_point(const struct world *w, const char *id)
{
	for (uint32_t i = 0; i < w->config->site.n_points; i++)
		if (strcmp(w->config->site.points[i].id, id) == 0)
			return i;
	fail_msg("no point %s", id);
	return 0;
}

double house_read(const struct world *w, const char *id)
{
	return house_read_at(w, house_point(w, id));
}

double house_read_at(const struct world *w, uint32_t point)
{
	const struct bank_cell *cell = &w->bank.cells[point];
	uint16_t bit = cell->bit ? *cell->bit : 0;
	char text[VALUE_TEXT_MAX];
	struct value v;

	(void)decode_value(cell->point, cell->bit ? &bit : cell->words, cell->decimals ? *cell->decimals : 0, text, &v);
	return v.number;
}
