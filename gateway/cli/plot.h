/* plot: readings as a chart for a terminal. Keeps one lowest and highest value a dot column, so that memory is bounded by the chart and not by
 * the readings, and the shortest spike is seen. Pure, but for the process's zone on the time axis. */
#ifndef FIREGW_GATEWAY_CLI_PLOT_H
#define FIREGW_GATEWAY_CLI_PLOT_H

#include "core/point.h"
#include "gateway/cli/table.h"

#define PLOT_HEIGHT     10u  /* rows, unless someone says otherwise */
#define PLOT_HEIGHT_MIN 2u
#define PLOT_HEIGHT_MAX 200u
#define PLOT_LIMITS     4u   /* low2, low, high, high2 */
#define PLOT_LEVELS_MAX 256u

/* What is known of a point beside its readings. Borrowed. */
struct plot_about {
	const char *id, *name, *unit;     /* "" where not known */
	double      limits[PLOT_LIMITS];  /* NaN: none */
	/* Of an enum: its numbers, rising, and their words; the chart has a step for each, equally high. n_levels 0: no enum. */
	const double      *levels;
	const char *const *labels;
	size_t             n_levels;
};

/* The same for all charts of one output, so that their times stand below each other. */
struct plot_frame {
	int64_t     from_ms, to_ms;
	int64_t     now_ms;         /* nothing is known behind it */
	size_t      left, columns, right, height; /* cells: labels, chart, limits' names; rows */
	bool        is_ascii;
	struct look look;
};
/* Makes room for what stands beside the chart: first for each point, then the rest of `width` cells is the chart. */
void plot_frame_room(struct plot_frame *f, const struct plot_about *about);
void plot_frame_end(struct plot_frame *f, size_t width);

struct plot;
/* Frame and about are borrowed. A reading holds until the next one, but not longer than gap_ms. NULL: no memory. */
struct plot *plot_new(const struct plot_frame *f, const struct plot_about *about, int64_t gap_ms);
void         plot_free(struct plot *p);
/* In order of time. Readings from before the frame say what holds as it begins. value: NaN unless good. */
void         plot_add(struct plot *p, int64_t at_ms, double value, enum quality quality);
struct plot_span { int64_t at_ms, every_ms; double min, max, mean, last; enum quality worst; };
void         plot_add_span(struct plot *p, const struct plot_span *s);
/* What holds goes on up to the frame's end, or now. */
void         plot_end(struct plot *p);
/* With its title. */
void         plot_put(const struct plot *p, struct strbuf *out);

#endif
