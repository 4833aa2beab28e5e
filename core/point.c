#include "core/point.h"

#include <string.h>

static const char *const quality_names[QUALITY_COUNT] = { "good", "comm", "device", "range", "stale", "never" };

const char *quality_name(enum quality q)
{
	return quality_names[q];
}

int quality_find(const char *word, enum quality *ret)
{
	for (unsigned i = 0; i < QUALITY_COUNT; i++) {
		if (strcmp(word, quality_names[i]) == 0) {
			*ret = (enum quality)i;
			return 0;
		}
	}
	return -1;
}

const char *point_label_text(const struct point *p, double value)
{
	for (size_t i = 0; i < p->n_labels; i++)
		if (p->labels[i].value == value)
			return p->labels[i].text;
	return NULL;
}
