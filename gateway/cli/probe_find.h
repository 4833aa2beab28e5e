/* probe_find: which registers of a device can be read, by reading blocks and cutting those that are refused in half. Pure but for the callback. */
#ifndef FIREGW_GATEWAY_CLI_PROBE_FIND_H
#define FIREGW_GATEWAY_CLI_PROBE_FIND_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum probe_found {
	PROBE_FOUND_ALL,      /* the block can be read */
	PROBE_FOUND_REFUSED,  /* not all of it: cut it */
	PROBE_FOUND_FUNCTION, /* the device does not know the function: nothing more to be found */
	PROBE_FOUND_SILENT,   /* no answer */
	PROBE_FOUND_STOP,     /* the line is gone, or Ctrl-C */
};

struct probe_range { uint16_t first, last; };
struct probe_find {
	/* Reads `count` registers from `address` on. */
	enum probe_found  (*read)(void *user, uint16_t address, uint16_t count);
	void               *user;
	struct probe_range *ranges;    /* ascending and apart; free */
	size_t              n, cap;
	uint32_t            silent;    /* blocks without an answer */
	bool                answered;  /* anything at all */
	bool                no_function, stopped, gave_up, failed; /* failed: no memory */
};

#define PROBE_FIND_SILENT_MAX 3 /* in a row: the unit has gone, or never was, or does not answer what it does not know */

/* `count` registers (1 … 65536) from `first` on, `block` at a time; read and user are set, all else is zero. */
void probe_find(struct probe_find *f, uint16_t first, uint32_t count, uint16_t block);

#endif
