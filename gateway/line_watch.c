#include "gateway/line_watch.h"

static int64_t later(int64_t a, int64_t b)
{
	return a > b ? a : b;
}

static int64_t silent_since(const struct line_watch *w, const struct line_unit *u, int64_t now_ns)
{
	int64_t since = u->last_good_ns ? u->last_good_ns : w->opened_ns;

	/* What was silent before this line was opened is so until it answers. */
	return now_ns - since >= u->patience_ns || (!u->last_good_ns && u->told) ? since : 0;
}

static bool is_to_be_told(const struct line_watch *w, const struct line_unit *u, int64_t newest_good_ns, int64_t now_ns)
{
	if (w->n_units == 1)
		return true;
	if (w->up_ns > u->silent_since_ns)
		return now_ns - w->up_ns >= u->patience_ns;
	bool others_answer = newest_good_ns - u->silent_since_ns >= u->patience_ns / 2;
	return others_answer || now_ns - u->silent_since_ns >= u->patience_ns + u->patience_ns / 2;
}

void line_watch_judge(struct line_watch *w, bool connected, int64_t now_ns)
{
	int64_t newest_good_ns = 0;
	size_t n_silent = 0;

	for (size_t i = 0; i < w->n_units; i++) {
		struct line_unit *u = &w->units[i];

		u->silent_since_ns = silent_since(w, u, now_ns);
		n_silent += u->silent_since_ns || (!u->last_good_ns && w->down);
		newest_good_ns = later(newest_good_ns, u->last_good_ns);
	}
	/* Of a single device behind an open connection it is the device that is silent. */
	bool down = n_silent == w->n_units && (w->n_units > 1 || !connected);
	if (w->down && !down)
		w->up_ns = now_ns;
	w->down = down;
	for (size_t i = 0; i < w->n_units; i++) {
		struct line_unit *u = &w->units[i];

		u->was_told = u->told;
		if (!u->silent_since_ns)
			u->told = false;
		else if (!down && !u->told)
			u->told = is_to_be_told(w, u, newest_good_ns, now_ns);
	}
}
