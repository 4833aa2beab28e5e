/* fill_store: puts readings into a daemon's database, as if it had polled for a long time and no hub had come: DB GATEWAY NODE HUB COUNT AGE_MS POINT…, or @FILE with an id a line. */
#include "storage/store.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#define BATCH 50000
#define POINTS_MAX 10000

struct fill {
	struct store *store;
	uint32_t      stream, points[POINTS_MAX];
	char        **names;
	size_t        n_points;
	int64_t       count, from_ms, age_ms;
};

/* Evenly spread over the time, the points in turn, each value unlike its last one. */
static int fill_all(struct fill *f, struct err *e)
{
	struct batch *b = batch_new((struct batch_sizes){ .readings = BATCH, .arena = 1 });
	int failed = b ? 0 : err_set(e, ERR_NO_MEMORY, "no memory");

	for (int64_t i = 0; i < f->count && !failed;) {
		batch_clear(b);
		for (; i < f->count && b->n_readings < BATCH; i++) {
			size_t p = (size_t)i % f->n_points;
			*batch_add_reading(b) = (struct record_reading){ .stream_db = f->stream, .point_db = f->points[p], .point = (uint32_t)p, .point_id = f->names[p],
				.at_ms = f->from_ms + f->age_ms * i / f->count, .number = (double)(i / (int64_t)f->n_points % 1000) / 100, .quality = QUALITY_GOOD };
		}
		failed = store_commit(f->store, b, f->from_ms + f->age_ms, e);
	}
	batch_free(b);
	return failed;
}

static size_t read_names(const char *path, char **names)
{
	FILE *file = fopen(path, "r");
	char line[256];
	size_t n = 0;

	while (file && n < POINTS_MAX && fgets(line, sizeof line, file)) {
		line[strcspn(line, "\n")] = '\0';
		names[n] = strdup(line);
		n += line[0] && names[n];
	}
	if (file)
		fclose(file);
	return n;
}

int main(int argc, char **argv)
{
	static char *read_in[POINTS_MAX];
	static struct fill f;
	struct timespec ts;
	struct store_report report;
	struct err e;
	uint32_t hub;

	if (argc < 8 || argc - 7 > POINTS_MAX) {
		fputs("usage: fill_store DB GATEWAY NODE HUB COUNT AGE_MS POINT...|@FILE\n", stderr);
		return 2;
	}
	clock_gettime(CLOCK_REALTIME, &ts);
	f = (struct fill){ .names = argv + 7, .n_points = (size_t)argc - 7, .count = atoll(argv[5]), .age_ms = atoll(argv[6]) };
	if (argv[7][0] == '@') {
		f.names = read_in;
		f.n_points = read_names(argv[7] + 1, read_in);
	}
	if (!f.n_points) {
		fprintf(stderr, "fill_store: %s: no ids\n", argv[7]);
		return 1;
	}
	struct store_options o = { .path = argv[1], .gateway = argv[2], .max_bytes = INT64_C(4) << 30, .keep_readings_ms = INT64_MAX / 2, .keep_events_ms = INT64_MAX / 2 };
	f.from_ms = (int64_t)ts.tv_sec * 1000 + ts.tv_nsec / 1000000 - f.age_ms;
	int failed = store_open(&o, f.from_ms, &f.store, &report, &e);
	if (!failed) {
		failed = store_bind_points(f.store, (const char *const *)f.names, f.n_points, f.points, &e) || store_bind_stream(f.store, argv[3], STREAM_READING, &f.stream, &e) ||
		         store_bind_hub(f.store, argv[4], true, &hub, &e) || fill_all(&f, &e);
		store_close(f.store);
	}
	if (failed)
		fprintf(stderr, "fill_store: %s\n", e.text);
	return failed ? 1 : 0;
}
