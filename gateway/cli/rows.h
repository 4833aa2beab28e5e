/* rows: a request whose rows become one table, or one JSON list. */
#ifndef FIREGW_GATEWAY_CLI_ROWS_H
#define FIREGW_GATEWAY_CLI_ROWS_H

#include "gateway/cli/verb.h"

struct rows_table {
	const struct table_column *columns;
	size_t                     n;
	void                     (*add)(struct run *r, const json_t *row, void *table); /* adds the row's cells */
	const char                *none;    /* printed instead of an empty table; NULL: nothing */
};

/* Asks (takes the reference of args) and prints. Returns the verb's result; *ret_n rows came; *ret_result (may be NULL) is the end's
 * result, the caller's reference. */
int rows_list(struct run *r, const char *verb, json_t *args, const struct rows_table *shape, size_t *ret_n, json_t **ret_result);

#endif
