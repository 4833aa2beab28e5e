#include "gateway/uplink/setup.h"

#include <string.h>

/* NULL stays NULL; *ok becomes false without memory. */
static char *copy_text(const char *text, bool *ok)
{
	char *copy = text ? strdup(text) : NULL;

	*ok = *ok && (copy || !text);
	return copy;
}

int setup_take(struct setup *u, const struct frame *f, struct err *reterr)
{
	bool ok = true;

	if (u->done)
		return err_set(reterr, ERR_PROTOCOL, "a second setup");
	if ((f->number != 5 && f->number != 311) || f->list.n > SETUP_URLS_MAX || f->keepalive_s > UINT16_MAX)
		return err_set(reterr, ERR_PROTOCOL, "setup with version %u, %zu urls, keepalive %u", f->number, f->list.n, f->keepalive_s);
	*u = (struct setup){
		.done = true, .version = (int)f->number, .keepalive_s = f->keepalive_s ? (int)f->keepalive_s : SETUP_KEEPALIVE_S,
		.client_id = copy_text(f->client_id, &ok), .username = copy_text(f->username, &ok), .password_file = copy_text(f->password_file, &ok),
		.tls_ca = copy_text(f->tls_ca, &ok), .tls_cert = copy_text(f->tls_cert, &ok), .tls_key = copy_text(f->tls_key, &ok), .n_urls = f->list.n,
	};
	for (size_t i = 0; i < f->list.n; i++)
		u->urls[i] = copy_text(f->list.items[i], &ok);
	return ok ? 0 : err_set(reterr, ERR_NO_MEMORY, "no memory for the setup");
}

static size_t files_of(const struct setup *u, const char *ret[CAGE_FILES_MAX])
{
	const char *const files[CAGE_FILES_MAX] = { u->password_file, u->tls_ca, u->tls_cert, u->tls_key };

	memcpy(ret, files, sizeof files);
	return CAGE_FILES_MAX;
}

int setup_close_cage(struct setup *u, struct err *reterr)
{
	const char *files[CAGE_FILES_MAX];
	size_t n = files_of(u, files);

	return cage_close(&u->cage, files, n, reterr);
}

bool setup_in_reach(const struct setup *u)
{
	const char *files[CAGE_FILES_MAX];
	size_t n = files_of(u, files);

	return cage_fits(&u->cage, files, n);
}
