#include "drivers/modbus/plan.h"

/* Decimals that stand apart come first, then by address, so that requests are runs of the array. */
static int compare_spans(const struct plan_span *x, const struct plan_span *y)
{
	if (x->apart != y->apart)
		return x->apart ? -1 : 1;
	if (x->address != y->address)
		return x->address < y->address ? -1 : 1;
	if (x->count != y->count)
		return x->count < y->count ? -1 : 1;
	if (x->item != y->item)
		return x->item < y->item ? -1 : 1;
	return (int)x->decimals - (int)y->decimals;
}

/* Shell's sort: in place, where the library's qsort may take memory, and plans are also made while running. */
static void sort_spans(struct plan_span *spans, size_t n)
{
	static const size_t gaps[] = { 1750, 701, 301, 132, 57, 23, 10, 4, 1 };

	for (size_t k = 0; k < sizeof gaps / sizeof *gaps; k++) {
		for (size_t i = gaps[k]; i < n; i++) {
			struct plan_span s = spans[i];
			size_t j = i;

			for (; j >= gaps[k] && compare_spans(&spans[j - gaps[k]], &s) > 0; j -= gaps[k])
				spans[j] = spans[j - gaps[k]];
			spans[j] = s;
		}
	}
}

static bool cut_between(const struct plan_cut *cuts, size_t n, uint32_t device, uint8_t fc, uint32_t first, uint32_t last)
{
	for (size_t i = 0; i < n; i++)
		if (cuts[i].device == device && cuts[i].fc == fc && cuts[i].address > first && cuts[i].address <= last)
			return true;
	return false;
}

static size_t merge(const struct plan_span *spans, size_t n_spans, const struct plan_limits *limits, uint32_t device, uint8_t fc,
                    const struct plan_cut *cuts, size_t n_cuts, struct plan_request *ret)
{
	size_t n = 0;

	for (size_t i = 0; i < n_spans; i++) {
		const struct plan_span *s = &spans[i];
		struct plan_request *r = n ? &ret[n - 1] : NULL;
		uint32_t end = (uint32_t)s->address + s->count;

		if (r && r->decimals_only == s->apart) {
			uint32_t r_end = (uint32_t)r->address + r->count;
			uint32_t new_end = end > r_end ? end : r_end;

			/* A span that overlaps the block cannot be cut from it, as the cut would go through a value: no cut is found then. */
			if (new_end - r->address <= limits->max_count && s->address <= r_end + limits->max_gap &&
			    !cut_between(cuts, n_cuts, device, fc, r_end - 1, s->address)) {
				r->count = (uint16_t)(new_end - r->address);
				r->n++;
				continue;
			}
		}
		ret[n++] = (struct plan_request){ .address = s->address, .count = s->count, .first = (uint32_t)i, .n = 1, .decimals_only = s->apart };
	}
	return n;
}

/* Moves decimals out of requests that do not also hold their value. True if any was moved: then the rest must be merged anew, as a gap may have opened. */
static bool move_apart(struct plan_span *spans, const struct plan_request *requests, size_t n, uint32_t *request_of_item)
{
	bool moved = false;

	for (size_t r = 0; r < n; r++)
		for (uint32_t i = requests[r].first; i < requests[r].first + requests[r].n; i++)
			if (!spans[i].decimals)
				request_of_item[spans[i].item] = (uint32_t)r;
	for (size_t r = 0; r < n; r++) {
		for (uint32_t i = requests[r].first; i < requests[r].first + requests[r].n; i++) {
			if (spans[i].decimals && !spans[i].apart && request_of_item[spans[i].item] != r) {
				spans[i].apart = true;
				moved = true;
			}
		}
	}
	return moved;
}

size_t plan_build(struct plan_span *spans, size_t n_spans, const struct plan_limits *limits, uint32_t device, uint8_t fc,
                  const struct plan_cut *cuts, size_t n_cuts, uint32_t *scratch, struct plan_request *ret)
{
	size_t n;

	for (size_t i = 0; i < n_spans; i++)
		spans[i].apart = false;
	/* Ends: each further round has moved at least one span apart, and none comes back. */
	do {
		sort_spans(spans, n_spans);
		n = merge(spans, n_spans, limits, device, fc, cuts, n_cuts, ret);
	} while (move_apart(spans, ret, n, scratch));
	return n;
}

int plan_cut_at(const struct plan_request *rq, const struct plan_span *spans, uint16_t *ret_address)
{
	uint32_t end = (uint32_t)spans[rq->first].address + spans[rq->first].count;
	uint32_t middle = rq->address + rq->count / 2u;
	uint32_t best = 0, best_gap = 0, best_distance = UINT32_MAX;

	for (uint32_t i = rq->first + 1; i < rq->first + rq->n; i++) {
		uint32_t start = spans[i].address;

		if (start >= end) {
			uint32_t gap = start - end;
			uint32_t distance = start > middle ? start - middle : middle - start;

			if (best == 0 || gap > best_gap || (gap == best_gap && distance < best_distance)) {
				best = start;
				best_gap = gap;
				best_distance = distance;
			}
		}
		uint32_t span_end = start + spans[i].count;
		if (span_end > end)
			end = span_end;
	}
	if (best == 0)
		return -1;
	*ret_address = (uint16_t)best;
	return 0;
}

int64_t plan_next_due(int64_t now_ns, int64_t every_ns, uint64_t key)
{
	/* splitmix64's finalizer: neighbouring keys give phases far apart. */
	uint64_t z = key + UINT64_C(0x9e3779b97f4a7c15);
	z = (z ^ (z >> 30)) * UINT64_C(0xbf58476d1ce4e5b9);
	z = (z ^ (z >> 27)) * UINT64_C(0x94d049bb133111eb);
	z ^= z >> 31;

	int64_t phase = (int64_t)(z % (uint64_t)every_ns);
	int64_t since = (now_ns - phase) % every_ns;
	if (since < 0)
		since += every_ns;
	return now_ns - since + every_ns;
}
