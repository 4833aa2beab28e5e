/* harness: one bus and its peer under virtual time, and what the bus said of each point. */
#ifndef FIREGW_TESTS_DRIVERS_HARNESS_H
#define FIREGW_TESTS_DRIVERS_HARNESS_H

#include "drivers/driver.h"
#include "peer.h"

#define HARNESS_POINTS 256
#define HARNESS_DEVICES 10
#define HARNESS_EPOCH (1000 * CLOCK_NS_PER_S) /* virtual time starts here */

struct harness_seen {
	uint64_t     samples, good, of_quality[QUALITY_COUNT];
	uint64_t     back;       /* how often it was good after no answer */
	struct sample last;
	char         last_text[VALUE_TEXT_MAX];
	int64_t      last_good_ns, first_ns;
};

struct harness {
	const struct driver_ops *ops;
	struct driver_shared *shared;
	struct bus_config  config;
	struct bus_device  devices[HARNESS_DEVICES];
	struct bus_point   points[HARNESS_POINTS];
	size_t             n_points;
	void              *bus;
	struct bus_wants   wants;
	struct peer       *peer;             /* NULL: none */
	int64_t            now_ns;
	struct harness_seen seen[HARNESS_POINTS];
	void (*check)(struct harness *h, const struct bus_point *p, const struct sample *s); /* for every sample; may be NULL */
	/* the answer to a request */
	size_t             answers, n_answer;
	uint16_t           answer[2000];
	struct err         answer_error;
	uint64_t           steps;
	uint32_t           generation;       /* of the descriptor that the following is about */
	uint64_t           quiet[4];         /* the differences that a wait of the real clock did not resolve: lost with a connection */
};

/* A config with one device of unit 1 and defaults; add points, then harness_open. */
void harness_init(struct harness *h, enum bus_transport transport, struct peer *peer);
/* Adds a point of the given unit's device (made if new); returns it for further changes. */
struct bus_point *harness_point(struct harness *h, uint8_t unit, uint8_t fc, uint16_t address, enum register_type type, int64_t every_ns);
void harness_open(struct harness *h);
void harness_close(struct harness *h);
/* Steps bus and peer, and lets virtual time pass, until it is `until_ns`. */
void harness_run(struct harness *h, int64_t for_ns);
/* One step with an event, at the present moment. */
void harness_step(struct harness *h, const struct bus_event *ev);
/* Steps both until neither has anything to do at the present moment. */
void harness_settle(struct harness *h);
/* How many pieces of memory were taken so far. */
size_t harness_allocations(void);
struct stamp harness_stamp(const struct harness *h);
struct bus_stats harness_stats(const struct harness *h);
struct bus_unit_stats harness_unit(const struct harness *h, size_t device);

#endif
