/* What is said to whoever may not read or write the database. */
#include "fixture.h"

#include "storage/reader.h"
#include "storage/rights.h"

#include <grp.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static void expect_refused(struct fixture *f, uid_t owner, gid_t group, const char *cure)
{
	struct reader *r;
	struct err e = { 0 };

	assert_int_equal(chown(f->path, owner, group), 0);
	assert_int_equal(setgroups(0, NULL) | setegid(65534) | seteuid(65534), 0);
	int rc = reader_open(f->path, &r, &e);
	assert_int_equal(seteuid(0) | setegid(0), 0);
	assert_int_equal(rc, -1);
	assert_int_equal(e.code, ERR_DENIED);
	if (!strstr(e.text, cure))
		fail_msg("%s", e.text);
}

/* Whom to ask depends on whose it is: root's group is nobody's to join. */
static void test_reader_not_allowed(void **state)
{
	struct fixture f;
	(void)state;

	if (geteuid() != 0)
		skip();
	fixture_init(&f);
	fixture_open(&f);
	fixture_close(&f);
	chmod(f.dir, 0755);
	expect_refused(&f, 0, 0, "it is root's alone, who started firegwd by hand: read it as root (sudo -u root)");
	expect_refused(&f, 0, 4, "become a member of its group (usermod -aG adm USER)");
	expect_refused(&f, 1, 1, "it is daemon's alone");
	fixture_done(&f);
}

static void test_to_write(void **state)
{
	char text[RIGHTS_TEXT_MAX];
	(void)state;

	if (geteuid() != 0)
		skip();
	assert_non_null(strstr(rights_to_write(text), "firegwd was started as root: let root write"));
	assert_int_equal(seteuid(4000000), 0); /* nobody's number */
	rights_to_write(text);
	assert_int_equal(seteuid(0), 0);
	assert_non_null(strstr(text, "firegwd was started as 4000000: let 4000000 write"));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_reader_not_allowed),
		cmocka_unit_test(test_to_write),
	};

	return cmocka_run_group_tests_name("rights", tests, NULL, NULL);
}
