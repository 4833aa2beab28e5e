/* peer: a Modbus server with a fault, on a loopback port (TCP, or RTU frames over TCP) or on a pseudo-terminal (RTU), in the test's own thread and under its virtual time. */
#ifndef FIREGW_TESTS_DRIVERS_PEER_H
#define FIREGW_TESTS_DRIVERS_PEER_H

#include <poll.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum peer_behaviour {
	PEER_GOOD,
	PEER_DEAD,            /* accepts, reads, never answers */
	PEER_DEAD_UNIT,       /* does not answer unit 2 */
	PEER_DEAD_UNIT_CLOSING, /* the same, and closes after each answer of the others */
	PEER_REFUSING,        /* nobody listens */
	PEER_SLOW,            /* answers after 3/5 of the timeout */
	PEER_LATE,            /* answers after 3/2 of the timeout */
	PEER_WRONG_UNIT,
	PEER_WRONG_ID,
	PEER_WRONG_PROTOCOL,
	PEER_WRONG_PROTOCOL_LOW, /* only the second byte of the protocol id */
	PEER_WRONG_FUNCTION,
	PEER_WRONG_BYTE_COUNT,
	PEER_SHORT,           /* fewer registers than asked, all else consistent */
	PEER_HALF_FRAME,
	PEER_TWO_FRAMES,      /* each answer twice, in one piece */
	PEER_DRIPPING,        /* a byte a tenth of the timeout: the timeout ends first */
	PEER_CLOSES_AFTER_REPLY,
	PEER_CLOSES_AT_ONCE,
	PEER_CLOSES_ON_REQUEST,
	PEER_GARBAGE,
	PEER_OVERSIZE,        /* a length that no frame has */
	PEER_FLOOD,           /* endless frames that nobody asked for */
	PEER_EXCEPTION,       /* answers every read with `exception` */
	PEER_BUSY_ONCE,       /* exception 6, then the values */
	PEER_CLOSES_ON_BLOCK, /* closes when asked for a block that touches `hole` */
	PEER_MUTE_BLOCK,      /* does not answer a block that touches `hole` */
	PEER_HOLES,           /* illegal data address for any block that touches `hole` */
	/* RTU */
	PEER_WRONG_CRC,
	PEER_NOISE_BEFORE,    /* a few bytes of noise before each answer */
	PEER_ECHO,            /* the adapter hears itself */
	PEER_FOREIGN,         /* another master asks another unit, and is answered, before each answer */
	PEER_FOREIGN_SAME,    /* the same, and it asks the same unit for as many registers */
	PEER_LATE_ONCE,       /* each second answer comes after 3/2 of the timeout */
	PEER_LATE_UNIT,       /* unit 2 answers after three times the timeout */
	PEER_CHAOS,           /* any of these at any time, as `random` has it; half of the answers are good */
	PEER_LATE_DEAF,       /* as PEER_LATE_ONCE, and does not know other functions: no answer to them */
	PEER_BEHAVIOURS
};

enum peer_wire { PEER_TCP, PEER_RTU_TCP, PEER_PTY };

#define PEER_CONNECTIONS 8
#define PEER_QUEUE 600

/* Something to be written to a connection at a moment. */
struct peer_write {
	int64_t at_ns;
	uint8_t bytes[600];
	size_t  len;
	bool    close_after;
};

struct peer_connection {
	int      fd;
	uint8_t  in[600];
	size_t   in_len;
	struct peer_write queue[PEER_QUEUE]; /* by time; what one unit says stays in order */
	int64_t  said_ns[256];               /* by unit: its last word */
	uint8_t  unit;                       /* that speaks */
	size_t   n_queue;
};

struct peer {
	enum peer_wire      wire;
	enum peer_behaviour behaviour;
	uint8_t             bad_unit;    /* the fault is of this unit alone; 0: of all */
	uint64_t            random;      /* PEER_CHAOS: its state; set it to the seed */
	uint64_t            chaos[PEER_BEHAVIOURS]; /* how often each was chosen */
	int                 exception;
	uint16_t            hole;
	int64_t             timeout_ns;  /* the bus's, as the measure of slow and late */
	uint16_t            port;
	int                 listener;
	char                path[64];    /* PEER_PTY: what the bus opens */
	int                 slave;       /* held open, so that the pair lives while the bus has it closed */
	uint64_t            bytes_in, bytes_out, requests, accepted, closed;
	uint64_t            requests_of_unit[256];
	bool                refused[256];  /* PEER_BUSY_ONCE: by request */
	/* What stands in its registers (fc 3, 4), if not what peer_register says; `asked` is called before each answer. */
	uint16_t          (*registers)(void *user, uint16_t address);
	void              (*asked)(void *user, uint16_t address, uint16_t count);
	void               *user;
	struct peer_connection connections[PEER_CONNECTIONS];
};

/* Takes a free port, or makes a pseudo-terminal. Asserts on failure. */
void peer_open(struct peer *p, enum peer_wire wire, enum peer_behaviour behaviour, int64_t timeout_ns);
void peer_close(struct peer *p);
/* Changes its mind: open connections stay, but a refusing peer closes all. */
void peer_behave(struct peer *p, enum peer_behaviour behaviour);
/* Accepts, reads, answers and writes what is due, without waiting. True if anything was done. */
bool peer_step(struct peer *p, int64_t now_ns);
/* When the next delayed write is due; INT64_MAX: never. */
int64_t peer_deadline(const struct peer *p);
/* Its descriptors, for poll. */
size_t peer_descriptors(const struct peer *p, struct pollfd *ret);

/* What stands in a register (fc 3, 4): odd addresses hold the tenth of a second, even ones who they are; bits (fc 1, 2) follow from address and unit. */
uint16_t peer_register(uint8_t unit, uint16_t address, int64_t now_ns);
bool     peer_bit(uint8_t unit, uint16_t address);

#endif
