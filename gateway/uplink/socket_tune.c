#include "gateway/uplink/socket_tune.h"

#include "gateway/uplink/frame.h"

#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/socket.h>

#define DESCRIPTORS_MAX 64   /* a handful are open, and the lowest free number is given out */

static int is_tcp(int fd)
{
	int type = 0;
	socklen_t len = sizeof type;
	struct sockaddr_storage peer = { 0 };
	socklen_t peer_len = sizeof peer;

	if (getsockopt(fd, SOL_SOCKET, SO_TYPE, &type, &len) < 0 || type != SOCK_STREAM)
		return 0;
	if (getpeername(fd, (struct sockaddr *)&peer, &peer_len) < 0)
		return 0;
	return peer.ss_family == AF_INET || peer.ss_family == AF_INET6;
}

void socket_tune_all(void)
{
	int on = 1, bytes = 2 * (int)FRAME_PAYLOAD_MAX;

	/* Options only: without them the connection works, slower. */
	for (int fd = 4; fd < DESCRIPTORS_MAX; fd++) {
		if (!is_tcp(fd))
			continue;
		(void)setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
		(void)setsockopt(fd, SOL_SOCKET, SO_SNDBUF, &bytes, sizeof bytes);
	}
}
