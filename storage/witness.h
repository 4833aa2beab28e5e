/* witness: a file beside the database, PATH.witness, that says how far the database had come: a database that is behind it is an older copy (or another one), and the numbers that it
 * would give have been given before. It is written after what it tells of is durable, so it never says more than a database that was left alone holds, whatever the machine died of. */
#ifndef FIREGW_STORAGE_WITNESS_H
#define FIREGW_STORAGE_WITNESS_H

#include <stdbool.h>
#include <stdint.h>

struct witness {
	char    log[16];
	int64_t n;        /* the last event's */
	int64_t numbers;  /* the last numbers of all streams, added up: grows with every record */
	int64_t rev;      /* no alarm had a greater one */
};

/* 0, or -1: there is none, or it is not whole. */
int witness_read(const char *db_path, struct witness *ret);
/* Over what is there, in one write within one sector. sync: it is on the disk when this returns 0. -1: errno. */
int witness_write(const char *db_path, const struct witness *w, bool sync);

#endif
