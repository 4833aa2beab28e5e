/* show: the parts of the effective config as text. Internal to show*.c and hash.c. */
#ifndef FIREGW_GATEWAY_CONFIG_SHOW_H
#define FIREGW_GATEWAY_CONFIG_SHOW_H

#include "gateway/config/loader.h"
#include "gateway/config/writer.h"

void show_hub(struct writer *w, const struct config_hub *h);
void show_bus(struct writer *w, const struct config *c, const struct config_bus *b);
void show_rule(struct writer *w, const struct rule_def *r);

#endif
