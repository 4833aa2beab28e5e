/* load_rule: the parts of a rule. Internal to load_rules.c, load_when.c and load_select.c. */
#ifndef FIREGW_GATEWAY_CONFIG_LOAD_RULE_H
#define FIREGW_GATEWAY_CONFIG_LOAD_RULE_H

#include "gateway/config/bind.h"
#include "gateway/config/loader.h"

/* `for`, or `of` with its alarm keys too. */
void load_select(struct loader *l, const struct node *n, bool of, struct rule_select *ret);
/* `when`: exactly one condition. 0 or -1: said why. */
int  load_when(struct loader *l, const struct node *n, struct rule_def *ret, struct rule_place *ret_place);

#endif
