/* broker: a real mosquitto for the tests, on a free loopback port, in a directory of its own that goes with it. */
#ifndef FIREGW_TESTS_UPLINK_BROKER_H
#define FIREGW_TESTS_UPLINK_BROKER_H

#include <sys/types.h>

struct broker {
	char  dir[64];         /* temporary; holds config, passwords, certificates */
	int   port;
	pid_t pid;             /* 0: not running */
};

/* Makes the directory and picks a port. */
void broker_init(struct broker *b);
/* Starts mosquitto with these lines after `listener PORT 127.0.0.1`; %s in them stands for the directory. Returns when it accepts connections. */
void broker_start(struct broker *b, const char *lines);
/* Starts another program that listens at b->port, by a shell command that begins with exec; returns when it accepts connections. */
void broker_run(struct broker *b, const char *command);
void broker_kill(struct broker *b, int signal_number); /* SIGKILL and SIGTERM: waits for its end; SIGSTOP, SIGCONT: does not */
void broker_done(struct broker *b);                    /* kills it and removes the directory */
/* A path in the directory; the same buffer the next time but three. */
const char *broker_path(const struct broker *b, const char *name);
void broker_write(const struct broker *b, const char *name, const char *text, mode_t mode);
/* Runs a shell command in the directory; it must succeed. */
void broker_shell(const struct broker *b, const char *command);
/* ca.pem, other-ca.pem; server.pem/.key for localhost and 127.0.0.1; wrong.pem/.key for another name; client.pem/.key. */
void broker_make_certificates(const struct broker *b);
/* A loopback port that nobody listens at. */
int  broker_free_port(void);

#endif
