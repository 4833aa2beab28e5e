#include "gateway/cli/probe_scan.h"

#include "gateway/cli/probe_find.h"
#include "gateway/cli/probe_read.h"
#include "gateway/cli/probe_words.h"
#include "gateway/json_text.h"

#include <stdlib.h>
#include <unistd.h>

#define BLOCK_REGISTERS 125
#define BLOCK_BITS      1000
#define PAUSE_MS        30 /* between two reads of a line that is the daemon's: others want it too */

/* ---- shared ---- */

/* On a terminal, one line that is written over. */
static void progress_clear(void)
{
	if (isatty(STDERR_FILENO))
		fputs("\r\033[K", stderr);
}

static void put_json(struct run *r, json_t *o)
{
	json_text_put(&r->out, o);
	strbuf_putc(&r->out, '\n');
	json_decref(o);
}

static void say_why(const struct bus_request *rq, const struct probe_result *result, const struct probe_ask *ask, const struct probe_line *l)
{
	struct strbuf why = STRBUF_INIT;

	probe_explain(rq, result, ask, probe_line_bus(l) != NULL, &why);
	fprintf(stderr, "firegw: %s\n", why.data ? why.data : "no memory");
	strbuf_done(&why);
}

/* One read of many. */
static void read_one(struct probe_line *l, const struct bus_request *rq, struct probe_result *result)
{
	if (probe_line_bus(l) && !probe_line_wait(l, PAUSE_MS))
		result->answer = PROBE_STOPPED;
	else
		probe_line_read(l, rq->unit, rq->fc, rq->address, rq->count, result);
}

static bool is_end(const struct probe_result *result)
{
	return result->answer == PROBE_NO_LINE || result->answer == PROBE_REFUSED || result->answer == PROBE_LOST;
}

/* ---- units ---- */

struct units {
	struct run             *run;
	struct probe_line      *line;
	const struct probe_ask *ask;
	json_t                 *list;   /* of --json */
	unsigned                tried, found;
	bool                    stopped;
};

static void show_unit(struct units *u, uint8_t unit, const struct probe_result *result)
{
	char modicon[8];

	u->found++;
	if (u->list) {
		bool values = result->answer == PROBE_VALUES;
		json_array_append_new(u->list, json_pack("{s:i, s:s, s:o, s:o}", "unit", unit, "answer", values ? "values" : "exception", "value",
		                                         values ? json_integer(result->values[0]) : json_null(), "exception",
		                                         values ? json_null() : json_integer(result->exception)));
		return;
	}
	progress_clear();
	strbuf_printf(&u->run->out, "unit %u answers: ", unit);
	if (result->answer == PROBE_VALUES)
		strbuf_printf(&u->run->out, "%s is %u\n", probe_modicon(u->ask->fc, u->ask->address, modicon), result->values[0]);
	else
		strbuf_printf(&u->run->out, "exception %d, %s\n", result->exception, probe_exception_name(result->exception));
	u->stopped = !run_flush(u->run);
}

static void end_units(struct units *u)
{
	unsigned all = (unsigned)(u->ask->unit_last - u->ask->unit) + 1;

	if (u->list) {
		put_json(u->run, json_pack("{s:s, s:s?, s:i, s:i, s:b, s:o}", "url", probe_line_url(u->line), "bus", probe_line_bus(u->line), "tried", (int)u->tried,
		                           "found", (int)u->found, "stopped", u->stopped, "units", u->list));
		return;
	}
	progress_clear();
	strbuf_printf(&u->run->out, "%u of %u unit%s answered", u->found, u->tried, u->tried == 1 ? "" : "s");
	if (u->tried < all)
		strbuf_printf(&u->run->out, " (ended before the other %u)", all - u->tried);
	strbuf_puts(&u->run->out, u->tried > 3 && u->found == u->tried ? ": this device does not look at the unit number\n" : "\n");
}

int probe_scan_units(struct run *r, struct probe_line *l, const struct probe_ask *ask)
{
	struct units u = { .run = r, .line = l, .ask = ask, .list = r->json ? json_array() : NULL };
	struct probe_result *result = calloc(1, sizeof *result);
	int code = RESULT_DONE;

	for (unsigned unit = ask->unit; result && unit <= ask->unit_last && !u.stopped; unit++) {
		struct bus_request rq = { .unit = (uint8_t)unit, .fc = ask->fc, .address = ask->address, .count = 1 };
		if (isatty(STDERR_FILENO))
			fprintf(stderr, "\r\033[Kunit %u of %u-%u, %u found", unit, ask->unit, ask->unit_last, u.found);
		read_one(l, &rq, result);
		u.stopped = result->answer == PROBE_STOPPED;
		if (is_end(result)) {
			progress_clear();
			say_why(&rq, result, ask, l);
			code = result->answer == PROBE_LOST ? RESULT_UNREACHABLE : RESULT_NO;
			break;
		}
		u.tried += !u.stopped;
		if (probe_is_alive(result))
			show_unit(&u, rq.unit, result);
	}
	end_units(&u);
	free(result);
	return code != RESULT_DONE ? code : u.found ? RESULT_DONE : RESULT_NO;
}

/* ---- registers ---- */

struct registers {
	struct run             *run;
	struct probe_line      *line;
	const struct probe_ask *ask;
	uint8_t                 fc;
	unsigned                reads;
	struct probe_result     result;
	int                     code;   /* not RESULT_DONE: the line went away, and it was said */
};

static enum probe_found read_block(void *user, uint16_t address, uint16_t count)
{
	struct registers *s = user;
	struct bus_request rq = { .unit = s->ask->unit, .fc = s->fc, .address = address, .count = count };

	s->reads++;
	if (isatty(STDERR_FILENO))
		fprintf(stderr, "\r\033[Kfc %u, from %u on, %u read%s", s->fc, address, s->reads, s->reads == 1 ? "" : "s");
	read_one(s->line, &rq, &s->result);
	if (s->result.answer == PROBE_VALUES)
		return PROBE_FOUND_ALL;
	if (s->result.answer == PROBE_STOPPED)
		return PROBE_FOUND_STOP;
	if (is_end(&s->result)) {
		progress_clear();
		say_why(&rq, &s->result, s->ask, s->line);
		s->code = s->result.answer == PROBE_LOST ? RESULT_UNREACHABLE : RESULT_NO;
		return PROBE_FOUND_STOP;
	}
	if (!probe_is_alive(&s->result))
		return PROBE_FOUND_SILENT;
	return s->result.exception == 1 ? PROBE_FOUND_FUNCTION : PROBE_FOUND_REFUSED;
}

static const char *outcome(const struct probe_find *f)
{
	return f->no_function ? "unknown function" : f->stopped ? "ended early" : !f->answered ? "no answer" : f->gave_up ? "no answer from there on" : f->silent ? "partly no answer" : "";
}

static json_t *ranges_json(const struct registers *s, const struct probe_find *f)
{
	json_t *list = json_array();
	char a[8], z[8];

	for (size_t i = 0; i < f->n; i++)
		json_array_append_new(list, json_pack("{s:i, s:i, s:s, s:s}", "first", f->ranges[i].first, "last", f->ranges[i].last, "modicon_first",
		                                      probe_modicon(s->fc, f->ranges[i].first, a), "modicon_last", probe_modicon(s->fc, f->ranges[i].last, z)));
	return json_pack("{s:i, s:s, s:s?, s:o}", "fc", s->fc, "what", probe_fc_name(s->fc), "trouble", outcome(f)[0] ? outcome(f) : NULL, "ranges", list);
}

static void show_ranges(const struct registers *s, const struct probe_find *f)
{
	struct strbuf *out = &s->run->out;
	char a[8], z[8];

	progress_clear();
	strbuf_printf(out, "fc %u, %s: ", s->fc, probe_fc_name(s->fc));
	for (size_t i = 0; i < f->n; i++) {
		const struct probe_range *g = &f->ranges[i];
		if (g->first == g->last)
			strbuf_printf(out, "%s%u (%s)", i ? ", " : "", g->first, probe_modicon(s->fc, g->first, a));
		else
			strbuf_printf(out, "%s%u-%u (%s-%s)", i ? ", " : "", g->first, g->last, probe_modicon(s->fc, g->first, a), probe_modicon(s->fc, g->last, z));
	}
	if (f->n == 0)
		strbuf_puts(out, "none");
	if (outcome(f)[0])
		strbuf_printf(out, "; %s", outcome(f));
	strbuf_putc(out, '\n');
	run_flush(s->run);
}

int probe_scan_registers(struct run *r, struct probe_line *l, const struct probe_ask *ask)
{
	struct registers *s = calloc(1, sizeof *s);
	json_t *list = r->json ? json_array() : NULL;
	bool found = false, stopped = !s;

	if (!s)
		r->out.failed = true; /* run_flush says so */
	for (uint8_t fc = ask->fc ? ask->fc : 1; !stopped && fc <= (ask->fc ? ask->fc : 4); fc++) {
		struct probe_find f = { .read = read_block, .user = s };
		s->run = r;
		s->line = l;
		s->ask = ask;
		s->fc = fc;
		probe_find(&f, ask->address, ask->count, fc <= 2 ? BLOCK_BITS : BLOCK_REGISTERS);
		r->out.failed = r->out.failed || f.failed;
		stopped = f.stopped;
		found = found || f.n > 0;
		if (list)
			json_array_append_new(list, ranges_json(s, &f));
		else
			show_ranges(s, &f);
		free(f.ranges);
	}
	progress_clear();
	if (list)
		put_json(r, json_pack("{s:s, s:s?, s:i, s:i, s:i, s:b, s:o}", "url", probe_line_url(l), "bus", probe_line_bus(l), "unit", ask->unit, "first", ask->address, "count",
		                      (int)ask->count, "stopped", stopped, "functions", list));
	if (s && s->code == RESULT_DONE && s->result.answer == PROBE_SILENT && !found)
		say_why(&(struct bus_request){ .unit = ask->unit, .fc = s->fc }, &s->result, ask, l);
	int code = s && s->code != RESULT_DONE ? s->code : found ? RESULT_DONE : RESULT_NO;
	free(s);
	return code;
}
