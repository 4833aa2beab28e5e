/* house_edges: what stands in for libuv, the threads, the lines and the links. */
#ifndef FIREGW_TESTS_SIM_HOUSE_EDGES_H
#define FIREGW_TESTS_SIM_HOUSE_EDGES_H

#include "tests/sim/house.h"

/* The house whose clock and hubs are used; NULL: none. */
void    edges_take(struct house *h);
/* Threads: what is due runs, as far as it goes without waiting. True: something did. */
bool    edges_work(int64_t now_ns);
bool    edges_drain(struct app *a);
bool    edges_fire(struct stamp now);
void    edges_check(void);
/* Opens what was still in the box, for a daemon that is taken apart. */
void    edges_forget_mail(struct mailbox *b);
/* The next moment at which a timer or a thread has something to do. */
int64_t edges_next(void);
bool    edges_idle(void);
bool    edges_closed(void); /* the loop was closed: the daemon has stopped */

/* An event was stored: whoever listens is told. */
void edges_stored(const struct outmsg *m);

#endif
