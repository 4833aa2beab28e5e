#include "gateway/cli/history.h"

#include "core/clock.h"
#include "gateway/cli/history_plot.h"

#include <string.h>

#define FLUSH_BYTES   ((size_t)32 * 1024)
#define TIME_COLUMNS  23
#define VALUE_COLUMNS 14

/* ---- numbers and texts ---- */

static void put_number(struct strbuf *out, double v, const char *none)
{
	if (isnan(v))
		strbuf_puts(out, none);
	else
		strbuf_json_double(out, v);
}

static void put_right_text(struct strbuf *out, const char *text)
{
	strbuf_printf(out, "  %*s", VALUE_COLUMNS, text);
}

static void put_right(struct strbuf *out, double v)
{
	char text[HUMAN_MAX];

	put_right_text(out, isnan(v) ? "-" : human_value(v, text));
}

/* ---- table ---- */

static void put_table_head(const struct history *h, struct strbuf *out)
{
	const struct look *look = &h->run->look;
	struct strbuf line = STRBUF_INIT;

	if (h->n_points > 1)
		strbuf_putc(out, '\n');
	strbuf_reset(&line);
	human_put(&line, h->point.data);
	style_put(out, look, STYLE_BOLD, line.data ? line.data : "");
	strbuf_reset(&line);
	pad_put(&line, "TIME", TIME_COLUMNS);
	if (h->every_ms)
		strbuf_printf(&line, "  %*s  %*s  %*s  %*s  %8s  QUALITY", VALUE_COLUMNS, "MIN", VALUE_COLUMNS, "MAX", VALUE_COLUMNS,
		              "MEAN", VALUE_COLUMNS, "LAST", "COUNT");
	else
		strbuf_printf(&line, "  %*s  QUALITY", VALUE_COLUMNS, "VALUE");
	strbuf_putc(out, '\n');
	style_put(out, look, STYLE_BOLD, line.data ? line.data : "");
	strbuf_putc(out, '\n');
	strbuf_done(&line);
}

static void put_table_row(const struct history *h, const struct history_row *row, struct strbuf *out)
{
	char time[HUMAN_MAX];

	if (h->n_point_rows == 0)
		put_table_head(h, out);
	pad_put(out, human_time(row->at_ms, time), TIME_COLUMNS);
	if (h->every_ms) {
		put_right(out, row->min);
		put_right(out, row->max);
		put_right_text(out, isnan(row->mean) ? "-" : human_mean(row->min, row->max, row->mean, time));
		put_right(out, row->value);
		strbuf_printf(out, "  %8lld", (long long)row->count);
	} else if (row->text) {
		strbuf_puts(out, "  ");
		human_put(out, row->text);
	} else {
		put_right(out, row->value);
	}
	strbuf_puts(out, "  ");
	style_put_human(out, &h->run->look, strcmp(row->quality, "good") == 0 ? STYLE_PLAIN : STYLE_YELLOW, row->quality);
	strbuf_putc(out, '\n');
}

/* ---- CSV ---- */

static void put_csv_head(const struct history *h, struct strbuf *out)
{
	strbuf_puts(out, h->every_ms ? "point,at,min,max,mean,last,count,worst_quality\r\n" : "point,at,value,quality\r\n");
}

static void put_csv_row(const struct history *h, const struct history_row *row, struct strbuf *out)
{
	char time[CLOCK_TEXT_MAX];
	const double numbers[] = { row->min, row->max, row->mean };

	csv_put(out, h->point.data);
	strbuf_printf(out, ",%s,", clock_format(row->at_ms, time));
	for (size_t i = 0; h->every_ms && i < 3; i++) {
		put_number(out, numbers[i], "");
		strbuf_putc(out, ',');
	}
	if (row->text)
		csv_put(out, row->text);
	else
		put_number(out, row->value, "");
	if (h->every_ms)
		strbuf_printf(out, ",%lld", (long long)row->count);
	strbuf_putc(out, ',');
	csv_put(out, row->quality);
	strbuf_puts(out, "\r\n");
}

/* ---- JSON ---- */

static void put_json_point(const struct history *h, struct strbuf *out)
{
	if (h->single)
		return;
	strbuf_puts(out, h->n_points == 1 ? "{" : "],\n");
	strbuf_json_string(out, h->point.data);
	strbuf_puts(out, ":[");
}

static void put_json_row(const struct history *h, const struct history_row *row, struct strbuf *out)
{
	const double numbers[] = { row->min, row->max, row->mean };

	if (h->n_point_rows)
		strbuf_puts(out, ",\n");
	strbuf_printf(out, "[%lld,", (long long)row->at_ms);
	for (size_t i = 0; h->every_ms && i < 3; i++) {
		strbuf_json_double(out, numbers[i]);
		strbuf_putc(out, ',');
	}
	if (row->text)
		strbuf_json_string(out, row->text);
	else
		strbuf_json_double(out, row->value);
	if (h->every_ms)
		strbuf_printf(out, ",%lld", (long long)row->count);
	strbuf_putc(out, ',');
	strbuf_json_string(out, row->quality);
	strbuf_putc(out, ']');
}

/* ---- flow ---- */

static void begin(struct history *h, struct strbuf *out)
{
	switch (h->format) {
	case HISTORY_TABLE:
	case HISTORY_PLOT:
		break;
	case HISTORY_CSV:
		put_csv_head(h, out);
		break;
	case HISTORY_JSON:
		if (h->single)
			strbuf_putc(out, '[');
		break;
	}
}

bool history_point(struct history *h, const char *point)
{
	struct strbuf *out = &h->run->out;

	if (h->n_points && strcmp(h->point.data, point) == 0)
		return true;
	strbuf_reset(&h->point);
	strbuf_puts(&h->point, point);
	if (h->point.failed) {
		out->failed = true;
		return false;
	}
	if (h->n_points++ == 0)
		begin(h, out);
	h->n_point_rows = 0;
	if (h->format == HISTORY_JSON)
		put_json_point(h, out);
	return h->format != HISTORY_PLOT || history_plot_point(h->plot, point);
}

bool history_row(struct history *h, const struct history_row *row)
{
	struct strbuf *out = &h->run->out;

	switch (h->format) {
	case HISTORY_TABLE:
		put_table_row(h, row, out);
		break;
	case HISTORY_CSV:
		put_csv_row(h, row, out);
		break;
	case HISTORY_JSON:
		put_json_row(h, row, out);
		break;
	case HISTORY_PLOT:
		history_plot_row(h->plot, row);
		break;
	}
	h->n_point_rows++;
	h->n_rows++;
	return out->len < FLUSH_BYTES ? !out->failed : run_flush(h->run);
}

void history_end(struct history *h)
{
	struct strbuf *out = &h->run->out;

	switch (h->format) {
	case HISTORY_TABLE:
		if (h->n_rows == 0)
			strbuf_puts(out, "no readings in that time\n");
		break;
	case HISTORY_CSV:
		if (h->n_points == 0)
			begin(h, out);
		break;
	case HISTORY_JSON:
		if (h->single)
			strbuf_puts(out, h->n_points ? "]\n" : "[]\n");
		else
			strbuf_puts(out, h->n_points ? "]}\n" : "{}\n");
		break;
	case HISTORY_PLOT:
		history_plot_end(h->plot);
		break;
	}
}

void history_done(struct history *h)
{
	strbuf_done(&h->point);
}
