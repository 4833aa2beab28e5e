#include "scene.h"

void check_value(struct harness *h, const struct bus_point *p, const struct sample *s)
{
	uint8_t unit = h->devices[p->device].unit;

	if (s->quality != QUALITY_GOOD)
		return;
	if (p->fc <= 2) {
		assert_int_equal(s->value.number, peer_bit(unit, p->address));
		return;
	}
	uint32_t v = (uint32_t)s->value.number;
	assert_int_equal(v >> 16, unit << 8 | (p->address & 0xff));
	/* Not older than the timeout and the tenth of a second that the register resolves; it begins anew after 6,553 s. */
	uint16_t age = (uint16_t)(s->at.mono_ns / (100 * MS) - (v & 0xffff));
	assert_true(age <= 6);
	assert_int_equal(s->at.mono_ns, h->now_ns);
}

void add_unit(struct harness *h, uint8_t unit)
{
	for (uint16_t a = 0; a < 20; a += 2)
		harness_point(h, unit, 3, a, TYPE_U32, S);
	for (uint16_t a = 200; a < 210; a += 2)
		harness_point(h, unit, 3, a, TYPE_U32, S);
	for (uint16_t a = 5; a < 16; a++)
		harness_point(h, unit, 1, a, TYPE_BOOL, S);
	harness_point(h, unit, 4, 40, TYPE_U32, 5 * S);
}

/* What a unit owes is asked for at once when it is back. */
static uint64_t times_back(const struct harness *h, uint32_t device)
{
	uint64_t most = 0;

	for (size_t i = 0; i < h->n_points; i++)
		if (h->points[i].device == device && h->seen[i].back > most)
			most = h->seen[i].back;
	return most;
}

void check_counts(struct harness *h, int64_t lasted_ns)
{
	struct bus_stats s = harness_stats(h);

	for (size_t i = 0; i < h->n_points; i++) {
		const struct bus_point *p = &h->points[i];
		uint64_t due = (uint64_t)(lasted_ns / p->every_ns);

		if (h->seen[i].samples + s.missed + 1 < due || h->seen[i].samples > due + 2 + s.connects + times_back(h, p->device))
			fail_msg("point %zu: %llu samples in %llu intervals (%llu missed, %llu connects)", i, (unsigned long long)h->seen[i].samples,
			         (unsigned long long)due, (unsigned long long)s.missed, (unsigned long long)s.connects);
		for (size_t k = i + 1; k < h->n_points; k++) {
			const struct bus_point *q = &h->points[k];
			int64_t more = (int64_t)(h->seen[i].samples - h->seen[k].samples);

			/* A poll may be under way: then some have theirs already. */
			if (p->device == q->device && p->fc == q->fc && p->every_ns == q->every_ns)
				assert_in_range(more + 1, 0, 2);
		}
	}
}

void check_recovered(struct harness *h, int64_t since_ns)
{
	for (size_t i = 0; i < h->n_points; i++) {
		if (h->seen[i].last.quality != QUALITY_GOOD || h->seen[i].last_good_ns <= since_ns)
			fail_msg("point %zu of unit %u is %d, not good again", i, h->devices[h->points[i].device].unit, h->seen[i].last.quality);
		assert_true(h->now_ns - h->seen[i].last_good_ns <= h->points[i].every_ns + S);
	}
}
