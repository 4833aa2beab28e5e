/* poller: one bus on the loop. It steps the driver when its descriptor, a name's answer or its deadline says so, and hands the samples on. */
#ifndef FIREGW_GATEWAY_POLLER_H
#define FIREGW_GATEWAY_POLLER_H

#include "gateway/config/config.h"
#include "gateway/loop.h"

struct poller;
struct poller_config {
	const struct config_bus *bus;         /* borrowed until closed */
	struct driver_shared    *shared;
	char                    *learned;     /* as poller_learned gave it, or NULL; taken (freed), also on failure */
	void (*sample)(void *user, struct poller *p, const struct sample *s);
	/* What became of a poller_request: n values, or why not (then values is NULL). From a step or from poller_close. */
	void (*answer)(void *user, uint64_t token, const uint16_t *values, size_t n, const struct err *error);
	void *user;
};

/* ERR_INVALID from the driver's planning; a missing device is none. */
int  poller_open(struct loop *l, const struct poller_config *c, struct poller **ret, struct err *reterr);
/* A read for a person: answered once, later, from the loop. ERR_BUSY: another one waits. */
int  poller_request(struct poller *p, const struct bus_request *rq, struct err *reterr);
/* Closes the line, and answers a read that waits with ERR_CLOSED; the loop lets go of its handle with its next turn. Accepts NULL. Not from within a sample. */
void poller_close(struct poller *p);
/* Since a reload this line's points may have other indices: to[old - first] is the new one, or POINT_NONE. Takes the array (free). */
struct point_map { uint32_t first, *to; };
void poller_set_map(struct poller *p, struct point_map map);
uint32_t poller_map(const struct poller *p, uint32_t point);
/* What the driver found out about its devices. 0, or -1 on no memory. */
int  poller_learned(const struct poller *p, struct strbuf *out);
const struct config_bus *poller_bus(const struct poller *p);
void poller_stats(const struct poller *p, struct bus_stats *ret);
void poller_unit_stats(const struct poller *p, size_t device, struct bus_unit_stats *ret);

#endif
