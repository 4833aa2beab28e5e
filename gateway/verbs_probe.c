/* probe: registers read by hand, through the line that reads the points. The happy path: the driver takes the request, answers when the line has a
 * moment, and the one who asked gets the values. Failure modes: another read waits (busy), the line is down or the unit silent (the driver's words), the
 * line is closed by a reload or the stop (poller_close answers), nobody answers at all (10 s). Who asked may be gone by then: the request outlives its
 * peer, and is found by its token. */
#include "gateway/verbs.h"

#include <stdlib.h>
#include <string.h>

#define PROBE_WAIT_NS (10 * CLOCK_NS_PER_S)

struct probing {
	struct probing         *next;
	struct app             *app;
	struct control_request *rq;
	uint64_t                token;
	struct loop_timer       timer;
};

/* Takes it out of the list; NULL: nobody waits for it any more. */
static struct probing *take_out(struct app *a, uint64_t token)
{
	for (struct probing **at = &a->probes; *at; at = &(*at)->next) {
		struct probing *p = *at;
		if (p->token != token)
			continue;
		*at = p->next;
		loop_timer_set(&a->loop, &p->timer, CLOCK_NEVER);
		return p;
	}
	return NULL;
}

static json_t *values_json(const uint16_t *values, size_t n)
{
	json_t *list = json_array();

	for (size_t i = 0; i < n; i++)
		json_array_append_new(list, json_integer(values[i]));
	return json_pack("{s:o}", "values", list);
}

void verbs_on_probe(void *user, uint64_t token, const uint16_t *values, size_t n, const struct err *error)
{
	struct probing *p = take_out(user, token);

	if (!p)
		return;
	if (error)
		control_fail(p->rq, error);
	else
		control_end(p->rq, values_json(values, n));
	free(p);
}

static void on_late(void *user, struct stamp now)
{
	struct probing *p = user;
	struct err e;

	(void)now;
	err_set(&e, ERR_TIMEOUT, "the line gave no answer within %d s", (int)(PROBE_WAIT_NS / CLOCK_NS_PER_S));
	verbs_on_probe(p->app, p->token, NULL, 0, &e);
}

void verbs_end_probes(struct app *a)
{
	struct err e;

	err_set(&e, ERR_CLOSED, "firegwd is stopping");
	while (a->probes)
		verbs_on_probe(a, a->probes->token, NULL, 0, &e);
}

static struct poller *find_line(struct app *a, const char *name)
{
	for (size_t i = 0; i < a->n_buses; i++)
		if (a->buses[i].poller && strcmp(poller_bus(a->buses[i].poller)->bus.name, name) == 0)
			return a->buses[i].poller;
	return NULL;
}

static int take_number(json_t *args, const char *key, int64_t least, int64_t most, int64_t *ret, struct err *reterr)
{
	if (verbs_int(args, key, INT64_MIN, ret, reterr))
		return -1;
	if (*ret == INT64_MIN)
		return err_set(reterr, ERR_INVALID, "'%s' is missing", key);
	if (*ret < least || *ret > most)
		return err_set(reterr, ERR_INVALID, "'%s' must be %d … %d", key, (int)least, (int)most);
	return 0;
}

/* Which line, and what of it. The driver knows how many fit into one request. */
static int take_request(struct app *a, json_t *args, struct poller **ret_line, struct bus_request *ret, struct err *reterr)
{
	const char *bus;
	int64_t unit, fc, address, count;

	if (verbs_text(args, "bus", &bus, reterr) || take_number(args, "unit", 0, 255, &unit, reterr) || take_number(args, "fc", 1, 4, &fc, reterr) ||
	    take_number(args, "address", 0, UINT16_MAX, &address, reterr) || take_number(args, "count", 1, 2000, &count, reterr))
		return -1;
	if (!bus)
		return err_set(reterr, ERR_INVALID, "'bus' is missing");
	*ret_line = find_line(a, bus);
	if (!*ret_line)
		return err_set(reterr, ERR_NOT_FOUND, "no bus '%.40s' (firegw status lists them)", bus);
	enum bus_transport transport = poller_bus(*ret_line)->bus.transport;
	if ((transport == BUS_RTU || transport == BUS_RTU_TCP) && (unit < 1 || unit > 247))
		return err_set(reterr, ERR_INVALID, "'unit' must be 1 … 247 on a serial line");
	*ret = (struct bus_request){ .unit = (uint8_t)unit, .fc = (uint8_t)fc, .address = (uint16_t)address, .count = (uint16_t)count };
	return 0;
}

void verbs_probe(struct app *a, struct control_request *rq, json_t *args)
{
	struct bus_request request;
	struct poller *line;
	struct probing *p = NULL;
	struct err e;

	if (!control_require(rq, ROLE_OPERATOR))
		return;
	if (take_request(a, args, &line, &request, &e))
		goto fail;
	p = calloc(1, sizeof *p);
	if (!p || loop_timer_room(&a->loop, 1)) {
		err_set(&e, ERR_NO_MEMORY, "no memory");
		goto fail;
	}
	request.token = p->token = ++a->probe_token;
	if (poller_request(line, &request, &e))
		goto fail;
	p->app = a;
	p->rq = rq;
	p->next = a->probes;
	a->probes = p;
	loop_timer_init(&p->timer, on_late, p);
	loop_timer_set(&a->loop, &p->timer, loop_now(&a->loop).mono_ns + PROBE_WAIT_NS);
	return;
fail:
	free(p);
	control_fail(rq, &e);
}
