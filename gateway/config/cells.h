/* cells: what the cells of a point table hold, read into values. Texts of the findings say what a spreadsheet does to such cells. */
#ifndef FIREGW_GATEWAY_CONFIG_CELLS_H
#define FIREGW_GATEWAY_CONFIG_CELLS_H

#include "gateway/config/loader.h"

/* The register's notation (docs/points.md): fc 1 … 4 given: the protocol's own address from 0; fc 0: five or six digits, Modicon's, from 1, which set *fc.
 * 0 or -1: said why. what: "register", "decimals_from". */
int cell_register(struct loader *l, const struct node *at, const char *what, uint8_t *fc, uint16_t *ret_address);
/* bool, i16 … string:N. */
int cell_type(struct loader *l, const struct node *at, enum register_type *ret, uint16_t *ret_string_bytes);
const char *cell_type_text(enum register_type t);
unsigned    type_bits(enum register_type t); /* 0 for a string */
/* 3, or 0..7. */
int cell_bit(struct loader *l, const struct node *at, int8_t *ret_first, int8_t *ret_last);
/* 65535|0x7FFF; whole numbers for whole-number types of `bits` bits. */
int cell_invalid(struct loader *l, const struct node *at, const struct bus_point *p, double *ret, size_t *ret_n);
/* 0=normal|1=alarm, in the kept arena. */
int cell_enum(struct loader *l, const struct node *at, const struct point_label **ret, size_t *ret_n);
/* list_cell.c: log entries=40 size=3 …; the point's register, fc and type are known. And the text that reads back to it. */
int  cell_list(struct loader *l, const struct node *at, const struct bus_point *p, bool fc_given, unsigned max_registers, struct bus_list *ret);
void cell_list_text(const struct bus_list *b, struct strbuf *out);
int cell_gb_addr(struct loader *l, const struct node *at, uint32_t ret[POINT_GB_ADDR_MAX], size_t *ret_n);
int cell_tags(struct loader *l, const struct node *at, const char *text, const char *ret[POINT_TAGS_MAX], size_t *ret_n);

#endif
