/* run: a world that is served until it is told to stop: epoll, the clock, the steps of a scenario, and what people ask through the socket. */
#ifndef FIREGW_GATEWAY_SIM_RUN_H
#define FIREGW_GATEWAY_SIM_RUN_H

#include "gateway/sim/scenario.h"

struct run_options {
	const struct config   *config;
	const struct scenario *scenario;    /* NULL: none */
	const char            *listen;      /* NULL: each line's own loopback address */
	const char            *ptys;        /* the folder of the serial lines' links; NULL: each at its own path */
	const char            *socket_path;
	uint64_t               seed;
	double                 speed;       /* simulated seconds a second */
	int64_t                day_ms;      /* simulated time of day at the start */
	bool                   marks;       /* as in world_options */
	int64_t                for_ms;      /* 0: until a signal comes */
	bool                   check_only;  /* says whether site and scenario fit together, and ends */
};

/* Serves. The program's exit code: 0 ended as asked, 1 it could not start, 2 the scenario asks for what the site does not have. */
int run(const struct run_options *o);

#endif
