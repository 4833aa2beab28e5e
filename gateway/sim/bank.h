/* bank: the registers that a site's tables describe, and no others: by server (address and port, or serial line), unit and function. Memory only. */
#ifndef FIREGW_GATEWAY_SIM_BANK_H
#define FIREGW_GATEWAY_SIM_BANK_H

#include "gateway/config/config.h"
#include "gateway/sim/fault.h"

/* Neighbouring registers (function 3, 4) or bits (1, 2). */
struct bank_block {
	uint16_t  address;
	uint32_t  count;
	uint16_t *words;  /* of registers */
	uint8_t  *bits;   /* of bits */
};

#define BANK_FAULTS_MAX 16 /* of one device, and of one line; more than that do nothing */

struct bank_unit {
	uint8_t            unit;
	struct bank_block *blocks[4];  /* by function - 1, sorted by address */
	size_t             n_blocks[4];
	struct fault      *faults[BANK_FAULTS_MAX]; /* borrowed; whoever owns them sets them */
	size_t             n_faults;
};

/* One listener, or one serial line: all units that are reached at one address. */
struct bank_server {
	enum wire_kind    wire;
	const char       *host;       /* what to listen at */
	uint16_t          port;
	const struct bus_config *serial; /* a serial line's, which has no host and port; else NULL */
	struct bank_unit *units;
	size_t            n_units;
	size_t            n_devices, n_points;
	struct fault     *faults[BANK_FAULTS_MAX]; /* of the whole line; borrowed likewise */
	size_t            n_faults;
};

/* Where a point stands. */
struct bank_cell {
	const struct bus_point *point;    /* NULL: its line is not served */
	struct bank_unit       *unit;
	uint16_t               *words;    /* decode_count of them; NULL for a bit */
	uint8_t                *bit;
	uint16_t               *decimals; /* the register decimals_from, or NULL */
	unsigned                n_decimals;
};

struct bank {
	struct bank_server *servers;
	size_t              n_servers;
	struct bank_cell   *cells;    /* by point of the site */
	struct bank_unit  **devices;  /* by device of the site; NULL: not served */
	struct bank_server **buses;   /* by bus of the site; NULL: not served */
	size_t              n_devices, n_left_out; /* buses that are none of Modbus */
	void               *memory;
};

/* listen: where to listen instead of each bus's own loopback address; NULL: there. The config is borrowed until bank_done. ERR_INVALID: no line that
 * could be served, or two lines that cannot be one server; ERR_NO_MEMORY. */
int  bank_init(struct bank *b, const struct config *c, const char *listen, struct err *reterr);
void bank_done(struct bank *b);

/* A unit number that no device of the server has. */
uint8_t            bank_nobody(const struct bank_server *s);
struct bank_unit  *bank_find_unit(const struct bank_server *s, uint8_t unit);
/* The block that has the address, or NULL. */
struct bank_block *bank_find_block(const struct bank_unit *u, uint8_t fc, uint16_t address);

/* At the start, before anything is shown: fewer decimals in the register that the point is scaled by, until `most` fits; then, after all points, what is
 * left for those that share one. */
void bank_make_room(const struct bank *b, uint32_t point, double most);
void bank_share_room(const struct bank *b, size_t n_points);

/* Shows a value, or a text, at a point. A point that is not served is passed over. */
void bank_show(const struct bank *b, uint32_t point, double value);
void bank_show_text(const struct bank *b, uint32_t point, const char *text);
/* After all points of a site were shown: the registers that decimals_from names hold what they must, whatever a point on them shows. */
void bank_settle(const struct bank *b, size_t n_points);

#endif
