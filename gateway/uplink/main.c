/* firegw-uplink: carries frames between the daemon (descriptor 3) and one MQTT broker. The map of the program:
 *
 *   channel  frames from and to the daemon          session  the connection, as a state machine
 *   client   Paho's calls and callbacks             results  from Paho's threads to this one
 *   lookup   names, on a thread each                guard    ends the process when the daemon is gone or this thread stands still
 *   notes    why a connection failed                secret   password and TLS files
 *   setup    names, files and addresses             reason   codes and library lines as sentences
 *   cage     takes from it what it never needs */
#include "gateway/uplink/channel.h"
#include "gateway/uplink/client.h"
#include "gateway/uplink/guard.h"
#include "gateway/uplink/notes.h"
#include "gateway/uplink/results.h"
#include "gateway/uplink/session.h"

#include "core/clock.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#define DAEMON_FD     3
#define ALIVE_NS      (10 * CLOCK_NS_PER_S)
#define OUT_PAUSE     (4u * 1024u * 1024u)   /* bytes waiting for a daemon that does not read: take no more from it */

struct uplink {
	struct channel channel;
	struct results results;
	struct session session;
	struct guard   guard;
	int64_t        alive_ns;   /* when the next `alive` is due */
	bool           quit;
};

static int64_t now(void)
{
	struct timespec t;

	clock_gettime(CLOCK_BOOTTIME, &t);
	return (int64_t)t.tv_sec * CLOCK_NS_PER_S + t.tv_nsec;
}

static int usage(const char *arg)
{
	if (strcmp(arg, "--version") == 0 || strcmp(arg, "-V") == 0 || strcmp(arg, "-v") == 0) {
		puts("firegw-uplink " FIREGW_VERSION);
		return 0;
	}
	if (strcmp(arg, "--help") == 0) {
		puts("firegw-uplink: the MQTT side of firegw, one process a hub.\n"
		     "It is started by firegwd, with a socket as descriptor 3; it is not meant to be started by hand.\n"
		     "Options: --help, --version");
		return 0;
	}
	fprintf(stderr, "firegw-uplink: unknown argument '%s'; it takes --help and --version\n", arg);
	return 2;
}

static bool is_daemons(int fd)
{
	int domain = 0, type = 0;
	socklen_t len = sizeof domain;

	if (getsockopt(fd, SOL_SOCKET, SO_DOMAIN, &domain, &len) < 0 || domain != AF_UNIX)
		return false;
	len = sizeof type;
	return getsockopt(fd, SOL_SOCKET, SO_TYPE, &type, &len) == 0 && type == SOCK_STREAM;
}

/* Hostile bytes are parsed here: no new privileges, no core with a password in it, nothing inherited but the one socket. A signal meant for the group
 * (Ctrl-C, the service manager's SIGTERM) must not cut the connection before the daemon has said good-bye on it. */
static void confine(void)
{
	const struct rlimit none = { 0, 0 };

	signal(SIGINT, SIG_IGN);
	signal(SIGTERM, SIG_IGN);
	signal(SIGHUP, SIG_IGN);
	signal(SIGPIPE, SIG_IGN);
	prctl(PR_SET_PDEATHSIG, SIGKILL);
	prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0);
	setrlimit(RLIMIT_CORE, &none);
	close_range(DAEMON_FD + 1, ~0U, 0);
	fcntl(DAEMON_FD, F_SETFD, FD_CLOEXEC);
	/* The library would write what it sends and receives to a file of that name. */
	unsetenv("MQTT_C_CLIENT_TRACE");
	unsetenv("MQTT_C_CLIENT_TRACE_LEVEL");
}

static void take_results(struct uplink *u)
{
	uint64_t dropped;
	struct result *r = results_take(&u->results, &dropped);

	while (r) {
		struct result *next = r->next;
		session_on_result(&u->session, r, now());
		free(r);
		r = next;
	}
	u->channel.crowded += dropped;
}

/* 0, or -1: the daemon sent what it cannot mean. */
static int take_frames(struct uplink *u, struct err *reterr)
{
	struct frame f;
	size_t len;
	int there;

	while (!u->quit && channel_waiting(&u->channel) < OUT_PAUSE && (there = channel_peek(&u->channel, &f, &len, reterr)) != 0) {
		if (there < 0)
			return -1;
		if (!session_takes(&u->session, f.type))
			return 0;
		if (session_on_frame(&u->session, &f, now(), &u->quit, reterr) < 0)
			return -1;
		channel_take(&u->channel, len);
	}
	return 0;
}

static int poll_timeout(int64_t deadline_ns)
{
	int64_t left = deadline_ns - now();

	if (left <= 0)
		return 0;
	/* Up, not down: a millisecond early would be a turn for nothing. */
	left = (left + CLOCK_NS_PER_MS - 1) / CLOCK_NS_PER_MS;
	return left < 60000 ? (int)left : 60000;
}

static void wait_for_something(struct uplink *u)
{
	struct pollfd p[2] = { { .fd = DAEMON_FD }, { .fd = u->results.wake, .events = POLLIN } };
	int64_t deadline = session_deadline(&u->session);

	if (channel_has_room(&u->channel) && channel_waiting(&u->channel) < OUT_PAUSE)
		p[0].events |= POLLIN;
	if (channel_waiting(&u->channel) > 0)
		p[0].events |= POLLOUT;
	if (u->alive_ns < deadline)
		deadline = u->alive_ns;
	/* Errors of poll other than EINTR do not happen with two descriptors of ours; a turn more does no harm. */
	(void)poll(p, 2, poll_timeout(deadline));
	if (p[0].revents & POLLIN)
		channel_read(&u->channel);
	if (p[0].revents & (POLLHUP | POLLERR))
		u->channel.ended = true;
}

static void say_alive(struct uplink *u)
{
	const struct frame f = { .type = FRAME_ALIVE };

	if (now() < u->alive_ns)
		return;
	u->alive_ns = now() + ALIVE_NS;
	/* A daemon that reads nothing has enough of them. */
	if (channel_waiting(&u->channel) < CHANNEL_MESSAGES_MAX)
		channel_send(&u->channel, &f);
}

/* Returns the exit code. Without an MQTT DISCONNECT the broker publishes the will: a clean end is `disconnect` before `quit`. */
static int run(struct uplink *u)
{
	struct err e;

	/* A disconnect that is under way is finished first; it takes two seconds at most. */
	while (!u->channel.ended && (!u->quit || u->session.state == SESSION_CLOSING)) {
		guard_beat(&u->guard);
		wait_for_something(u);
		take_results(u);
		session_on_time(&u->session, now());
		if (take_frames(u, &e) < 0) {
			fprintf(stderr, "firegw-uplink: %s; ending\n", e.text);
			return 3;
		}
		say_alive(u);
		channel_tell_dropped(&u->channel);
		channel_flush(&u->channel);
	}
	return 0;
}

int main(int argc, char **argv)
{
	struct err e;

	if (argc > 1)
		return usage(argv[1]);
	if (!is_daemons(DAEMON_FD)) {
		fputs("firegw-uplink: descriptor 3 is not a socket: firegwd starts this program, it is not meant to be started by hand (see --help)\n", stderr);
		return 2;
	}
	confine();
	int notes = notes_open();
	struct uplink *u = calloc(1, sizeof *u);
	if (notes < 0 || !u || channel_init(&u->channel, DAEMON_FD) < 0 || results_init(&u->results) < 0 || guard_start(&u->guard, DAEMON_FD) < 0) {
		fprintf(stderr, "firegw-uplink: cannot start: %s\n", strerror(errno));
		return 1;
	}
	struct client *client = client_new(&u->results, &e);
	if (!client) {
		fprintf(stderr, "firegw-uplink: %s\n", e.text);
		return 1;
	}
	session_init(&u->session, client, &u->channel, &u->results, notes);
	int code = run(u);
	fflush(stderr);
	/* The library's and the look-ups' threads still run, and may hang: nothing is torn down. */
	_exit(code);
}
