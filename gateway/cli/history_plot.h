/* history_plot: history's rows as charts, one a point, with what the daemon knows of each. */
#ifndef FIREGW_GATEWAY_CLI_HISTORY_PLOT_H
#define FIREGW_GATEWAY_CLI_HISTORY_PLOT_H

#include "gateway/cli/history.h"

/* from_ms … to_ms: the chart's. height: rows, 0 for the usual. NULL: no memory. */
struct history_plot *history_plot_new(struct run *r, int64_t from_ms, int64_t to_ms, int64_t every_ms, size_t height);
void                 history_plot_free(struct history_plot *p); /* accepts NULL */
/* An entry of `points`; keeps it. All of them before the first row. */
void    history_plot_know(struct history_plot *p, json_t *entry);
/* Rows are wanted from here on: what is before the chart says what holds as it begins. */
int64_t history_plot_from(const struct history_plot *p);

bool history_plot_point(struct history_plot *p, const char *point);
void history_plot_row(struct history_plot *p, const struct history_row *row);
void history_plot_end(struct history_plot *p);

#endif
