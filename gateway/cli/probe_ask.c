#include "gateway/cli/probe_ask.h"

#include "core/clock.h"
#include "gateway/config/plain.h"

#include <string.h>

#define REGISTERS_MAX 125
#define BITS_MAX      2000

const struct args_option probe_options[PROBE_N_OPTIONS] = {
	{ "unit", 0, "N", "the device's unit (station) number; with --scan also a range, 1-32" },
	{ "fc", 0, "F", "1 coils, 2 inputs, 3 holding registers (default), 4 input registers" },
	{ "register", 0, "A", "the first one: from 0, or in Modicon's notation (40001)" },
	{ "count", 0, "N", "how many (default 1; at most 125 registers or 2000 bits)" },
	{ "scan", 0, NULL, "look for units, or with --unit N for registers" },
	{ "watch", 0, NULL, "read again and again, until Ctrl-C" },
	{ "every", 0, "D", "how often --watch reads (default 1s)" },
	{ "for", 0, "D", "end --watch after this time: 90s, 5m" },
	{ "timeout", 0, "D", "wait for an answer (default 1s)" },
	{ "retries", 0, "N", "more tries without an answer (default 1; --scan: 0)" },
	{ "direct", 0, NULL, "an own connection, also beside the daemon's" },
};

/* A whole number, decimal or with 0x; false: none, or out of bounds. */
static bool take_number(const char *text, size_t len, long least, long most, long *ret)
{
	bool hex = len > 2 && text[0] == '0' && (text[1] | 0x20) == 'x';
	long n = 0;

	for (size_t i = hex ? 2 : 0; i < len; i++) {
		int c = text[i] | 0x20, digit = text[i] >= '0' && text[i] <= '9' ? text[i] - '0' : hex && c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
		if (digit < 0)
			return false;
		n = n * (hex ? 16 : 10) + digit;
		if (n > most)
			return false;
	}
	*ret = n;
	return len > 0 && n >= least;
}

static int take_option(const struct args *a, const char *name, long least, long most, long *number, struct err *reterr)
{
	const char *text = args_value(a, name);

	if (text && !take_number(text, strlen(text), least, most, number))
		return err_set(reterr, ERR_INVALID, "--%s '%.40s': write a number from %ld to %ld", name, text, least, most);
	return 0;
}

static int take_span(const struct args *a, const char *name, int64_t *ms, struct err *reterr)
{
	const char *text = args_value(a, name);

	if (text && (clock_parse_duration(text, ms) || *ms <= 0))
		return err_set(reterr, ERR_INVALID, "--%s '%.40s': write a time as 500ms, 2s or 5m", name, text);
	return 0;
}

static int take_unit(const struct args *a, struct probe_ask *r, struct err *reterr)
{
	const char *text = args_value(a, "unit"), *dash = text ? strchr(text, '-') : NULL;
	bool scan = args_flag(a, "scan");
	long first = PROBE_UNITS_FIRST, last = PROBE_UNITS_LAST;

	if (!text && !scan)
		return err_set(reterr, ERR_INVALID, "--unit is missing: the device's unit (station) number; not known? firegw probe %.100s --scan", r->target);
	if (dash && !scan)
		return err_set(reterr, ERR_INVALID, "--unit '%.40s': a range of units goes with --scan", text);
	if (dash && (!take_number(text, (size_t)(dash - text), 0, 255, &first) || !take_number(dash + 1, strlen(dash + 1), first, 255, &last)))
		return err_set(reterr, ERR_INVALID, "--unit '%.40s': write two numbers from 0 to 255, the smaller one first: 1-32", text);
	if (text && !dash) {
		if (take_option(a, "unit", 0, 255, &first, reterr))
			return -1;
		last = first;
	}
	r->unit = (uint8_t)first;
	r->unit_last = (uint8_t)last;
	r->what = scan ? (text && !dash ? PROBE_SCAN_REGISTERS : PROBE_SCAN_UNITS) : args_flag(a, "watch") ? PROBE_WATCH : PROBE_READ;
	return 0;
}

static bool is_modicon(const char *text)
{
	size_t len = strlen(text);

	return (len == 5 || len == 6) && strspn(text, "0123456789") == len;
}

static int take_register(const struct args *a, struct probe_ask *r, struct err *reterr)
{
	const char *text = args_value(a, "register");
	long fc = 0;

	if (take_option(a, "fc", 1, 4, &fc, reterr))
		return -1;
	r->fc = (uint8_t)fc;
	if (!text && (r->what == PROBE_READ || r->what == PROBE_WATCH))
		return err_set(reterr, ERR_INVALID, "--register is missing; not known? firegw probe %.100s --unit %u --scan", r->target, r->unit);
	if (!text)
		text = "0";
	else if (r->fc == 0 && !is_modicon(text))
		r->fc = 3;
	if (r->fc == 0 && is_modicon(text))
		return plain_register(text, &r->fc, &r->address, reterr);
	uint8_t any = r->fc ? r->fc : 3; /* the address alone */
	if (plain_register(text, &any, &r->address, reterr))
		return -1;
	if (r->fc == 0 && r->what == PROBE_SCAN_UNITS)
		r->fc = 3;
	return 0;
}

static int take_count(const struct args *a, struct probe_ask *r, struct err *reterr)
{
	long most = r->what == PROBE_SCAN_REGISTERS ? 65536 : r->fc <= 2 ? BITS_MAX : REGISTERS_MAX;
	long n = r->what == PROBE_SCAN_REGISTERS ? PROBE_SCAN_COUNT : 1;
	bool given = args_value(a, "count") != NULL;

	if (given && r->what == PROBE_SCAN_UNITS)
		return err_set(reterr, ERR_INVALID, "--count does not go with a scan of units: one register is asked for");
	if (take_option(a, "count", 1, most, &n, reterr))
		return -1;
	if (r->address + n > UINT16_MAX + 1L && given && r->what != PROBE_SCAN_REGISTERS)
		return err_set(reterr, ERR_INVALID, "--register %u and --count %ld reach beyond register 65535", r->address, n);
	if (r->address + n > UINT16_MAX + 1L)
		n = UINT16_MAX + 1L - r->address;
	r->count = (uint32_t)n;
	return 0;
}

static int take_target(const struct args *a, struct probe_ask *r, struct err *reterr)
{
	static const char name[] = "abcdefghijklmnopqrstuvwxyz0123456789_-";

	r->target = a->words[0];
	r->is_url = strstr(r->target, "://") != NULL;
	r->direct = args_flag(a, "direct");
	if (!r->is_url && (!r->target[0] || strspn(r->target, name) != strlen(r->target)))
		return err_set(reterr, ERR_INVALID, "'%.100s' is neither a URL, like tcp://10.0.0.7:502, nor the name of a bus", r->target);
	if (!r->is_url && r->direct)
		return err_set(reterr, ERR_INVALID, "--direct needs the line's URL: the name of a bus says which of the daemon's to read through");
	return 0;
}

int probe_ask_parse(const struct args *a, struct probe_ask *ret, struct err *reterr)
{
	struct probe_ask r = { .timeout_ms = 1000, .every_ms = 1000, .timeout_given = args_value(a, "timeout") != NULL };
	bool scan = args_flag(a, "scan"), watch = args_flag(a, "watch");
	long retries = scan ? 0 : 1;

	if (scan && watch)
		return err_set(reterr, ERR_INVALID, "--scan and --watch do not go together");
	if (!watch && (args_value(a, "every") || args_value(a, "for")))
		return err_set(reterr, ERR_INVALID, "--every and --for go with --watch");
	if (take_target(a, &r, reterr) || take_unit(a, &r, reterr) || take_register(a, &r, reterr) || take_count(a, &r, reterr))
		return -1;
	if (take_span(a, "timeout", &r.timeout_ms, reterr) || take_span(a, "every", &r.every_ms, reterr) || take_span(a, "for", &r.for_ms, reterr) ||
	    take_option(a, "retries", 0, 10, &retries, reterr))
		return -1;
	if (r.timeout_ms > 60000)
		return err_set(reterr, ERR_INVALID, "--timeout: at most 60s");
	r.retries = (unsigned)retries;
	*ret = r;
	return 0;
}
