/* control_socket: the listening socket file: made without a moment in which others may open it, and never taken from a daemon that lives.
 */
#ifndef FIREGW_GATEWAY_CONTROL_SOCKET_H
#define FIREGW_GATEWAY_CONTROL_SOCKET_H

#include "core/err.h"

#include <sys/stat.h>

struct control_socket {
	int   fd;       /* bound and listening; the caller's */
	dev_t device;   /* the file that is ours */
	ino_t inode;
};

/* ERR_EXISTS: someone listens there, or it is no socket; ERR_NOT_FOUND: no such directory; ERR_DENIED, ERR_IO; ERR_INVALID: path too long.
 * All with the cure. */
int  control_socket_open(const char *path, struct control_socket *ret, struct err *reterr);
/* Removes the file if it is still ours. */
void control_socket_remove(const char *path, const struct control_socket *s);

#endif
