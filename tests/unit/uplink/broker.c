#include "broker.h"

#include <arpa/inet.h>
#include <fcntl.h>
#include <poll.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

int broker_free_port(void)
{
	struct sockaddr_in a = { .sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
	static unsigned n;
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

	assert_true(fd >= 0);
	do /* below those that the kernel gives to connections */
		a.sin_port = htons((uint16_t)(10000 + ((unsigned)getpid() * 37 + n++) % 2000));
	while (bind(fd, (struct sockaddr *)&a, sizeof a) != 0 && n < 2000);
	close(fd);
	return ntohs(a.sin_port);
}

void broker_init(struct broker *b)
{
	*b = (struct broker){ .port = broker_free_port() };
	snprintf(b->dir, sizeof b->dir, "/tmp/firegw-uplink-XXXXXX");
	assert_non_null(mkdtemp(b->dir));
}

const char *broker_path(const struct broker *b, const char *name)
{
	static char paths[4][256];
	static unsigned next;
	char *path = paths[next++ % 4];

	snprintf(path, sizeof paths[0], "%s/%s", b->dir, name);
	return path;
}

void broker_write(const struct broker *b, const char *name, const char *text, mode_t mode)
{
	const char *path = broker_path(b, name);
	int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);

	assert_true(fd >= 0);
	assert_int_equal(write(fd, text, strlen(text)), (ssize_t)strlen(text));
	assert_int_equal(fchmod(fd, mode), 0);
	close(fd);
}

void broker_shell(const struct broker *b, const char *command)
{
	char line[4096];

	snprintf(line, sizeof line, "cd %s && { %s ; } >shell.log 2>&1", b->dir, command);
	int rc = system(line);
	if (rc != 0)
		print_error("failed (%d): %s\n", rc, command);
	assert_int_equal(rc, 0);
}

static int accepts(int port)
{
	struct sockaddr_in a = { .sin_family = AF_INET, .sin_port = htons((uint16_t)port), .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	int rc = connect(fd, (struct sockaddr *)&a, sizeof a);

	close(fd);
	return rc == 0;
}

void broker_start(struct broker *b, const char *lines)
{
	char config[4096], filled[2048] = "";
	const char *at;

	while ((at = strstr(lines, "%s")) != NULL) {
		size_t used = strlen(filled);
		snprintf(filled + used, sizeof filled - used, "%.*s%s", (int)(at - lines), lines, b->dir);
		lines = at + 2;
	}
	snprintf(config, sizeof config, "user root\nlog_dest file %s/broker.log\nlistener %d 127.0.0.1\n%s%s\n", b->dir, b->port, filled, lines);
	broker_write(b, "broker.conf", config, 0600);
	snprintf(config, sizeof config, "PATH=\"$PATH:/usr/sbin\" exec mosquitto -c %s", broker_path(b, "broker.conf"));
	broker_run(b, config);
}

void broker_run(struct broker *b, const char *command)
{
	b->pid = fork();
	assert_true(b->pid >= 0);
	if (b->pid == 0) {
		prctl(PR_SET_PDEATHSIG, SIGKILL);
		int null = open("/dev/null", O_RDWR);
		dup2(null, 1);
		dup2(null, 2);
		execl("/bin/sh", "sh", "-c", command, (char *)NULL);
		_exit(127);
	}
	/* Bounded by tries; each gives it 10 ms to come up. */
	for (int tries = 0; tries < 1000; tries++) {
		if (accepts(b->port))
			return;
		assert_int_equal(waitpid(b->pid, NULL, WNOHANG), 0);
		poll(NULL, 0, 10);
	}
	fail_msg("it did not come up: %s", command);
}

void broker_kill(struct broker *b, int signal_number)
{
	if (b->pid == 0)
		return;
	kill(b->pid, signal_number);
	if (signal_number == SIGKILL || signal_number == SIGTERM) {
		waitpid(b->pid, NULL, 0);
		b->pid = 0;
	}
}

void broker_done(struct broker *b)
{
	char line[128];

	broker_kill(b, SIGKILL);
	snprintf(line, sizeof line, "rm -rf %s", b->dir);
	assert_int_equal(system(line), 0);
}

void broker_make_certificates(const struct broker *b)
{
	broker_shell(b, "for ca in ca other-ca; do"
	                " openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes -days 2 -subj /CN=$ca -keyout $ca.key -out $ca.pem; done");
	broker_shell(b, "printf 'subjectAltName=DNS:localhost,IP:127.0.0.1\\n' >server.ext; printf 'subjectAltName=DNS:elsewhere.example\\n' >wrong.ext;"
	                " printf 'extendedKeyUsage=clientAuth\\n' >client.ext;"
	                " for n in server wrong client; do"
	                " openssl req -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes -subj /CN=$n -keyout $n.key -out $n.csr &&"
	                " openssl x509 -req -in $n.csr -CA ca.pem -CAkey ca.key -CAcreateserial -days 2 -extfile $n.ext -out $n.pem || exit 1; done");
}
