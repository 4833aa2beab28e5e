#include "storage/audit.h"

#include <inttypes.h>
#include <openssl/evp.h>
#include <stdio.h>
#include <string.h>

/* Lengths in front, so that no text can pass for another row's. */
static bool put(EVP_MD_CTX *ctx, const char *text)
{
	char head[24];
	size_t len = text ? strlen(text) : 0;
	int n = snprintf(head, sizeof head, "%zu:", len);

	return EVP_DigestUpdate(ctx, head, (size_t)n) && (len == 0 || EVP_DigestUpdate(ctx, text, len)) && EVP_DigestUpdate(ctx, ",", 1);
}

static bool put_int(EVP_MD_CTX *ctx, int64_t v)
{
	char text[24];

	snprintf(text, sizeof text, "%" PRId64, v);
	return put(ctx, text);
}

int audit_hash(const struct audit_chain *chain, const struct record_audit *row, char ret_hash[AUDIT_HASH_MAX])
{
	unsigned char sum[EVP_MAX_MD_SIZE];
	unsigned len = 0;
	EVP_MD_CTX *ctx = EVP_MD_CTX_new();

	if (!ctx)
		return -1;
	bool ok = EVP_DigestInit_ex(ctx, EVP_sha256(), NULL) && EVP_DigestUpdate(ctx, chain->head, strlen(chain->head)) && put_int(ctx, chain->rows + 1) &&
	          put_int(ctx, row->at_ms) && put(ctx, row->actor) && put(ctx, row->role) && put(ctx, row->action) && put(ctx, row->subject) &&
	          put(ctx, row->result) && put(ctx, row->detail) && EVP_DigestFinal_ex(ctx, sum, &len) && len * 2 < AUDIT_HASH_MAX;
	EVP_MD_CTX_free(ctx);
	if (!ok)
		return -1;
	for (unsigned i = 0; i < len; i++)
		snprintf(ret_hash + i * 2, 3, "%02x", sum[i]);
	return 0;
}
