/* directory: the payloads that describe: points, buildings (docs/mqtt.md). Pure, from a config. */
#ifndef FIREGW_GATEWAY_DIRECTORY_H
#define FIREGW_GATEWAY_DIRECTORY_H

#include "core/strbuf.h"
#include "gateway/compose.h"
#include "gateway/config/config.h"

/* One point's entry, without the closing brace: the CLI's `points` adds the value. */
void directory_entry(struct strbuf *out, const struct config *c, const struct point *p);
/* A node's points, page after page, appended to an empty list. 0 or -1 (no memory). */
int  directory_pages(const struct config *c, uint32_t node, struct outlist *out);
/* A building's record, with as much of the parties as `personal` allows. */
void directory_building(struct strbuf *out, const struct config *c, size_t building, enum config_personal personal);

#endif
