/* load_rule: the parts of a rule. Internal to load_rules.c, load_when.c and load_select.c. */
#ifndef FIREGW_GATEWAY_CONFIG_LOAD_RULE_H
#define FIREGW_GATEWAY_CONFIG_LOAD_RULE_H

#include "gateway/config/bind.h"
#include "gateway/config/loader.h"

struct select_fields { struct field kind, building, building_class, height_above, floor, zone, bus, device, tag, point, class_, rule; };
struct when_fields {
	struct field above, below, outside, equals, bit, quality, count, rate, stuck, all, any;
	struct field deadband, of, same, within;
};
#define SELECT_KEYS_MAX 12
#define WHEN_KEYS_MAX   15

/* The keys of a selection and of a condition, for fields that lie `at` bytes into the destination; returns how many. `of`: the alarm keys too. */
size_t select_keys(struct bind_key *ret, size_t at, bool of);
size_t when_keys(struct bind_key *ret, size_t at);

/* `for`, or `of` with its alarm keys too. */
void load_select(struct loader *l, const struct node *n, bool of, struct rule_select *ret);
void load_select_fields(struct loader *l, const struct select_fields *f, struct rule_select *ret);
/* `when`: exactly one condition. 0 or -1: said why. */
int  load_when(struct loader *l, const struct node *n, struct rule_def *ret, struct rule_place *ret_place);
/* Of bound fields with exactly one condition. */
int  load_condition(struct loader *l, const struct when_fields *f, struct rule_def *ret, struct rule_place *ret_place);
/* all, any: the list of terms. 0 or -1: said why. */
int  load_terms(struct loader *l, const struct node *list, struct rule_def *ret, struct rule_place *ret_place);

#endif
