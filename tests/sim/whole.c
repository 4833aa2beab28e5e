#include "tests/sim/whole.h"

#include "gateway/pump_inside.h"

#include <setjmp.h>
#include <sqlite3.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#define SETTLE_MOST_S 900

static void on_ack_town(void *user, const struct fake_publish *m)
{
	whole_on_ack(user, 0, m);
}

static void on_ack_city(void *user, const struct fake_publish *m)
{
	whole_on_ack(user, 1, m);
}

void whole_init(struct whole *w, uint64_t seed)
{
	memset(w, 0, sizeof *w);
	w->seed = seed;
	w->dice.s = seed;
	house_init(&w->h, seed ^ UINT64_C(0x5eed));
	w->h.on_turn = whole_on_turn;
	w->h.on_end = whole_on_end;
	w->h.on_sample = whole_on_sample;
	w->h.user = w;
	w->h.hubs[0].on_ack = on_ack_town;
	w->h.hubs[1].on_ack = on_ack_city;
	w->h.hubs[0].user = w->h.hubs[1].user = w;
}

void whole_done(struct whole *w)
{
	house_done(&w->h);
	for (size_t i = 0; i < HOUSE_HUBS; i++)
		for (size_t s = 0; s < WHOLE_STREAMS; s++)
			free(w->tallies[i][s].items);
	free(w->earlies);
	free(w->stored);
}

bool whole_start(struct whole *w)
{
	struct err e = { 0 };

	if (w->h.app)
		return true;
	if (house_start(&w->h, &e)) {
		whole_require(w, e.code != ERR_DAMAGED, "start: %s", e.text);
		w->count.failed_starts++;
		return false;
	}
	w->count.starts++;
	whole_require(w, w->n_lives < sizeof w->lives / sizeof *w->lives, "too many lives");
	w->lives[w->n_lives++] = (struct whole_life){ w->h.app->boot, false, false };
	w->commits = 0;
	whole_open_look(w);
	whole_check_stored(w);
	return true;
}

void whole_kill(struct whole *w, bool power_cut)
{
	if (w->h.app) {
		w->count.kills++;
		house_kill(&w->h);
	}
	if (power_cut) {
		w->count.cuts++;
		whole_require(w, fault_vfs_power_cut(w->h.vfs, roll(&w->dice, UINT64_MAX)) == 0, "the power cut could not be made");
	}
}

void whole_stop(struct whole *w)
{
	if (!w->h.app)
		return;
	w->count.stops++;
	house_stop(&w->h);
	if (w->h.was_stored_all)
		w->lives[w->n_lives - 1].lossy = false;
}

/* ---- random moves ---- */

static void flip_a_detector(struct whole *w)
{
	size_t i = roll(&w->dice, HOUSE_POINTS);

	w->h.on[i] = !w->h.on[i];
	if (roll(&w->dice, 3) == 0)
		house_poll(&w->h);
}

static void someone_acts(struct whole *w)
{
	static const char *const others[] = { "a.z/confirmed", "b.z/confirmed", "_gw.storage/slow", "_gw.storage/failing", "_gw.hub-town/unreachable", "facp.smoke1/silent" };
	size_t i = roll(&w->dice, HOUSE_POINTS + sizeof others / sizeof *others);

	house_command(&w->h, i < HOUSE_POINTS ? house_points[i].alarm : others[i - HOUSE_POINTS], roll(&w->dice, 3) ? RULES_ACK : RULES_RESET);
}

static void hub_moves(struct whole *w, size_t i)
{
	struct fake_hub *k = &w->h.hubs[i];
	struct dice *d = &w->dice;

	if (!w->h.app)
		return;
	if (k->attempting) {
		if (roll(d, 3) == 0)
			fake_hub_lose(k, (enum hub_down)roll(d, HUB_DOWN_PROCESS + 1), "no");
		else
			fake_hub_accept(k);
		return;
	}
	if (!k->up)
		return;
	if (k->ending || roll(d, 12) == 0) {
		if (roll(d, 4) == 0)
			fake_hub_forget(k);
		fake_hub_receive(k, roll(d, 5)); /* took them, and its answer is lost */
		fake_hub_lose(k, HUB_DOWN_LOST, "reset");
		return;
	}
	if (k->subscribe_asked && roll(d, 3) == 0)
		fake_hub_subscribed(k);
	fake_hub_receive(k, roll(d, 40));
	for (uint64_t n = roll(d, 40); n > 0 && k->unacked.n > 0; n--)
		fake_hub_answer(k, roll(d, 2) ? 0 : roll(d, k->unacked.n));
}

static void refuse_or_not(struct whole *w, size_t i)
{
	static const char *const parts[] = { "/event/fault", "/reading", "~smoke", "/event/fire", "/lost", "/status" };
	struct fake_hub *k = &w->h.hubs[i];

	k->n_refuse = 0;
	if (roll(&w->dice, 2) == 0)
		return;
	k->refuse[k->n_refuse++] = parts[roll(&w->dice, sizeof parts / sizeof *parts)];
	w->refused[i] = true;
}

static void disk_fails(struct whole *w, bool dies)
{
	static const int codes[] = { SQLITE_IOERR_WRITE, SQLITE_FULL, SQLITE_IOERR_FSYNC, SQLITE_IOERR };
	static const unsigned masks[] = { FAULT_ALL, FAULT_CHANGES, FAULT_BIT(FAULT_SYNC), FAULT_BIT(FAULT_WRITE) };
	struct dice *d = &w->dice;

	fault_vfs_fail(w->h.vfs, masks[roll(d, 4)], 1 + roll(d, roll(d, 2) ? 200 : 5), codes[roll(d, 4)], dies || roll(d, 2));
	w->h.dies_by_fault = dies;
}

static void heal(struct whole *w)
{
	fault_vfs_heal(w->h.vfs);
	w->h.dies_by_fault = false;
}

static void ends_somehow(struct whole *w)
{
	struct dice *d = &w->dice;

	switch (roll(d, 8)) {
	case 0:
	case 1:
		whole_kill(w, false);
		break;
	case 2:
	case 3:
		whole_kill(w, w->recorded);
		break;
	case 4:
		whole_stop(w);
		break;
	default:
		disk_fails(w, true);
		break;
	}
}

void whole_move(struct whole *w)
{
	struct dice *d = &w->dice;
	size_t hub = roll(d, HOUSE_HUBS);

	w->step++;
	if (!w->h.app && roll(d, 3)) {
		if (roll(d, 2))
			heal(w);
		whole_start(w);
	}
	switch (roll(d, 20)) {
	case 0:
	case 1:
	case 2:
	case 3:
	case 4:
		flip_a_detector(w);
		break;
	case 5:
	case 6:
		someone_acts(w);
		break;
	case 7:
	case 8:
		w->h.prompt[hub] = roll(d, 3) != 0;
		break;
	case 9:
	case 10:
	case 11:
		hub_moves(w, hub);
		break;
	case 12:
		if (roll(d, 4) == 0)
			refuse_or_not(w, hub);
		else
			w->h.hubs[hub].late_down = roll(d, 2);
		break;
	case 13:
		if (roll(d, 2))
			disk_fails(w, false);
		break;
	case 14:
		heal(w);
		break;
	case 15:
		w->h.stall_until_ns = w->h.now.mono_ns + (int64_t)roll(d, 6000) * CLOCK_NS_PER_MS;
		break;
	case 16:
		if (roll(d, 3) == 0)
			w->h.silent = !w->h.silent;
		break;
	case 17:
		if (roll(d, 2))
			ends_somehow(w);
		break;
	case 18:
		w->h.hubs[hub].room = roll(d, 4) == 0 ? roll(d, 4) : SIZE_MAX;
		w->h.hubs[hub].receive_max = (uint16_t)(roll(d, 3) == 0 ? 1 + roll(d, 5) : 65535);
		break;
	default:
		house_advance(&w->h, (int64_t)roll(d, 20000));
		break;
	}
	house_advance(&w->h, (int64_t)roll(d, roll(d, 3) ? 300 : 3000));
}

/* ---- the end ---- */

static bool anything_refused(const struct whole *w)
{
	for (size_t i = 0; i < w->h.app->n_hubs; i++)
		if (w->h.app->hubs[i]->pump->n_refused)
			return true;
	return false;
}

void whole_settle(struct whole *w)
{
	int s = 0;

	heal(w);
	w->h.silent = false;
	w->h.stall_until_ns = 0;
	for (size_t i = 0; i < HOUSE_HUBS; i++) {
		w->h.hubs[i].n_refuse = 0;
		w->h.hubs[i].room = SIZE_MAX;
		w->h.prompt[i] = true;
	}
	whole_require(w, whole_start(w), "no start though all is well");
	for (size_t i = 0; i < HOUSE_HUBS; i++)
		if (w->refused[i] && w->h.hubs[i].up)
			fake_hub_lose(&w->h.hubs[i], HUB_DOWN_LOST, "reset"); /* what a refused clearing left is found at the next connection */
	house_advance(&w->h, 75000); /* delays end, and what chattered was quiet for long enough */
	for (; s < SETTLE_MOST_S && (!house_is_idle(&w->h) || anything_refused(w)); s++)
		house_advance(&w->h, 1000);
	whole_require(w, s < SETTLE_MOST_S, "not drained after %d s", SETTLE_MOST_S);
	house_advance(&w->h, 500);
	while (!house_is_idle(&w->h) && s++ < SETTLE_MOST_S)
		house_advance(&w->h, 10);
	whole_check_stored(w);
	whole_check_end(w);
}
