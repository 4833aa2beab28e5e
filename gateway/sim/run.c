#include "gateway/sim/run.h"

#include "gateway/sim/net.h"
#include "gateway/sim/talk.h"

#include <errno.h>
#include <math.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/signalfd.h>
#include <time.h>
#include <unistd.h>

#define TICK_MS      500    /* values drift on so often; in a site with many points less often */
#define TICK_SLOW_MS 2000
#define TICK_MARK_MS 100   /* what shows the time shows it so finely */
#define MANY_POINTS  50000
#define SWEEP_MS     1000
#define EVENTS_MAX   64

struct run {
	const struct run_options *o;
	struct watch     on_signal;
	struct world     world;
	struct answerer *answerer;
	struct net      *net;
	struct talk     *talk;
	int              epoll, signals;
	int64_t          start_ms;   /* CLOCK_BOOTTIME, as all times but simulated ones */
	size_t           next_step;
	bool             stop;
};

static int64_t clock_ms(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_BOOTTIME, &ts);
	return (int64_t)ts.tv_sec * 1000 + ts.tv_nsec / 1000000;
}

static void say_line(void *user, const char *text)
{
	struct timespec ts;
	struct tm tm;

	(void)user;
	clock_gettime(CLOCK_REALTIME, &ts);
	localtime_r(&ts.tv_sec, &tm);
	printf("%02d:%02d:%02d %s\n", tm.tm_hour, tm.tm_min, tm.tm_sec, text);
}

static int64_t sim_ms(const struct run *r, int64_t now_ms)
{
	return (int64_t)((double)(now_ms - r->start_ms) * r->o->speed);
}

/* When, by our clock, a simulated moment has come. */
static int64_t when(const struct run *r, int64_t simulated_ms)
{
	double at = ceil((double)simulated_ms / r->o->speed);

	return at > 1e15 ? INT64_MAX : r->start_ms + (int64_t)at;
}

static void do_step(struct run *r, size_t i)
{
	const struct scenario_step *step = &r->o->scenario->steps[i];
	struct effect effect;
	struct err e;
	char text[ERR_TEXT_MAX + 40];
	int failed;

	if (step->what == STEP_CLEAR)
		failed = world_clear(&r->world, step->name, &e);
	else
		failed = scenario_plan(r->o->scenario, i, &r->world, &effect, &e) < 0 || world_raise(&r->world, &effect, &e) < 0;
	if (!failed)
		return;
	snprintf(text, sizeof text, "step at line %d: %s", step->line, e.text);
	say_line(NULL, text);
}

static void go_on(struct run *r, int64_t now_ms)
{
	const struct scenario *s = r->o->scenario;

	while (s && r->next_step < s->n_steps && when(r, s->steps[r->next_step].at_ms) <= now_ms) {
		world_step(&r->world, s->steps[r->next_step].at_ms);
		do_step(r, r->next_step++);
	}
	world_step(&r->world, sim_ms(r, now_ms));
}

/* ---- what people ask ---- */

static int refused(struct strbuf *out, const struct err *e)
{
	strbuf_printf(out, "%s\n", e->text);
	return e->code == ERR_EXISTS || e->code == ERR_FULL ? 1 : 2;
}

static bool take_where(struct builtin_where *w, const char *word, struct err *reterr)
{
	const struct { const char *key; const char **value; } keys[] = {
		{ "floor=", &w->floor }, { "zone=", &w->zone }, { "building=", &w->building }, { "device=", &w->device }, { "bus=", &w->bus },
		{ "chance=", &w->how.text[FAULT_WORD_CHANCE] }, { "by=", &w->how.text[FAULT_WORD_BY] }, { "code=", &w->how.text[FAULT_WORD_CODE] },
		{ "registers=", &w->how.text[FAULT_WORD_REGISTERS] },
	};

	for (size_t i = 0; i < sizeof keys / sizeof *keys; i++)
		if (strncmp(word, keys[i].key, strlen(keys[i].key)) == 0 && word[strlen(keys[i].key)]) {
			*keys[i].value = word + strlen(keys[i].key);
			return true;
		}
	(void)err_set(reterr, ERR_INVALID, "'%s' is not understood: floor=…, zone=…, building=…, device=… or bus=… say where; chance=…, by=…, code=… and registers=… how", word);
	return false;
}

static int ask_raise(struct run *r, char *words, struct strbuf *out)
{
	struct builtin_where where = { 0 };
	struct effect effect;
	struct err e;
	char about[80], *save = NULL, *name = strtok_r(words, " ", &save);

	if (!name || !builtin_find(name)) {
		const char *near = name ? builtin_nearest(name) : NULL;
		strbuf_printf(out, "there is no scenario '%s'%s%s%s\n", name ? name : "", near ? "; did you mean '" : "; --list shows them", near ? near : "",
		              near ? "'?" : "");
		return 2;
	}
	for (char *word = strtok_r(NULL, " ", &save); word; word = strtok_r(NULL, " ", &save))
		if (!take_where(&where, word, &e))
			return refused(out, &e);
	if (world_plan(&r->world, name, &where, r->world.n_raised, &effect, &e) < 0)
		return refused(out, &e);
	effect_tell(&effect, &r->o->config->site, about, sizeof about);
	if (world_raise(&r->world, &effect, &e) < 0)
		return refused(out, &e);
	net_stir(r->net);
	strbuf_printf(out, "raised %s: %s\n", name, about);
	return 0;
}

static int ask_clear(struct run *r, const char *name, struct strbuf *out)
{
	struct err e;

	if (strcmp(name, "all") == 0 && r->world.n_effects == 0) {
		strbuf_puts(out, "nothing was raised\n");
		return 0;
	}
	if (world_clear(&r->world, name, &e) < 0) {
		strbuf_printf(out, "%s\n", e.text);
		return 1;
	}
	strbuf_printf(out, "cleared %s\n", name);
	return 0;
}

static void list_raised(const struct run *r, struct strbuf *out)
{
	char since[CLOCK_TEXT_MAX], about[80];

	strbuf_puts(out, r->world.n_effects ? "raised now:\n" : "nothing is raised\n");
	for (size_t i = 0; i < r->world.n_effects; i++) {
		const struct effect *e = &r->world.effects[i];
		int64_t seconds = (r->world.now_ms - e->begin_ms) / 1000;

		strbuf_printf(out, "  %s, since %s", e->name, clock_format_duration(seconds * 1000, since));
		effect_tell(e, &r->o->config->site, about, sizeof about);
		strbuf_printf(out, ", %s", about);
		if (e->fault.kind != FAULT_NONE)
			strbuf_printf(out, ", done %llu time%s", (unsigned long long)e->fault.done, e->fault.done == 1 ? "" : "s");
		strbuf_puts(out, "\n");
	}
}

static int ask_list(const struct run *r, struct strbuf *out)
{
	const struct builtin_where anywhere = { 0 };
	const char *name, *help;
	struct effect effect;
	struct err e;

	strbuf_puts(out, "can be raised:\n");
	for (size_t i = 0; builtin_get(i, &name, &help); i++) {
		bool can = world_plan(&r->world, name, &anywhere, 0, &effect, &e) == 0;

		if (can)
			effect_done(&effect);
		strbuf_printf(out, "  %-14s %s%s\n", name, help, can ? "" : builtin_fault(name) ? " (not here: no line could have it)" : " (not here: the site lacks the points)");
	}
	list_raised(r, out);
	return 0;
}

static const char *plural(size_t n)
{
	return n == 1 ? "" : "s";
}

static const char *places(const struct bank *b)
{
	bool lines = false;

	for (size_t i = 0; i < b->n_servers; i++)
		lines = lines || b->servers[i].serial;
	return b->n_servers == 1 ? (lines ? "line" : "port") : lines ? "ports and lines" : "ports";
}

static int ask_status(const struct run *r, struct strbuf *out)
{
	struct net_stats s;
	char up[CLOCK_TEXT_MAX], simulated[CLOCK_TEXT_MAX];
	const struct scenario *sc = r->o->scenario;
	int64_t seconds = (clock_ms() - r->start_ms) / 1000;

	net_stats(r->net, &s);
	strbuf_printf(out, "site %s: %zu device%s, %zu point%s at %zu %s; up %s, simulated %s, seed %llu\n", r->o->config->site.gateway, world_devices(&r->world),
	              plural(world_devices(&r->world)), world_points(&r->world), plural(world_points(&r->world)), r->world.bank.n_servers, places(&r->world.bank), clock_format_duration(seconds * 1000, up),
	              clock_format_duration(r->world.now_ms / 1000 * 1000, simulated), (unsigned long long)r->world.seed);
	strbuf_printf(out, "clients %llu, requests %llu, writes refused %llu, closed for garbage %llu, turned away %llu\n", (unsigned long long)s.clients,
	              (unsigned long long)s.requests, (unsigned long long)s.writes_refused, (unsigned long long)s.garbage, (unsigned long long)s.turned_away);
	if (sc && r->next_step < sc->n_steps)
		strbuf_printf(out, "scenario: step %zu of %zu comes at %s\n", r->next_step + 1, sc->n_steps, clock_format_duration(sc->steps[r->next_step].at_ms, up));
	else if (sc)
		strbuf_printf(out, "scenario: all of its %zu step%s done\n", sc->n_steps, sc->n_steps == 1 ? " is" : "s are");
	list_raised(r, out);
	return 0;
}

static int on_ask(void *user, char *line, struct strbuf *out)
{
	struct run *r = user;

	go_on(r, clock_ms());
	if (strncmp(line, "raise ", 6) == 0)
		return ask_raise(r, line + 6, out);
	if (strncmp(line, "clear ", 6) == 0)
		return ask_clear(r, line + 6, out);
	if (strcmp(line, "list") == 0)
		return ask_list(r, out);
	if (strcmp(line, "status") == 0)
		return ask_status(r, out);
	strbuf_puts(out, "not understood\n");
	return 2;
}

/* ---- start, loop, end ---- */

static void on_signal(struct watch *w, uint32_t events)
{
	struct run *r = (struct run *)((char *)w - offsetof(struct run, on_signal));

	(void)events;
	r->stop = true;
}

static int watch_signals(struct run *r, struct err *reterr)
{
	sigset_t set;

	sigemptyset(&set);
	sigaddset(&set, SIGINT);
	sigaddset(&set, SIGTERM);
	sigprocmask(SIG_BLOCK, &set, NULL);
	r->signals = signalfd(-1, &set, SFD_CLOEXEC | SFD_NONBLOCK);
	r->on_signal.on = on_signal;
	struct epoll_event ev = { .events = EPOLLIN, .data.ptr = &r->on_signal };
	if (r->signals < 0 || epoll_ctl(r->epoll, EPOLL_CTL_ADD, r->signals, &ev) < 0)
		return err_set(reterr, ERR_IO, "signals: %s", strerror(errno));
	return 0;
}

static int start(struct run *r, struct err *reterr)
{
	r->answerer = answerer_new(reterr);
	r->epoll = epoll_create1(EPOLL_CLOEXEC);
	if (!r->answerer)
		return -1;
	if (r->epoll < 0)
		return err_set(reterr, ERR_IO, "epoll: %s", strerror(errno));
	if (watch_signals(r, reterr) < 0)
		return -1;
	r->talk = talk_new(r->epoll, r->o->socket_path, on_ask, r, reterr);
	if (!r->talk)
		return -1;
	struct net_options net = { .epoll = r->epoll, .bank = &r->world.bank, .answerer = r->answerer, .ptys = r->o->ptys, .say = say_line, .user = r };
	r->net = net_new(&net, reterr);
	return r->net ? 0 : -1;
}

static void end(struct run *r)
{
	net_free(r->net);
	talk_free(r->talk);
	if (r->signals >= 0)
		close(r->signals);
	if (r->epoll >= 0)
		close(r->epoll);
	answerer_free(r->answerer);
	world_done(&r->world);
}

static void tell_server(const struct run *r, const struct bank_server *s)
{
	const struct bus_config *line = s->serial;
	const char *link = net_link(r->net, s);
	char text[700], where[500];

	if (line && link)
		snprintf(where, sizeof where, "%s", link);
	else
		snprintf(where, sizeof where, "%s port %u", s->host, s->port);
	snprintf(text, sizeof text, "%s serves %zu device%s, %zu points%s", where, s->n_devices, s->n_devices == 1 ? "" : "s", s->n_points,
	         line || s->wire == WIRE_TCP ? "" : " (RTU)");
	say_line(NULL, text);
	if (!line || !link || strcmp(link, line->path) == 0)
		return;
	snprintf(text, sizeof text, "  in a copy of the site file bus %s wants url: \"rtu://%s%s?baud=%u&bits=%u&parity=%s&stop=%u\"", line->name,
	         *link == '/' ? "" : "…/", link, line->baud, line->bits, line->parity == 'N' ? "none" : line->parity == 'E' ? "even" : "odd", line->stop);
	say_line(NULL, text);
}

static void tell_start(const struct run *r)
{
	const struct bank *b = &r->world.bank;
	char text[300];

	for (size_t i = 0; i < b->n_servers; i++)
		tell_server(r, &b->servers[i]);
	snprintf(text, sizeof text, "%s: %zu device%s, %zu point%s at %zu %s%s; firegw-sim --list shows what can be raised", r->o->config->name, world_devices(&r->world),
	         plural(world_devices(&r->world)), world_points(&r->world), plural(world_points(&r->world)), b->n_servers, places(b),
	         b->n_left_out ? "; lines that are not of Modbus are left out" : "");
	say_line(NULL, text);
}

static int64_t soonest(const struct run *r, int64_t tick_at, int64_t end_at)
{
	const struct scenario *s = r->o->scenario;
	int64_t next = tick_at < end_at ? tick_at : end_at, effect = world_next(&r->world);

	if (effect != EFFECT_NEVER && when(r, effect) < next)
		next = when(r, effect);
	if (s && r->next_step < s->n_steps && when(r, s->steps[r->next_step].at_ms) < next)
		next = when(r, s->steps[r->next_step].at_ms);
	return next;
}

static void loop(struct run *r)
{
	struct epoll_event events[EVENTS_MAX];
	int64_t tick = r->o->marks ? TICK_MARK_MS : r->o->config->site.n_points > MANY_POINTS ? TICK_SLOW_MS : TICK_MS;
	int64_t now = clock_ms(), tick_at = now, sweep_at = now, end_at = r->o->for_ms ? now + r->o->for_ms : INT64_MAX;

	while (!r->stop && now < end_at) {
		int64_t due = soonest(r, tick_at, end_at);

		if (due <= now) {
			go_on(r, now);
			net_stir(r->net);
			tick_at = now + tick;
			due = soonest(r, tick_at, end_at);
		}
		if (sweep_at <= now) {
			net_sweep(r->net, now);
			talk_sweep(r->talk, now);
			sweep_at = now + SWEEP_MS;
		}
		int n = epoll_wait(r->epoll, events, EVENTS_MAX, due > now ? (int)(due - now) : 0);
		now = clock_ms();
		if (r->o->marks && tick_at <= now)
			go_on(r, now); /* after a pause nobody is to get a mark of before it */
		for (int i = 0; i < n; i++) {
			struct watch *w = events[i].data.ptr;
			w->on(w, events[i].events);
		}
	}
	if (!r->stop)
		go_on(r, end_at); /* what was due before the end, also if we come late */
}

int run(const struct run_options *o)
{
	struct run r = { .o = o, .epoll = -1, .signals = -1 };
	struct world_options world = { .seed = o->seed, .day_ms = o->day_ms, .listen = o->listen, .marks = o->marks, .say = say_line };
	struct err e;

	if (world_init(&r.world, o->config, &world, &e) < 0) {
		fprintf(stderr, "firegw-sim: %s\n", e.text);
		return 2;
	}
	if (o->scenario && scenario_check(o->scenario, &r.world, stderr) > 0) {
		world_done(&r.world);
		return 2;
	}
	if (o->check_only) {
		printf("ok: %zu devices, %zu points at %zu %s, %zu steps\n", world_devices(&r.world), world_points(&r.world), r.world.bank.n_servers,
		       places(&r.world.bank), o->scenario ? o->scenario->n_steps : 0);
		world_done(&r.world);
		return 0;
	}
	r.start_ms = clock_ms();
	if (start(&r, &e) < 0) {
		fprintf(stderr, "firegw-sim: %s\n", e.text);
		end(&r);
		return 1;
	}
	tell_start(&r);
	loop(&r);
	say_line(NULL, "ended");
	end(&r);
	return 0;
}
