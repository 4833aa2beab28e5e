/* check and show: a site's files, without the daemon. */
#include "gateway/cli/verb.h"

#include "gateway/config/config.h"

static void put_findings_json(const struct findings *f, struct strbuf *out)
{
	strbuf_putc(out, '[');
	for (size_t i = 0; i < f->n; i++) {
		const struct finding *x = &f->items[i];
		strbuf_puts(out, i ? ",\n{\"file\":" : "{\"file\":");
		strbuf_json_string(out, x->file);
		strbuf_printf(out, ",\"line\":%d,\"column\":%d,\"severity\":\"%s\",\"text\":", x->line, x->column,
		              x->severity == FINDING_ERROR ? "error" : "warning");
		strbuf_json_string(out, x->text);
		strbuf_putc(out, '}');
	}
	strbuf_puts(out, "]\n");
}

static void put_summary(const struct config *c, const struct findings *f, struct strbuf *out)
{
	char a[HUMAN_MAX], b[HUMAN_MAX];

	if (!c) {
		strbuf_printf(out, "%s, %s\n", human_plural((int64_t)f->errors, "error", a),
		              human_plural((int64_t)f->warnings, "warning", b));
		return;
	}
	strbuf_puts(out, "ok");
	if (f->warnings)
		strbuf_printf(out, ", with %s", human_plural((int64_t)f->warnings, "warning", a));
	strbuf_printf(out, ": %s, %s", human_plural((int64_t)c->n_buses, "bus", a), human_plural((int64_t)c->site.n_devices, "device", b));
	strbuf_printf(out, ", %s, %s", human_plural((int64_t)c->site.n_points, "point", a), human_plural((int64_t)c->n_rules, "rule", b));
	strbuf_printf(out, ", %s\n", human_plural((int64_t)c->n_hubs, "hub", a));
}

static const char *site_file(const struct run *r)
{
	const char *file = r->args.n_words ? r->args.words[0] : args_value(&r->args, "config");

	if (!file)
		run_usage("%s: -c SITE is missing: firegw %s -c site.yaml", r->verb->name, r->verb->name);
	return file;
}

int verb_check(struct run *r)
{
	const char *file = site_file(r);
	struct config *c = NULL;
	struct findings f = { 0 };

	if (!file)
		return RESULT_USAGE;
	config_load(file, &c, &f);
	if (r->json) {
		put_findings_json(&f, &r->out);
	} else {
		findings_print(&f, stdout);
		put_summary(c, &f, &r->out);
	}
	int result = c ? RESULT_DONE : RESULT_USAGE;
	config_free(c);
	findings_done(&f);
	return result;
}

int verb_show(struct run *r)
{
	const char *file = site_file(r);
	struct config *c = NULL;
	struct findings f = { 0 };
	int result = RESULT_DONE;

	if (!file)
		return RESULT_USAGE;
	if (config_load(file, &c, &f)) {
		findings_print(&f, stderr);
		result = RESULT_USAGE;
	} else if (config_show(c, r->json, stdout) && !ferror(stdout)) {
		result = run_usage("show: no memory");
	}
	config_free(c);
	findings_done(&f);
	return result;
}
