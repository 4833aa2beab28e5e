/* plot_inside: what the files of plot share. */
#ifndef FIREGW_GATEWAY_CLI_PLOT_INSIDE_H
#define FIREGW_GATEWAY_CLI_PLOT_INSIDE_H

#include "gateway/cli/plot.h"

#define PLOT_DOTS_X 2u /* a cell of braille */
#define PLOT_DOTS_Y 4u
#define PLOT_TEXT   48u

struct plot_column {
	double min, max;     /* NaN: no value */
	bool   bad, unknown; /* some of its time */
};

struct plot {
	const struct plot_frame *frame;
	const struct plot_about *about;
	int64_t                  gap_ms;
	size_t                   n;         /* dot columns */
	struct plot_column      *columns;
	/* what holds */
	bool                     any;
	int64_t                  at_ms;     /* up to here all is drawn */
	int64_t                  heard_ms;  /* of the last reading */
	double                   value;
	enum quality             quality;
	/* of what is seen */
	double                   min, max, last;
	double                   held_mean, held_ms; /* by time */
	double                   mean, n_values;     /* by number, for what held no time */
	bool                     is_whole;  /* nothing but integers */
	bool                     has_odd;   /* good readings that cannot be drawn */
	enum quality             worst;
};

/* plot_scale.c */
/* The value axis: lo, lo + step, … lo + n × step. */
struct plot_scale { double lo, hi, step; unsigned n; };
/* is_whole: ticks at integers only. NaN limits are none; those that would leave the values less than half of the height stay outside. */
void   plot_scale_fit(struct plot_scale *s, double min, double max, const double *limits, size_t n_limits, bool is_whole, size_t height);
/* The dot row, 0 on top. */
size_t plot_scale_dot(const struct plot_scale *s, double v, size_t n_dots);
/* At most `room` characters. */
void   plot_scale_label(const struct plot_scale *s, unsigned tick, size_t room, char buf[PLOT_TEXT]);

struct plot_tick { size_t column; char text[PLOT_TEXT]; };
/* The time axis: ticks whose texts, centred, do not touch. Returns how many. */
size_t plot_time_ticks(int64_t from_ms, int64_t to_ms, size_t columns, struct plot_tick *ret, size_t max);

#endif
