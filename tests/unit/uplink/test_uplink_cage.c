/* What the uplink process may do once its cage is closed. Each try is made in a child, since there is no way back. */
#include "gateway/uplink/cage.h"

#include <errno.h>
#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
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

static char root[64];

static const char *at(const char *name)
{
	static char paths[4][128];
	static unsigned next;
	char *path = paths[next++ % 4];

	snprintf(path, sizeof paths[0], "%s/%s", root, name);
	return path;
}

static void put(const char *name, const char *text)
{
	FILE *f = fopen(at(name), "w");

	assert_non_null(f);
	fputs(text, f);
	fclose(f);
}

static int setup(void **state)
{
	(void)state;
	strcpy(root, "/tmp/cage.XXXXXX");
	assert_non_null(mkdtemp(root));
	assert_int_equal(mkdir(at("own"), 0700) | mkdir(at("other"), 0700) | mkdir(at("elsewhere"), 0700), 0);
	put("own/password", "x");
	put("other/firegw.db", "x");
	put("elsewhere/cert", "x");
	assert_int_equal(symlink(at("elsewhere/cert"), at("own/cert")), 0);
	return 0;
}

static int teardown(void **state)
{
	char command[128];

	(void)state;
	snprintf(command, sizeof command, "rm -rf %s", root);
	return system(command);
}

/* What errno `try` leaves within the cage; 0: it works. */
static int within(int (*try)(void))
{
	const char *const files[] = { at("own/password"), NULL, at("own/cert"), at("own/not/yet/there") };
	pid_t pid = fork();
	int status;

	assert_true(pid >= 0);
	if (pid == 0) {
		struct err e;
		prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0);
		struct cage c = { 0 };
		if (cage_close(&c, files, 4, &e) < 0)
			_exit(e.code == ERR_UNSUPPORTED ? 200 : 201);
		_exit(try() < 0 ? errno : 0);
	}
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_true(WIFEXITED(status));
	if (WEXITSTATUS(status) == 200) {
		print_message("this kernel has no Landlock: nothing to see\n");
		skip();
	}
	assert_int_not_equal(WEXITSTATUS(status), 201);
	return WEXITSTATUS(status);
}

static int read_own(void) { return open(at("own/password"), O_RDONLY); }
static int read_beside(void) { return open(at("own/cert"), O_RDONLY); } /* through the symlink */
static int read_resolver(void) { return open("/etc/hosts", O_RDONLY); }
static int read_random(void) { return open("/dev/urandom", O_RDONLY); }
static int read_database(void) { return open(at("other/firegw.db"), O_RDONLY); }
static int list_root(void) { return open("/", O_RDONLY | O_DIRECTORY); }
static int write_own(void) { return open(at("own/password"), O_WRONLY); }
static int make_file(void) { return open(at("own/new"), O_WRONLY | O_CREAT, 0600); }
static int remove_file(void) { return unlink(at("own/password")); }
static int run_program(void) { return execl("/bin/true", "true", (char *)NULL); }
static int open_socket(void) { return socket(AF_INET, SOCK_STREAM, 0); }

static void test_what_it_needs(void **state)
{
	(void)state;
	assert_int_equal(within(read_own), 0);
	assert_int_equal(within(read_beside), 0);
	assert_int_equal(within(read_resolver), 0);
	assert_int_equal(within(read_random), 0);
	assert_int_equal(within(open_socket), 0);
}

static void test_what_it_has_no_business_with(void **state)
{
	(void)state;
	assert_int_equal(within(read_database), EACCES);
	assert_int_equal(within(list_root), EACCES);
	assert_int_equal(within(write_own), EACCES);
	assert_int_equal(within(make_file), EACCES);
	assert_int_equal(within(remove_file), EACCES);
	assert_int_equal(within(run_program), EACCES);
}

/* Rights are those of directories, not of names: what cannot be read from within any more is noticed. */
static void test_files_that_move(void **state)
{
	char own[128], cert[128], none[128];
	const char *const files[] = { own, NULL, cert, none };
	struct cage c = { 0 };

	(void)state;
	strcpy(own, at("own/password"));
	strcpy(cert, at("own/cert"));
	strcpy(none, at("own/not/yet/there"));
	assert_true(cage_fits(&c, files, 4)); /* not closed: everything is in reach */
	cage_note(&c, files, 4);
	assert_true(cage_fits(&c, files, 4));
	put("own/next", "y");
	assert_int_equal(rename(at("own/next"), own), 0); /* replaced where it stood */
	assert_true(cage_fits(&c, files, 4));
	assert_int_equal(unlink(cert) | symlink(at("other/firegw.db"), cert), 0);
	assert_false(cage_fits(&c, files, 4));
	cage_note(&c, files, 4);
	assert_true(cage_fits(&c, files, 4));
	assert_int_equal(rename(at("own"), at("was")) | rename(at("other"), at("own")), 0);
	assert_true(cage_fits(&c, files, 4)); /* gone: nothing to be read anywhere */
	put("own/password", "z");
	assert_false(cage_fits(&c, files, 4)); /* the same name in another directory */
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_what_it_needs, setup, teardown),
		cmocka_unit_test_setup_teardown(test_files_that_move, setup, teardown),
		cmocka_unit_test_setup_teardown(test_what_it_has_no_business_with, setup, teardown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
