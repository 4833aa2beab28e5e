/* modbus_dump HOST PORT SECONDS < TABLE: opens a Modbus TCP bus and prints each sample as a line, for tests that compare with a server of another make.
 * A line of the table: UNIT FC ADDRESS TYPE ORDER [key=value …], keys bit, scale, offset, decimals, invalid, bytes. A line of the output: INDEX QUALITY
 * and the value (a text is quoted as JSON). Ends when each point has had a sample, or after so many seconds. */
#include "drivers/driver.h"

#include <inttypes.h>
#include <math.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#define POINTS_MAX 1000
#define DEVICES_MAX 16

struct dump {
	struct bus_point  points[POINTS_MAX];
	struct bus_device devices[DEVICES_MAX];
	size_t            n_points, n_devices, n_seen;
	bool              seen[POINTS_MAX];
};

static int find_word(const char *const *words, size_t n, const char *word)
{
	for (size_t i = 0; i < n; i++)
		if (strcmp(words[i], word) == 0)
			return (int)i;
	fprintf(stderr, "unknown word '%s'\n", word);
	exit(2);
}

static uint32_t device_of(struct dump *d, unsigned unit)
{
	for (uint32_t i = 0; i < d->n_devices; i++)
		if (d->devices[i].unit == unit)
			return i;
	if (d->n_devices == DEVICES_MAX)
		exit(2);
	d->devices[d->n_devices] = (struct bus_device){ .name = "d", .unit = (uint8_t)unit,
		.timing = { .timeout_ns = CLOCK_NS_PER_S, .retries = 1, .max_registers = 125, .max_bits = 2000, .max_gap = 8 } };
	return (uint32_t)d->n_devices++;
}

static void take_option(struct bus_point *p, const char *key, const char *value)
{
	int first, last;

	if (strcmp(key, "bit") == 0) {
		int n = sscanf(value, "%d..%d", &first, &last);
		p->bit_first = (int8_t)first;
		p->bit_last = (int8_t)(n == 2 ? last : first);
	} else if (strcmp(key, "scale") == 0) {
		if (decimal_parse(value, &p->scale) < 0)
			exit(2);
	} else if (strcmp(key, "offset") == 0) {
		if (decimal_parse(value, &p->offset) < 0)
			exit(2);
	} else if (strcmp(key, "decimals") == 0) {
		p->decimals_from = (uint32_t)strtoul(value, NULL, 0);
	} else if (strcmp(key, "invalid") == 0) {
		p->invalid[p->n_invalid++] = strtod(value, NULL);
	} else if (strcmp(key, "bytes") == 0) {
		p->string_bytes = (uint16_t)strtoul(value, NULL, 0);
	} else {
		exit(2);
	}
}

static void take_line(struct dump *d, char *line)
{
	static const char *const types[] = { "bool", "i16", "u16", "i32", "u32", "i64", "u64", "f32", "f64", "bcd16", "bcd32", "string" };
	static const char *const orders[] = { "ABCD", "CDAB", "BADC", "DCBA" };
	char *save, *word[5];

	for (int i = 0; i < 5; i++) {
		word[i] = strtok_r(i ? NULL : line, " \n", &save);
		if (!word[i])
			return;
	}
	if (d->n_points == POINTS_MAX)
		exit(2);
	struct bus_point *p = &d->points[d->n_points];
	*p = (struct bus_point){ .point = (uint32_t)d->n_points++, .device = device_of(d, (unsigned)atoi(word[0])), .id = "d.p",
		.fc = (uint8_t)atoi(word[1]), .address = (uint16_t)atoi(word[2]), .type = (enum register_type)find_word(types, 12, word[3]),
		.order = (enum register_order)find_word(orders, 4, word[4]), .bit_first = -1, .bit_last = -1, .scale = DECIMAL_ONE, .offset = DECIMAL_ZERO,
		.decimals_from = BUS_NO_DECIMALS_FROM, .convert = { DECIMAL_ONE, DECIMAL_ZERO }, .min = NAN, .max = NAN, .every_ns = CLOCK_NS_PER_S };
	for (char *option; (option = strtok_r(NULL, " \n", &save));) {
		char *value = strchr(option, '=');
		if (!value)
			exit(2);
		*value++ = '\0';
		take_option(p, option, value);
	}
}

static void on_sample(void *user, const struct sample *s)
{
	struct dump *d = user;
	struct strbuf b = STRBUF_INIT;

	if (d->seen[s->point])
		return;
	d->seen[s->point] = true;
	d->n_seen++;
	if (s->quality == QUALITY_GOOD && s->value.text)
		strbuf_json_string(&b, s->value.text);
	else if (s->quality == QUALITY_GOOD)
		strbuf_printf(&b, "%.17g", s->value.number);
	printf("%" PRIu32 " %d %s\n", s->point, (int)s->quality, b.data ? b.data : "");
	strbuf_done(&b);
}

static void on_answer(void *user, uint64_t token, const uint16_t *values, size_t n, const struct err *error)
{
	(void)user, (void)token, (void)values, (void)n, (void)error;
}

static struct stamp stamp_now(void)
{
	struct timespec t;

	clock_gettime(CLOCK_BOOTTIME, &t);
	return (struct stamp){ .mono_ns = t.tv_sec * CLOCK_NS_PER_S + t.tv_nsec };
}

static void run(struct dump *d, void *bus, const struct driver_ops *ops, int64_t until_ns)
{
	struct sample_sink sink = { on_sample, on_answer, d };
	struct bus_wants wants;
	struct bus_event ev = { 0 };

	for (;;) {
		struct stamp now = stamp_now();

		ops->step(bus, &ev, now, &sink, &wants);
		if (d->n_seen == d->n_points || now.mono_ns > until_ns)
			return;
		int64_t wait_ms = wants.deadline_ns > now.mono_ns ? (wants.deadline_ns - now.mono_ns) / CLOCK_NS_PER_MS + 1 : 0;
		struct pollfd fd = { .fd = wants.fd, .events = (short)wants.poll_events };
		ev.revents = poll(&fd, 1, wait_ms > 1000 ? 1000 : (int)wait_ms) > 0 ? fd.revents : 0;
	}
}

int main(int argc, char **argv)
{
	static struct dump d;
	char line[400];
	struct err e;
	void *bus;

	if (argc != 4)
		return 2;
	while (fgets(line, sizeof line, stdin))
		take_line(&d, line);
	struct driver_shared *shared = driver_shared_new(&e);
	if (!shared)
		return 1;
	struct bus_config config = { .name = "dump", .shared = shared, .transport = BUS_TCP, .host = argv[1], .port = (uint16_t)atoi(argv[2]),
		.devices = d.devices, .n_devices = d.n_devices };
	const struct driver_ops *ops = driver_find(BUS_TCP);
	if (ops->open(&config, d.points, d.n_points, stamp_now(), &bus, &e) < 0) {
		fprintf(stderr, "%s\n", e.text);
		driver_shared_free(shared);
		return 1;
	}
	run(&d, bus, ops, stamp_now().mono_ns + atoi(argv[3]) * CLOCK_NS_PER_S);
	ops->close(bus);
	driver_shared_free(shared);
	return d.n_seen == d.n_points ? 0 : 1;
}
