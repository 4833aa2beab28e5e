/* control_peer: who is at the other end of the control socket, and what he may do. */
#ifndef FIREGW_GATEWAY_CONTROL_PEER_H
#define FIREGW_GATEWAY_CONTROL_PEER_H

#include "core/alarm.h"
#include "core/err.h"

#include <stddef.h>
#include <sys/types.h>

struct control_peer {
	uid_t  uid;
	gid_t  gid;
	gid_t *groups;       /* supplementary ones, owned; NULL if there are none */
	size_t n_groups;
	bool   groups_known; /* the kernel told them */
};

#define CONTROL_USER_MAX  40
#define CONTROL_ACTOR_MAX (CONTROL_USER_MAX + 24)

/* What the kernel says of a connected Unix socket; never waits. ERR_IO, ERR_NO_MEMORY. */
int  control_peer_read(int fd, struct control_peer *ret, struct err *reterr);
void control_peer_done(struct control_peer *p);

#define CONTROL_NO_GROUP ((gid_t)-1)
/* Pure. uid 0 and own_uid (which runs the daemon) are maintainers; then by group; everyone else is a viewer. */
enum role control_peer_role(const struct control_peer *p, uid_t own_uid, gid_t operators, gid_t maintainers);

/* The following ask the user database and may wait for it (LDAP and the like): not on the loop thread. */
/* CONTROL_NO_GROUP for NULL, "" and an unknown one. */
gid_t control_peer_group(const char *name);
/* Fills p's groups from the database if the kernel did not tell them; ret_user is the user's name, or "" if it has none (CONTROL_USER_MAX
 * bytes). */
void  control_peer_complete(struct control_peer *p, char *ret_user);

#endif
