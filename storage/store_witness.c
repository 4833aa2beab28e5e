/* An older copy that was put in the database's place would give numbers again that hubs have seen with other records. The witness beside it knows better: then the database goes on
 * under a new log, where no number has been given yet. That its disk is full does not keep it from starting: the new log is stored with the first transaction that is, and no number
 * is given before. */
#include "storage/store_internal.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <sys/random.h>
#include <time.h>

/* What is given between two of these and a kill -9 may be unknown to it: a copy made within that time, and put back after it, is not noticed. */
#define TELL_EVERY_S       300
#define TELL_EVERY_NUMBERS 10000

static int64_t numbers(const struct store *s)
{
	int64_t all = 0;

	for (size_t i = 1; i < s->n_streams; i++)
		all += s->streams[i].used ? s->streams[i].last : 0;
	return all;
}

static int64_t boot_s(void)
{
	struct timespec t;

	clock_gettime(CLOCK_BOOTTIME, &t);
	return t.tv_sec;
}

int store_tell_witness(struct store *s, bool for_sure)
{
	struct witness w = { .n = s->n_last, .numbers = numbers(s), .rev = s->rev_last };
	int64_t now_s = boot_s();

	/* Not of what is not durable: a log that is to be stored yet, numbers of which a failed COMMIT made us unsure. */
	if (s->new_log[0] || s->unsure)
		return 0;
	memcpy(w.log, s->log, sizeof w.log);
	bool same = strcmp(w.log, s->witness.log) == 0;
	if (!for_sure && same && w.numbers - s->witness.numbers < TELL_EVERY_NUMBERS && (now_s - s->witness_s < TELL_EVERY_S || w.numbers == s->witness.numbers))
		return 0;
	if (witness_write(s->path, &w, for_sure || !same) < 0)
		return -1;
	s->witness = w;
	s->witness_s = now_s;
	return 0;
}

static void begin_new_log(struct store *s)
{
	uint32_t name = 0;

	do {
		if (getrandom(&name, sizeof name, 0) != sizeof name)
			name++;
		snprintf(s->new_log, sizeof s->new_log, "%08" PRIx32, name);
	} while (strcmp(s->new_log, s->log) == 0 || strcmp(s->new_log, s->witness.log) == 0);
	memcpy(s->log, s->new_log, sizeof s->log);
	if (store_begin(s, NULL) == 0)
		(void)!store_end(s, NULL);
}

void store_question_witness(struct store *s, struct store_report *report)
{
	struct witness w;
	bool there = witness_read(s->path, &w) == 0;

	/* What is new, or was begun anew because of damage, has a log of its own. */
	if (there && !report->created && (strcmp(w.log, s->log) != 0 || numbers(s) < w.numbers)) {
		report->older = true;
		report->n = s->n_last;
		report->given_n = w.n;
		snprintf(report->old_log, sizeof report->old_log, "%s", s->log);
		s->witness = w;
		begin_new_log(s);
	}
	if (there) {
		s->rev_last = w.rev;
		if (report->older && w.rev > report->rev_floor)
			report->rev_floor = w.rev;
	}
	report->unwitnessed = store_tell_witness(s, true) < 0;
}
