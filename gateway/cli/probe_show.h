/* probe_show: what was read, as tables for people or as JSON. Pure. */
#ifndef FIREGW_GATEWAY_CLI_PROBE_SHOW_H
#define FIREGW_GATEWAY_CLI_PROBE_SHOW_H

#include "gateway/cli/probe_read.h"
#include "gateway/cli/table.h"

#include <jansson.h>

/* Registers with their 16 bits, then pairs and fours with every plausible reading, then text; how many readings were left out. before: the same block an
 * earlier time (what differs is marked, and its old value shown), or NULL. */
void probe_show_block(const struct probe_block *b, const uint16_t *before, const struct look *look, struct strbuf *out);
/* A line for each register or bit that differs: "40001 (fc 3, register 0): 235 → 240". Returns how many. */
size_t probe_show_changes(const struct probe_block *b, const uint16_t *before, const char *when, struct strbuf *out);
/* Adds "registers", "values", "texts", or "bits", to an object: all readings, each with "plausible". */
void probe_show_json(const struct probe_block *b, json_t *into);

#endif
