/* audit: the chain of hashes over the audit rows: each is SHA-256 over the previous row's hash (64 hex digits; nothing for the first) and the row. */
#ifndef FIREGW_STORAGE_AUDIT_H
#define FIREGW_STORAGE_AUDIT_H

#include "core/record.h"

#define AUDIT_HASH_MAX 65

struct audit_chain {
	int64_t rows;
	char    head[AUDIT_HASH_MAX]; /* "" before the first row */
};

/* The row that follows `chain`: its hash. The row's text is n, at, actor, role, action, subject, result, detail, each as LENGTH:BYTES, with a comma behind. 0 or -1. */
int audit_hash(const struct audit_chain *chain, const struct record_audit *row, char ret_hash[AUDIT_HASH_MAX]);

#endif
