/* Who may what: the table, and real peers of other users where the test may become them. */
#include "control_fixture.h"

#include "gateway/control_peer.h"

#include <grp.h>
#include <sys/wait.h>

#define OWN_UID    900
#define OPERATORS  50
#define MAINTAINERS 60

static void roles_follow_the_table(void **state)
{
	static const struct { uid_t uid; gid_t gid, group; enum role role; } rows[] = {
		{ 0, 0, 0, ROLE_MAINTAINER },
		{ OWN_UID, 1, 1, ROLE_MAINTAINER },
		{ 1000, 1000, 1000, ROLE_VIEWER },
		{ 1000, 1000, OPERATORS, ROLE_OPERATOR },
		{ 1000, OPERATORS, 1000, ROLE_OPERATOR },
		{ 1000, OPERATORS, MAINTAINERS, ROLE_MAINTAINER },
		{ 1000, MAINTAINERS, OPERATORS, ROLE_MAINTAINER },
		{ 1000, 0, 0, ROLE_VIEWER }, /* group root is nothing special */
	};

	(void)state;
	for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
		gid_t groups[2] = { 7, rows[i].group };
		struct control_peer p = { .uid = rows[i].uid, .gid = rows[i].gid, .groups = groups, .n_groups = 2 };
		assert_int_equal(control_peer_role(&p, OWN_UID, OPERATORS, MAINTAINERS), rows[i].role);
	}
	/* Groups that do not exist have no members, not even a peer with the same strange number. */
	gid_t none = CONTROL_NO_GROUP;
	struct control_peer p = { .uid = 1000, .gid = none, .groups = &none, .n_groups = 1 };
	assert_int_equal(control_peer_role(&p, OWN_UID, none, none), ROLE_VIEWER);
	assert_int_equal(control_peer_group("no-such-group-here"), CONTROL_NO_GROUP);
	assert_int_equal(control_peer_group(""), CONTROL_NO_GROUP);
	assert_int_equal(control_peer_group(NULL), CONTROL_NO_GROUP);
	assert_int_equal(control_peer_group("root"), 0);
}

static void own_user_is_maintainer(void **state)
{
	struct fixture *f = fixture_new((struct control_config){ .operators = "no-such-group-here", .maintainers = "no-such-group-here" });
	int fd = client_open(f->path);
	char uid[32];

	(void)state;
	client_say(f, fd, "{\"verb\":\"boss\"}\n");
	const char *line = client_line(f, fd);
	assert_non_null(strstr(line, "\"role\":\"maintainer\""));
	snprintf(uid, sizeof uid, "uid %u", geteuid());
	assert_non_null(strstr(line, uid));
	close(fd);
	fixture_free(f);
}

static void groups_come_from_the_kernel_or_the_database(void **state)
{
	int fds[2];
	struct control_peer p;
	struct err e;
	char user[CONTROL_USER_MAX];

	(void)state;
	assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM, 0, fds), 0);
	assert_int_equal(control_peer_read(fds[0], &p, &e), 0);
	assert_int_equal(p.uid, geteuid());
	control_peer_complete(&p, user);
	size_t n = p.n_groups;
	/* as on a kernel that does not tell groups */
	control_peer_done(&p);
	p = (struct control_peer){ .uid = geteuid(), .gid = getegid() };
	control_peer_complete(&p, user);
	if (user[0])
		assert_true(p.groups_known && p.n_groups > 0);
	control_peer_done(&p);
	(void)n;
	close(fds[0]);
	close(fds[1]);
	assert_int_equal(control_peer_read(fds[0], &p, &e), -1);
	assert_int_equal(e.code, ERR_IO);
}

/* A child with another uid and these groups asks; what it is told comes back through a pipe. */
static void ask_as(struct fixture *f, uid_t uid, gid_t gid, gid_t group, const char *request, char *ret, size_t cap)
{
	int out[2], status;
	ssize_t n;

	assert_int_equal(pipe2(out, O_CLOEXEC | O_NONBLOCK), 0);
	pid_t pid = fork();
	assert_true(pid >= 0);
	if (pid == 0) {
		char text[2048];
		if (setgroups(1, &group) || setgid(gid) || setuid(uid))
			_exit(1);
		int fd = client_open(f->path);
		fcntl(fd, F_SETFL, 0);
		send(fd, request, strlen(request), 0);
		n = recv(fd, text, sizeof text, 0);
		_exit(n > 0 && write(out[1], text, (size_t)n) == n ? 0 : 2);
	}
	size_t len = 0;
	for (int i = 0; i < TURNS_MAX && (len == 0 || ret[len - 1] != '\n'); i++) {
		n = read(out[0], ret + len, cap - 1 - len);
		if (n > 0)
			len += (size_t)n;
		else
			turn(f, out[0]);
	}
	ret[len] = '\0';
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_int_equal(status, 0);
	close(out[0]);
	close(out[1]);
}

static void other_users_get_their_groups_role(void **state)
{
	struct group *op = getgrnam("daemon");
	gid_t operators = op ? op->gr_gid : 0;
	struct group *mt = getgrnam("adm");
	gid_t maintainers = mt ? mt->gr_gid : 0;
	char answer[2048];

	(void)state;
	if (geteuid() != 0 || !operators || !maintainers)
		skip();
	struct fixture *f = fixture_new((struct control_config){ .operators = "daemon", .maintainers = "adm" });
	/* Everyone may open it here, so that it is the role that decides. */
	assert_int_equal(chmod(f->dir, 0755), 0);
	assert_int_equal(chmod(f->path, 0666), 0);
	ask_as(f, 65534, 65534, 65534, "{\"verb\":\"guarded\"}\n", answer, sizeof answer);
	assert_non_null(strstr(answer, "\"code\":\"denied\""));
	assert_non_null(strstr(answer, "you are viewer: join the group daemon (sudo usermod -aG daemon nobody)"));
	ask_as(f, 65534, 65534, 65534, "{\"verb\":\"echo\"}\n", answer, sizeof answer);
	assert_non_null(strstr(answer, "row"));
	ask_as(f, 65534, 65534, operators, "{\"verb\":\"guarded\"}\n", answer, sizeof answer);
	assert_non_null(strstr(answer, "\"role\":\"operator\",\"actor\":\"nobody (uid 65534)\""));
	ask_as(f, 54321, operators, 65534, "{\"verb\":\"guarded\"}\n", answer, sizeof answer);
	assert_non_null(strstr(answer, "\"role\":\"operator\",\"actor\":\"uid 54321\""));
	ask_as(f, 65534, operators, 65534, "{\"verb\":\"boss\"}\n", answer, sizeof answer);
	assert_non_null(strstr(answer, "'boss' is for maintainers, and you are operator: join the group adm"));
	ask_as(f, 65534, 65534, maintainers, "{\"verb\":\"boss\"}\n", answer, sizeof answer);
	assert_non_null(strstr(answer, "\"role\":\"maintainer\""));
	fixture_free(f);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(roles_follow_the_table),
		cmocka_unit_test(own_user_is_maintainer),
		cmocka_unit_test(groups_come_from_the_kernel_or_the_database),
		cmocka_unit_test(other_users_get_their_groups_role),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
