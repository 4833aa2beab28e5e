/* pty: a pseudo-terminal that stands for a serial line, with a link at the place where its user looks for it. */
#ifndef FIREGW_GATEWAY_SIM_PTY_H
#define FIREGW_GATEWAY_SIM_PTY_H

#include "core/err.h"
#include "drivers/driver.h"

#define PTY_PATH_MAX 400

struct pty {
	int  fd;                  /* our end; non-blocking */
	int  their_fd;            /* kept open, so that the line stays when nobody else has it */
	char link[PTY_PATH_MAX];
	char target[64];
};

/* Makes the link at `folder`/BUS, or, with NULL, at the bus's own path. A link of an earlier run whose pseudo-terminal is gone is replaced; whatever else
 * stands there is refused, with the cure. */
int  pty_open(struct pty *p, const struct bus_config *bus, const char *folder, struct err *reterr);
/* Removes the link if it is still ours. Accepts one that was not opened (fd -1). */
void pty_close(struct pty *p);
/* A program that opened the port for itself alone may close and open it again. */
void pty_share(const struct pty *p);

/* How long a character takes, and the silence between two frames (3.5 of them; 1.75 ms above 19,200 baud): Modbus over Serial Line V1.02, 2.5.1.1. */
int64_t pty_character_ns(const struct bus_config *bus);
int64_t pty_silence_ns(const struct bus_config *bus);

#endif
