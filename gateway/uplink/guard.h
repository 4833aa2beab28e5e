/* guard: a thread that ends the process when the daemon is gone, or when the main thread has stood still for too long inside the MQTT library. */
#ifndef FIREGW_GATEWAY_UPLINK_GUARD_H
#define FIREGW_GATEWAY_UPLINK_GUARD_H

#include <stdatomic.h>
#include <stdint.h>

#define GUARD_STUCK_S 30

struct guard {
	int              fd;       /* the socket to the daemon */
	_Atomic int64_t  beat_s;   /* CLOCK_MONOTONIC second of the main loop's last turn */
};

/* 0, or -1. g must live as long as the process. */
int  guard_start(struct guard *g, int fd);
/* Main loop: once a turn, at least every 10 s. */
void guard_beat(struct guard *g);

#endif
