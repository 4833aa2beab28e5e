#include "core/site.h"

#include <stddef.h>
#include <string.h>

#define FLOOR_DIGITS_MAX 3 /* no building has 1000 floors */
#define ROOF_RANK 1000

static const char *const class_names[] = { "", "class1-public", "class2-public", "residential", "industrial" };

const char *building_class_name(enum building_class c)
{
	return class_names[c];
}

int building_class_find(const char *word, enum building_class *ret)
{
	for (size_t i = 1; i < sizeof class_names / sizeof class_names[0]; i++) {
		if (strcmp(word, class_names[i]) == 0) {
			*ret = (enum building_class)i;
			return 0;
		}
	}
	return -1;
}

int floor_rank(const char *floor, int *ret)
{
	const char *s = floor;
	int n = 0;

	if (strcmp(s, "R") == 0) {
		*ret = ROOF_RANK;
		return 0;
	}
	if (*s == 'B')
		s++;
	/* There is no floor 0, and "01" would be a second name of 1. */
	if (*s < '1' || *s > '9')
		return -1;
	const char *digits = s;
	for (; *s >= '0' && *s <= '9'; s++) {
		if (s - digits >= FLOOR_DIGITS_MAX)
			return -1;
		n = n * 10 + (*s - '0');
	}
	if (*s != '\0')
		return -1;
	*ret = *floor == 'B' ? -n : n;
	return 0;
}
