/* plan: which registers are read together. Pure: from the wanted spans of one device, function and interval to as few requests as its limits allow. */
#ifndef FIREGW_DRIVERS_MODBUS_PLAN_H
#define FIREGW_DRIVERS_MODBUS_PLAN_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* What is wanted of the device's address space: a value, or the register that says how many decimals a value has. */
struct plan_span {
	uint32_t item;      /* the caller's number of the value, 0 … n_items - 1; a value and its decimals bear the same */
	uint16_t address;
	uint16_t count;     /* registers or bits; 1 … max_count */
	bool     decimals;  /* the decimals register of `item` */
	bool     apart;     /* set by plan_build: decimals that did not fit into their value's request */
};

/* One read. Spans [first, first + n) of the sorted span array lie wholly within it. */
struct plan_request {
	uint16_t address;
	uint16_t count;
	uint32_t first, n;
	bool     decimals_only; /* holds decimals for values of later requests; these come first */
};

/* A place where a request must not reach across: the device refused a block that held both address - 1 and address. */
struct plan_cut {
	uint32_t device;
	uint8_t  fc;
	uint16_t address;
	uint16_t block_first, block_last; /* the refused block */
	bool     proven;    /* a part of that block was answered since */
};

struct plan_limits {
	uint16_t max_count; /* registers or bits a request */
	uint16_t max_gap;   /* unused registers or bits that a request may span */
};

/* Sorts the spans, merges them into requests and returns how many there are (at most n_spans, which `ret` must hold). A value and its decimals are in
 * one request, or the decimals are in a decimals_only request, and these come before all others. `scratch` holds n_items numbers. `cuts` are of any
 * device and function; those of (device, fc) count. Same input, same plan. */
size_t plan_build(struct plan_span *spans, size_t n_spans, const struct plan_limits *limits, uint32_t device, uint8_t fc,
                  const struct plan_cut *cuts, size_t n_cuts, uint32_t *scratch, struct plan_request *ret);

/* Where to cut a request that the device refused: at its widest gap, else next to the middle, never through a span. 0 and the address, or -1 if it
 * cannot be cut (one span, or spans that overlap). */
int plan_cut_at(const struct plan_request *rq, const struct plan_span *spans, uint16_t *ret_address);

/* The moment after `now` at which a poll of this interval is due, so that polls of many lines and groups do not fall on the same millisecond: the
 * grid of `every_ns`, shifted by a phase drawn from `key`. Always within (now, now + every_ns]. */
int64_t plan_next_due(int64_t now_ns, int64_t every_ns, uint64_t key);

#endif
