/* watch: a brigade's console. What it knows is watch_model.c's; here are the options, the clock, and where it is shown. */
#include "gateway/cli/verb.h"

#include "gateway/cli/picture.h"
#include "gateway/cli/watch_link.h"
#include "gateway/cli/watch_screen.h"
#include "gateway/cli/watch_text.h"
#include "gateway/config/config.h"
#include "gateway/json_text.h"
#include "gateway/uplink/url.h"

#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/random.h>
#include <time.h>
#include <unistd.h>

struct console {
	struct run         *run;
	struct watch       *model;
	struct watch_link  *link;
	struct watch_screen screen;
	bool                terminal;   /* a picture, not lines */
	bool                sounds;     /* somebody sits there */
	bool                dirty;      /* the picture is an old one */
	int64_t             drawn_ms;
	bool                reached;    /* the broker, once */
	char                url[200], zone[HUMAN_MAX]; /* +08:00: several gateways may have several, so it is this machine's */
	char                broker[320];
};

static struct stamp now(void)
{
	struct timespec mono, wall;

	clock_gettime(CLOCK_BOOTTIME, &mono);
	clock_gettime(CLOCK_REALTIME, &wall);
	return (struct stamp){ .mono_ns = (int64_t)mono.tv_sec * CLOCK_NS_PER_S + mono.tv_nsec,
		.wall_ms = (int64_t)wall.tv_sec * 1000 + wall.tv_nsec / CLOCK_NS_PER_MS, .wall_trusted = true };
}

/* ---- out ---- */

/* Nobody reads any more: main looks why. */
static void flush(struct console *c)
{
	if (!run_flush(c->run))
		watch_link_stop(c->link);
}

/* For programs: what is no event stands on stderr, so that every line of stdout is one. */
static void put_aside(struct strbuf *line)
{
	fwrite(line->data, 1, line->len, stderr);
	strbuf_done(line);
}

static void on_event(void *user, const json_t *event, enum watch_how how)
{
	static const char *const marks[] = { [WATCH_LIVE] = "", [WATCH_LATE] = "(late) ", [WATCH_REPLAYED] = "(replayed) ", [WATCH_STANDING] = "(stands) " };
	struct strbuf aside = STRBUF_INIT;
	struct console *c = user;

	if (c->terminal) {
		/* Those that stand are in the table. */
		if (how != WATCH_STANDING)
			watch_screen_event(&c->screen, event, how);
		c->dirty = true;
		return;
	}
	if (c->run->json && how == WATCH_STANDING) {
		watch_standing_json(&aside, event);
		put_aside(&aside);
	} else if (c->run->json) {
		json_text_put(&c->run->out, event);
		strbuf_putc(&c->run->out, '\n');
	} else {
		strbuf_puts(&c->run->out, marks[how]);
		event_put(&c->run->out, &c->run->look, event);
	}
	flush(c);
}

static void set_broker(struct console *c, const char *state, const char *text)
{
	snprintf(c->broker, sizeof c->broker, "%s: %s%s%.100s; times %s, this machine's", c->url, state, text[0] ? ", " : "", text, c->zone);
}

static void on_note(void *user, const struct watch_note *note)
{
	struct console *c = user;
	struct strbuf aside = STRBUF_INIT;
	int64_t wall_ms = now().wall_ms;

	if (note->kind == WATCH_NOTE_BROKER)
		set_broker(c, note->state, note->text);
	if (c->terminal) {
		watch_screen_note(&c->screen, note, wall_ms);
		c->dirty = true;
		return;
	}
	if (c->run->json) {
		watch_note_json(&aside, note, wall_ms);
		put_aside(&aside);
		return;
	}
	watch_note_put(&c->run->out, &c->run->look, note, wall_ms);
	flush(c);
}

static void on_bell(void *user)
{
	struct console *c = user;

	if (!c->sounds)
		return;
	strbuf_putc(&c->run->out, '\a');
	flush(c);
}

static void on_command(void *user, const char *topic, const char *payload)
{
	struct console *c = user;

	watch_link_publish(c->link, topic, payload);
}

static void draw(struct console *c)
{
	struct winsize size = { 0 };
	struct stamp t = now();

	if (!c->dirty && t.wall_ms - c->drawn_ms < 1000 && t.wall_ms >= c->drawn_ms)
		return;
	if (ioctl(STDOUT_FILENO, TIOCGWINSZ, &size) == 0 && size.ws_col > 0)
		c->run->look.columns = size.ws_col;
	watch_screen_draw(&c->screen, c->model, &c->run->look, size.ws_row ? size.ws_row : 24, c->broker, t.wall_ms, &c->run->out);
	c->dirty = false;
	c->drawn_ms = t.wall_ms;
	flush(c);
}

/* ---- in ---- */

static void on_up(void *user)
{
	struct console *c = user;
	char topics[WATCH_FILTERS_MAX][WATCH_TOPIC_MAX];
	const char *filters[WATCH_FILTERS_MAX];
	size_t n = watch_topics(c->model, topics);

	for (size_t i = 0; i < n; i++)
		filters[i] = topics[i];
	c->reached = true;
	watch_up(c->model, now());
	watch_link_subscribe(c->link, filters, n);
}

static void on_down(void *user, const char *why)
{
	struct console *c = user;

	watch_down(c->model, now(), why);
}

static void on_refused(void *user, const char *why)
{
	const struct watch_note note = { .kind = WATCH_NOTE_BROKER, .state = "refused", .gateway = "", .node = "", .log = "", .stream = "", .text = why };

	on_note(user, &note);
}

static void on_message(void *user, const char *topic, const void *payload, size_t len, bool retained)
{
	struct console *c = user;

	watch_message(c->model, topic, payload, len, retained, now());
	c->dirty = true;
}

static void on_tick(void *user)
{
	struct console *c = user;

	watch_tick(c->model, now());
	if (c->terminal)
		draw(c);
}

/* ---- options ---- */

static int take_classes(struct run *r, unsigned *ret)
{
	const char *list = args_value(&r->args, "class");
	char copy[256], *save = NULL;
	enum alarm_class class;

	*ret = (1u << CLASS_COUNT) - 1;
	if (!list)
		return 0;
	if (check_classes(list))
		return RESULT_USAGE;
	*ret = 0;
	snprintf(copy, sizeof copy, "%s", list);
	for (char *word = strtok_r(copy, ",", &save); word; word = strtok_r(NULL, ",", &save))
		if (alarm_class_find(word, &class) == 0)
			*ret |= 1u << class;
	return *ret ? 0 : run_usage("--class: no class");
}

static int take_filter(struct run *r, struct watch_filter *ret)
{
	const char *region = args_value(&r->args, "region");
	size_t len = region ? strlen(region) : 0;

	if (region && ((len != 6 && len != 9 && len != 12) || strspn(region, "0123456789") != len))
		return run_usage("--region '%.40s': write 6, 9 or 12 digits: a district, a town, a community", region);
	ret->region = region ? region : "";
	ret->chinese = run_is_chinese();
	ret->node = args_value(&r->args, "node");
	if (ret->node && (!ret->node[0] || strlen(ret->node) >= WATCH_NAME_MAX || strpbrk(ret->node, "/+#")))
		return run_usage("--node '%.40s': write the name of a gateway or building node", ret->node);
	return take_classes(r, &ret->classes);
}

static int take_time(struct run *r, int64_t *ret_ms)
{
	const char *text = args_value(&r->args, "for");

	*ret_ms = 0;
	if (text && (clock_parse_duration(text, ret_ms) || *ret_ms <= 0))
		return run_usage("--for '%.40s': write a time as 90s or 5m", text);
	return 0;
}

/* Where the broker is: of a site's hub, or of the options alone. config keeps what the hub's texts borrow. */
static int take_hub(struct run *r, struct config **ret_config, struct hub_config *ret)
{
	const char *name = args_value(&r->args, "hub");
	struct findings f = { 0 };
	int result = RESULT_NO;
	char *site = run_site(r, &result);

	if (!site)
		return result;
	int bad = config_load(site, ret_config, &f);
	if (bad)
		findings_print(&f, stderr);
	findings_done(&f);
	result = RESULT_USAGE;
	for (size_t i = 0; !bad && result && i < (*ret_config)->n_hubs; i++) {
		if (strcmp((*ret_config)->hubs[i].link.name, name) == 0) {
			*ret = (*ret_config)->hubs[i].link;
			result = RESULT_DONE;
		}
	}
	if (!bad && result)
		run_usage("watch: %s has no hub '%s'", site, name);
	free(site);
	return result;
}

static int take_url(struct run *r, struct hub_config *ret)
{
	struct url *u = malloc(sizeof *u);
	struct err e;

	if (!u)
		return run_usage("no memory");
	int bad = url_parse(r->args.words[0], u, &e);
	free(u);
	if (bad)
		return run_fail(&e, RESULT_USAGE);
	*ret = (struct hub_config){ .name = "watch", .urls = &r->args.words[0], .n_urls = 1, .version = 5, .keepalive_s = 20 };
	return 0;
}

static int take_broker(struct run *r, struct config **ret_config, struct hub_config *ret)
{
	static const char *const names[] = { "username", "password-file", "ca", "cert", "key" };
	const char *mqtt = args_value(&r->args, "mqtt");
	const char **const to[] = { &ret->username, &ret->password_file, &ret->tls_ca, &ret->tls_cert, &ret->tls_key };

	if (!r->args.n_words == !args_value(&r->args, "hub"))
		return run_usage("watch: give a broker's URL, or --hub NAME -c SITE (firegw watch --help)");
	int result = r->args.n_words ? take_url(r, ret) : take_hub(r, ret_config, ret);
	if (result)
		return result;
	for (size_t i = 0; i < sizeof names / sizeof names[0]; i++)
		if (args_value(&r->args, names[i]))
			*to[i] = args_value(&r->args, names[i]);
	if (mqtt && strcmp(mqtt, "5") != 0 && strcmp(mqtt, "3.1.1") != 0)
		return run_usage("--mqtt '%.40s': write 5 or 3.1.1", mqtt);
	if (mqtt)
		ret->version = mqtt[0] == '5' ? 5 : 311;
	return 0;
}

/* ---- the whole ---- */

static void put_end(struct console *c)
{
	struct strbuf aside = STRBUF_INIT;
	struct watch_counts counts;

	if (c->terminal)
		strbuf_puts(&c->run->out, picture_end);
	watch_counts(c->model, &counts);
	if (c->run->json) {
		watch_counts_json(&aside, &counts, now().wall_ms);
		put_aside(&aside);
		return;
	}
	watch_counts_put(&c->run->out, &counts);
	strbuf_putc(&c->run->out, '\n');
}

static int run_console(struct run *r, const struct watch_filter *filter, struct hub_config *hub, int64_t for_ms)
{
	struct console *c = calloc(1, sizeof *c);
	uint64_t random = 0;
	char client_id[40];
	struct err e;

	if (!c || getrandom(&random, sizeof random, 0) != sizeof random)
		goto no_memory;
	/* Never the gateway's own: the broker would end its connection. */
	snprintf(client_id, sizeof client_id, "firegw-watch-%012llx", (unsigned long long)(random >> 16));
	hub->client_id = client_id;
	c->run = r;
	c->sounds = !r->json && isatty(STDOUT_FILENO);
	c->terminal = run_draws(r);
	snprintf(c->url, sizeof c->url, "%s", hub->urls[0]);
	human_zone(now().wall_ms, c->zone);
	set_broker(c, "connecting", "");
	c->model = watch_new(filter, &(struct watch_out){ on_command, on_event, on_note, on_bell, c }, random);
	if (!c->model)
		goto no_memory;
	c->link = watch_link_new(hub, &(struct watch_events){ on_up, on_down, on_refused, on_message, on_tick, c }, &e);
	if (!c->link) {
		watch_free(c->model);
		free(c);
		return run_fail(&e, RESULT_NO);
	}
	if (c->terminal)
		strbuf_puts(&r->out, picture_begin);
	else if (!r->json)
		fprintf(stderr, "firegw: times are in this machine's zone, %s (TZ sets another)\n", c->zone);
	watch_link_run(c->link, (unsigned long)for_ms);
	put_end(c);
	int result = c->reached ? RESULT_DONE : RESULT_UNREACHABLE;
	watch_free(c->model);
	free(c);
	return result;
no_memory:
	free(c);
	err_set(&e, ERR_NO_MEMORY, "no memory");
	return run_fail(&e, RESULT_NO);
}

int verb_watch(struct run *r)
{
	struct watch_filter filter = { 0 };
	struct hub_config hub = { 0 };
	struct config *config = NULL;
	int64_t for_ms;
	int result = take_filter(r, &filter);

	if (!result)
		result = take_time(r, &for_ms);
	if (!result)
		result = take_broker(r, &config, &hub);
	if (!result)
		result = run_console(r, &filter, &hub, for_ms);
	config_free(config);
	return result;
}
