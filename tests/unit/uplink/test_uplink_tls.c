/* TLS: what goes through, and what is said when it does not. */
#include "rig.h"

#include <signal.h>
#include <stdlib.h>

struct world { struct broker broker; struct rig rig; char ca[256], other[256], cert[256], key[256], wrong[256]; };

static int setup_world(void **state)
{
	struct world *w = calloc(1, sizeof *w);

	broker_init(&w->broker);
	broker_make_certificates(&w->broker);
	rig_init(&w->rig, &w->broker);
	rig_set_url(&w->rig, 0, "mqtts", "localhost", w->broker.port);
	snprintf(w->ca, sizeof w->ca, "%s", broker_path(&w->broker, "ca.pem"));
	snprintf(w->other, sizeof w->other, "%s", broker_path(&w->broker, "other-ca.pem"));
	snprintf(w->cert, sizeof w->cert, "%s", broker_path(&w->broker, "client.pem"));
	snprintf(w->key, sizeof w->key, "%s", broker_path(&w->broker, "client.key"));
	w->rig.config.tls_ca = w->ca;
	*state = w;
	return 0;
}

static int teardown_world(void **state)
{
	struct world *w = *state;

	rig_done(&w->rig);
	broker_done(&w->broker);
	free(w);
	return 0;
}

#define SERVER "allow_anonymous true\ncafile %s/ca.pem\ncertfile %s/server.pem\nkeyfile %s/server.key\n"

static void expect_down(struct rig *r, enum hub_down why, const char *part)
{
	size_t before = r->downs;

	assert_int_equal(rig_connect(r, 0, NULL, NULL), 0);
	WAIT(r, r->downs == before + 1);
	print_message("%s\n", r->text);
	assert_int_equal(r->why, why);
	assert_non_null(strstr(r->text, part));
}

static void expect_delivery(struct rig *r)
{
	size_t before = r->n_delivered;

	rig_up(r);
	assert_int_equal(rig_send(r, 1, "rig/x", true, "x", 1), 0);
	WAIT(r, r->n_delivered == before + 1);
	rig_disconnect(r);
}

static void test_right(void **state)
{
	struct world *w = *state;

	broker_start(&w->broker, SERVER);
	rig_link(&w->rig);
	expect_delivery(&w->rig);
	rig_close_link(&w->rig);
	/* An address instead of a name: it stands in the certificate too. */
	rig_set_url(&w->rig, 0, "mqtts", "127.0.0.1", w->broker.port);
	rig_link(&w->rig);
	expect_delivery(&w->rig);
}

static void test_client_certificate(void **state)
{
	struct world *w = *state;

	broker_start(&w->broker, SERVER "require_certificate true\nuse_identity_as_username true");
	rig_link(&w->rig);
	expect_down(&w->rig, HUB_DOWN_CERTIFICATE, "tls.cert and tls.key");
	rig_close_link(&w->rig);
	w->rig.config.tls_cert = w->cert;
	w->rig.config.tls_key = w->key;
	rig_link(&w->rig);
	expect_delivery(&w->rig);
	expect_delivery(&w->rig);
}

static void test_wrong_ca(void **state)
{
	struct world *w = *state;

	broker_start(&w->broker, SERVER);
	w->rig.config.tls_ca = w->other;
	rig_link(&w->rig);
	expect_down(&w->rig, HUB_DOWN_CERTIFICATE, "check tls.ca");
	assert_non_null(strstr(w->rig.text, "certificate verify failed"));
	/* The file is replaced while the process runs: read afresh. */
	broker_shell(&w->broker, "cp ca.pem other-ca.pem");
	expect_delivery(&w->rig);
}

static void test_wrong_name(void **state)
{
	struct world *w = *state;

	broker_start(&w->broker, "allow_anonymous true\ncafile %s/ca.pem\ncertfile %s/wrong.pem\nkeyfile %s/wrong.key\n");
	rig_link(&w->rig);
	expect_down(&w->rig, HUB_DOWN_CERTIFICATE, "for another name");
}

static void test_files(void **state)
{
	struct world *w = *state;

	broker_start(&w->broker, SERVER);
	w->rig.config.tls_ca = "/nonexistent/ca.pem";
	rig_link(&w->rig);
	expect_down(&w->rig, HUB_DOWN_CERTIFICATE, "tls.ca: cannot read '/nonexistent/ca.pem': No such file");
	rig_close_link(&w->rig);
	broker_write(&w->broker, "junk.pem", "not a certificate\n", 0600);
	snprintf(w->wrong, sizeof w->wrong, "%s", broker_path(&w->broker, "junk.pem"));
	w->rig.config.tls_ca = w->ca;
	w->rig.config.tls_cert = w->wrong;
	rig_link(&w->rig);
	expect_down(&w->rig, HUB_DOWN_CERTIFICATE, "is not a PEM file");
	rig_close_link(&w->rig);
	/* A key that does not belong to the certificate. */
	w->rig.config.tls_cert = w->cert;
	snprintf(w->wrong, sizeof w->wrong, "%s", broker_path(&w->broker, "wrong.key"));
	w->rig.config.tls_key = w->wrong;
	rig_link(&w->rig);
	expect_down(&w->rig, HUB_DOWN_CERTIFICATE, "tls.key");
}

static void test_not_tls(void **state)
{
	struct world *w = *state;

	broker_start(&w->broker, "allow_anonymous true");
	rig_link(&w->rig);
	expect_down(&w->rig, HUB_DOWN_UNREACHABLE, "is this the TLS port?");
	/* And the other way round. */
	rig_close_link(&w->rig);
	broker_kill(&w->broker, SIGKILL);
	broker_start(&w->broker, SERVER);
	rig_set_url(&w->rig, 0, "mqtt", "localhost", w->broker.port);
	rig_link(&w->rig);
	expect_down(&w->rig, HUB_DOWN_UNREACHABLE, "closed the connection before it answered");
}

static void test_nobody_there(void **state)
{
	struct world *w = *state;

	rig_link(&w->rig);
	expect_down(&w->rig, HUB_DOWN_UNREACHABLE, "Connection refused");
}

/* An argument is a pattern of the tests to run. */
int main(int argc, char **argv)
{
	const struct CMUnitTest tests[] = {
#define T(f) cmocka_unit_test_setup_teardown(f, setup_world, teardown_world)
		T(test_right), T(test_client_certificate), T(test_wrong_ca), T(test_wrong_name), T(test_files), T(test_not_tls), T(test_nobody_there),
	};

	if (argc > 1)
		cmocka_set_test_filter(argv[1]);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
