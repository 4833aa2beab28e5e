#include "storage/store_internal.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

static const char *text_of(sqlite3_stmt *st, int i)
{
	const char *text = (const char *)sqlite3_column_text(st, i);

	return text ? text : "";
}

static int check_row(struct store *s, sqlite3_stmt *st, struct audit_chain *chain, struct err *reterr)
{
	struct record_audit row = {
		.at_ms = sqlite3_column_int64(st, 1),
		.actor = text_of(st, 2), .role = text_of(st, 3), .action = text_of(st, 4), .subject = text_of(st, 5), .result = text_of(st, 6), .detail = text_of(st, 7),
	};
	char hash[AUDIT_HASH_MAX];
	int64_t n = sqlite3_column_int64(st, 0);

	if (n != chain->rows + 1)
		return err_set(reterr, ERR_DAMAGED, "database '%s': audit row %" PRId64 " is missing", s->path, chain->rows + 1);
	if (audit_hash(chain, &row, hash) < 0)
		return err_set(reterr, ERR_NO_MEMORY, "database '%s': no memory to check the audit rows", s->path);
	if (strcmp(hash, text_of(st, 8)) != 0)
		return err_set(reterr, ERR_DAMAGED, "database '%s': audit row %" PRId64 " was changed", s->path, n);
	chain->rows = n;
	memcpy(chain->head, hash, sizeof hash);
	return 0;
}

int store_audit_verify(struct store *s, int64_t *ret_rows, struct err *reterr)
{
	struct audit_chain chain = { 0 };
	sqlite3_stmt *st;
	int rc;

	if (db_prepare(s->db, s->path, "SELECT n, at, actor, role, action, subject, result, detail, hash FROM audit ORDER BY n", &st, reterr) < 0)
		return -1;
	while ((rc = sqlite3_step(st)) == SQLITE_ROW)
		if (check_row(s, st, &chain, reterr) < 0) {
			sqlite3_finalize(st);
			return -1;
		}
	sqlite3_finalize(st);
	if (rc != SQLITE_DONE)
		return store_fail(s, rc, "checking the audit rows", reterr);
	/* The last rows may have been cut off: then the head that was kept beside them is another. */
	if (chain.rows < s->chain.rows)
		return err_set(reterr, ERR_DAMAGED, "database '%s': audit row %" PRId64 " is missing", s->path, chain.rows + 1);
	if (chain.rows > s->chain.rows || strcmp(chain.head, s->chain.head) != 0)
		return err_set(reterr, ERR_DAMAGED, "database '%s': audit row %" PRId64 " was not written by firegwd", s->path, chain.rows > s->chain.rows ? s->chain.rows + 1 : chain.rows);
	*ret_rows = chain.rows;
	return 0;
}
