/* setup: what the daemon sends once at the start: who we are for the hub, and where it is. */
#ifndef FIREGW_GATEWAY_UPLINK_SETUP_H
#define FIREGW_GATEWAY_UPLINK_SETUP_H

#include "gateway/uplink/cage.h"
#include "gateway/uplink/frame.h"

#define SETUP_KEEPALIVE_S 20   /* where the config names none */
#define SETUP_URLS_MAX    16u

/* What the daemon set up; owned copies, as long as the process lives. */
struct setup {
	bool   done;
	int    version, keepalive_s;
	char  *client_id, *username, *password_file, *tls_ca, *tls_cert, *tls_key;
	char  *urls[SETUP_URLS_MAX];
	size_t n_urls;
	struct cage cage;
};

/* Copies a setup frame, for the process's life. ERR_PROTOCOL: a second one, or one that makes no sense; ERR_NO_MEMORY. */
int setup_take(struct setup *u, const struct frame *f, struct err *reterr);
/* Gives up all rights but those that the files need; to be called before anything comes from the network. */
int setup_close_cage(struct setup *u, struct err *reterr);
/* Whether the files can be read from within it (cage_fits). */
bool setup_in_reach(const struct setup *u);

#endif
