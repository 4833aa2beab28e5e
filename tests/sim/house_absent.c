/* What the house has not: the control socket and the hubs' commands. Who wants to hear of events is told of them. */
#include "tests/sim/house_edges.h"

int control_start(uv_loop_t *loop, const struct control_config *c, control_handler *handler, void *app, struct control **ret, struct err *reterr)
{
	(void)loop;
	(void)c;
	(void)handler;
	(void)app;
	(void)reterr;
	*ret = NULL;
	return 0;
}

void control_close(struct control *c, void (*closed)(void *app)) { (void)c; (void)closed; }
void verbs_handle(void *app, struct control_request *rq, const char *verb, json_t *args) { (void)app; (void)rq; (void)verb; (void)args; }
void verbs_on_event(struct app *a, int64_t n, struct outmsg *msg)
{
	(void)a;
	(void)n;
	edges_stored(msg);
}

void verbs_on_stored(struct app *a, const struct slot *s) { (void)a; (void)s; }
void verbs_on_probe(void *user, uint64_t token, const uint16_t *values, size_t n, const struct err *error) { (void)user; (void)token; (void)values; (void)n; (void)error; }
void verbs_end_listings(struct app *a) { (void)a; }
void verbs_stop(struct app *a) { (void)a; }
void verbs_selftest_acked(struct app *a, const struct app_hub *h) { (void)a; (void)h; }

void commands_handle(struct app_hub *h, uint32_t node, const char *name, const void *payload, size_t len, const char *response_topic,
                     const void *correlation, size_t correlation_len)
{
	(void)h;
	(void)node;
	(void)name;
	(void)payload;
	(void)len;
	(void)response_topic;
	(void)correlation;
	(void)correlation_len;
}
