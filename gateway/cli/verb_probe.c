/* probe: registers read by hand, once or again and again; looking for units and registers is probe_scan.c's. */
#include "gateway/cli/verb.h"

#include "gateway/cli/probe_ask.h"
#include "gateway/cli/probe_line.h"
#include "gateway/cli/probe_scan.h"
#include "gateway/cli/probe_show.h"
#include "gateway/cli/probe_words.h"
#include "gateway/json_text.h"

#include <stdlib.h>
#include <string.h>
#include <time.h>

struct probe {
	struct run             *run;
	const struct probe_ask *ask;
	struct probe_line      *line;
	struct probe_result     result;
	/* --watch */
	uint16_t                before[PROBE_VALUES_MAX];
	bool                    seen;       /* before is there */
	bool                    terminal;
	char                    trouble[ERR_TEXT_MAX]; /* the last one said; "" if the last read was good */
};

static struct bus_request request_of(const struct probe_ask *ask)
{
	return (struct bus_request){ .unit = ask->unit, .fc = ask->fc, .address = ask->address, .count = (uint16_t)ask->count };
}

static struct probe_block block_of(const struct probe *p)
{
	return (struct probe_block){ .fc = p->ask->fc, .address = p->ask->address, .values = p->result.values, .n = p->ask->count };
}

static void put_head(const struct probe *p)
{
	const struct probe_ask *ask = p->ask;
	uint32_t last = ask->address + ask->count - 1;
	char a[8], z[8];

	strbuf_printf(&p->run->out, "%s, unit %u, fc %u (%s), %s %u", probe_line_url(p->line), ask->unit, ask->fc, probe_fc_name(ask->fc),
	              ask->fc <= 2 ? "bit" : "register", ask->address);
	if (ask->count > 1)
		strbuf_printf(&p->run->out, "-%u = %s-%s\n\n", last, probe_modicon(ask->fc, ask->address, a), probe_modicon(ask->fc, last, z));
	else
		strbuf_printf(&p->run->out, " = %s\n\n", probe_modicon(ask->fc, ask->address, a));
}

static void put_json(const struct probe *p, const char *trouble)
{
	const struct probe_ask *ask = p->ask;
	struct timespec t;
	char at[CLOCK_TEXT_MAX];

	clock_gettime(CLOCK_REALTIME, &t);
	json_t *o = json_pack("{s:s, s:s, s:s?, s:i, s:i}", "at", clock_format((int64_t)t.tv_sec * 1000 + t.tv_nsec / CLOCK_NS_PER_MS, at), "url",
	                      probe_line_url(p->line), "bus", probe_line_bus(p->line), "unit", ask->unit, "fc", ask->fc);
	if (trouble) {
		json_object_set_new(o, "error", json_string(trouble));
		json_object_set_new(o, "exception", p->result.answer == PROBE_EXCEPTION ? json_integer(p->result.exception) : json_null());
	} else {
		const struct probe_block b = block_of(p);
		probe_show_json(&b, o);
	}
	json_text_put(&p->run->out, o);
	strbuf_putc(&p->run->out, '\n');
	json_decref(o);
}

/* Why there are no values, in words; buf holds ERR_TEXT_MAX bytes. */
static const char *explain(const struct probe *p, char *buf)
{
	const struct bus_request rq = request_of(p->ask);
	struct strbuf why = STRBUF_INIT;

	probe_explain(&rq, &p->result, p->ask, probe_line_bus(p->line) != NULL, &why);
	snprintf(buf, ERR_TEXT_MAX, "%s", why.data ? why.data : "no memory");
	strbuf_done(&why);
	return buf;
}

static void read_block(struct probe *p)
{
	const struct probe_ask *ask = p->ask;

	probe_line_read(p->line, ask->unit, ask->fc, ask->address, (uint16_t)ask->count, &p->result);
}

/* ---- once ---- */

static int run_once(struct probe *p)
{
	const struct probe_block b = block_of(p);
	char why[ERR_TEXT_MAX];

	read_block(p);
	if (p->result.answer == PROBE_VALUES && p->run->json) {
		put_json(p, NULL);
	} else if (p->result.answer == PROBE_VALUES) {
		put_head(p);
		probe_show_block(&b, NULL, &p->run->look, &p->run->out);
	} else if (p->result.answer != PROBE_STOPPED) {
		run_say("%s", explain(p, why));
		if (p->run->json)
			put_json(p, why);
	}
	return p->result.answer == PROBE_VALUES ? RESULT_DONE : p->result.answer == PROBE_LOST ? RESULT_UNREACHABLE : RESULT_NO;
}

/* ---- again and again ---- */

static const char *clock_text(char buf[32])
{
	time_t t = time(NULL);
	struct tm tm;

	localtime_r(&t, &tm);
	strftime(buf, 32, "%H:%M:%S", &tm);
	return buf;
}

/* The picture: the table at the top of the screen, with what changed since the last read marked. */
static void draw(struct probe *p, const char *trouble)
{
	const struct probe_block b = block_of(p);
	struct strbuf *out = &p->run->out;
	char at[32];

	strbuf_puts(out, "\033[H\033[J");
	put_head(p);
	if (trouble)
		style_put_human(out, &p->run->look, STYLE_RED, trouble);
	else
		probe_show_block(&b, p->seen ? p->before : NULL, &p->run->look, out);
	strbuf_printf(out, "\n%s, every %lld ms; Ctrl-C ends\n", clock_text(at), (long long)p->ask->every_ms);
}

/* Lines: first all that there is, then what changes. */
static void put_lines(struct probe *p, const char *trouble)
{
	const struct probe_block b = block_of(p);
	struct strbuf *out = &p->run->out;
	bool same = p->seen && memcmp(b.values, p->before, b.n * sizeof *b.values) == 0;
	char at[32];

	if (trouble && strcmp(trouble, p->trouble) == 0)
		return;
	if (!trouble && same && !p->trouble[0])
		return;
	if (p->run->json) {
		put_json(p, trouble);
	} else if (trouble) {
		strbuf_printf(out, "%s  ", clock_text(at));
		human_put(out, trouble);
		strbuf_putc(out, '\n');
	} else if (!p->seen) {
		put_head(p);
		probe_show_block(&b, NULL, &p->run->look, out);
		strbuf_putc(out, '\n');
	} else if (probe_show_changes(&b, p->before, clock_text(at), out) == 0) {
		strbuf_printf(out, "%s  answers again, nothing changed\n", at);
	}
}

/* One read and what is shown of it. False: it is over. */
static bool watch_once(struct probe *p)
{
	char why[ERR_TEXT_MAX];
	const char *trouble = NULL;

	read_block(p);
	if (p->result.answer == PROBE_STOPPED)
		return false;
	if (p->result.answer != PROBE_VALUES)
		trouble = explain(p, why);
	if (p->terminal)
		draw(p, trouble);
	else
		put_lines(p, trouble);
	snprintf(p->trouble, sizeof p->trouble, "%s", trouble ? trouble : "");
	if (!trouble) {
		memcpy(p->before, p->result.values, p->ask->count * sizeof *p->before);
		p->seen = true;
	}
	bool over = p->result.answer == PROBE_LOST || (p->result.answer == PROBE_REFUSED && !probe_is_busy(&p->result));
	return run_flush(p->run) && !over;
}

static int run_watch(struct probe *p)
{
	int64_t next = probe_now_ms(), end = p->ask->for_ms ? next + p->ask->for_ms : INT64_MAX;

	p->terminal = run_draws(p->run);
	while (watch_once(p)) {
		int64_t now = probe_now_ms();
		next = next + p->ask->every_ms > now ? next + p->ask->every_ms : now;
		if (next >= end) {
			probe_line_wait(p->line, end - now);
			break;
		}
		if (!probe_line_wait(p->line, next - now))
			break;
	}
	if (p->result.answer == PROBE_LOST)
		return RESULT_UNREACHABLE;
	return p->seen ? RESULT_DONE : RESULT_NO;
}

/* ---- the verb ---- */

static int run_probe(struct probe *p)
{
	switch (p->ask->what) {
	case PROBE_READ: return run_once(p);
	case PROBE_WATCH: return run_watch(p);
	case PROBE_SCAN_UNITS: return probe_scan_units(p->run, p->line, p->ask);
	case PROBE_SCAN_REGISTERS: return probe_scan_registers(p->run, p->line, p->ask);
	}
	return RESULT_NO;
}

int verb_probe(struct run *r)
{
	struct probe_ask ask;
	int result = RESULT_DONE;
	struct err e;

	if (probe_ask_parse(&r->args, &ask, &e))
		return run_usage("probe: %s", e.text);
	struct probe *p = calloc(1, sizeof *p);
	if (!p) {
		err_set(&e, ERR_NO_MEMORY, "no memory");
		return run_fail(&e, RESULT_NO);
	}
	p->run = r;
	p->ask = &ask;
	p->line = probe_line_open(r, &ask, &result);
	if (p->line)
		result = run_probe(p);
	probe_line_close(p->line);
	free(p);
	return result;
}
