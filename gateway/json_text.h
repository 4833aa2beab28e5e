/* json_text: a JSON tree as text on one line, with the shortest decimals (0.35, where jansson's own writer says 0.34999999999999998). */
#ifndef FIREGW_GATEWAY_JSON_TEXT_H
#define FIREGW_GATEWAY_JSON_TEXT_H

#include "core/strbuf.h"

#include <jansson.h>

/* Appends; keys keep their order. NULL becomes null. Depth is that of the tree (jansson reads at most 2,048). */
void json_text_put(struct strbuf *out, const json_t *value);

#endif
