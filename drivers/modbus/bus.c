/* The driver's table of functions; what they do is in groups.c (what is read together), poll.c (what is due, and its
 * samples) and exchange.c (the line). */
#include "drivers/modbus/bus.h"
#include "drivers/modbus/modbus.h"
#include "drivers/modbus/serial.h"
#include "drivers/shared.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define UNIT_SERIAL_MAX 247
/* Silence between characters that stand in one frame as we see them: adapters hand bytes over every few milliseconds, a network whenever it likes. */
#define ADAPTER_GAP_NS  (20 * CLOCK_NS_PER_MS)
#define NETWORK_GAP_NS  (100 * CLOCK_NS_PER_MS)

static void modbus_close(void *bus)
{
	struct modbus_bus *b = bus;

	if (!b)
		return;
	link_done(&b->link);
	groups_close(b);
	free(b->units);
	free(b->cuts);
	free(b->owed);
	free(b);
}

static int check_config(const struct bus_config *c, struct err *reterr)
{
	if (!c->shared || !c->shared->modbus)
		return err_set(reterr, ERR_INVALID, "opened without the process's shared codec");
	if (c->transport == BUS_RTU && (!c->path || !*c->path || !serial_knows_baud(c->baud)))
		return err_set(reterr, ERR_INVALID, "a port and a usual baud rate are needed, as in rtu:///dev/ttyS1?baud=9600 (%u is none)", c->baud);
	if (c->transport != BUS_RTU && (!c->host || !*c->host || c->port == 0))
		return err_set(reterr, ERR_INVALID, "host and port are needed, as in tcp://10.0.0.7:502");
	if (c->n_devices == 0)
		return err_set(reterr, ERR_INVALID, "a bus needs a device");
	for (size_t i = 0; i < c->n_devices; i++)
		if (c->devices[i].timing.timeout_ns <= 0)
			return err_set(reterr, ERR_INVALID, "device '%s': the timeout must be above 0", c->devices[i].name);
	for (size_t i = 0; i < c->n_devices && c->transport != BUS_TCP; i++)
		if (c->devices[i].unit < 1 || c->devices[i].unit > UNIT_SERIAL_MAX)
			return err_set(reterr, ERR_INVALID, "device '%s': on a serial line units are 1 … 247", c->devices[i].name);
	return 0;
}

/* A line "cut DEVICE UNIT FUNCTION ADDRESS". What does not fit the config any more (another unit, no such device) is left out. */
static void take_cut(struct modbus_bus *b, const char *line)
{
	char name[64];
	unsigned unit, fc, address;

	if (b->n_cuts == b->cap_cuts || sscanf(line, "cut %63s %u %u %u", name, &unit, &fc, &address) != 4 || fc < 1 || fc > 4 || address > UINT16_MAX)
		return;
	for (uint32_t i = 0; i < b->config->n_devices; i++)
		if (strcmp(b->config->devices[i].name, name) == 0 && b->config->devices[i].unit == unit)
			b->cuts[b->n_cuts++] = (struct plan_cut){ .device = i, .fc = (uint8_t)fc, .address = (uint16_t)address, .proven = true };
}

/* A line "list DEVICE UNIT FUNCTION ADDRESS …": what was seen last of an event list. Several points may read the same one. */
static void take_list(struct modbus_bus *b, const char *line)
{
	char name[64];
	unsigned unit, fc, address;
	int at = 0;

	if (sscanf(line, "list %63s %u %u %u %n", name, &unit, &fc, &address, &at) != 4 || at == 0)
		return;
	for (size_t i = 0; i < b->n_items; i++) {
		const struct bus_point *p = b->items[i].point;
		const struct bus_device *d = &b->config->devices[p->device];

		if (b->items[i].list && strcmp(d->name, name) == 0 && d->unit == unit && p->fc == fc && p->address == address)
			(void)eventlist_recall(b->items[i].list, line + at);
	}
}

static void take_learned(struct modbus_bus *b, const char *text, void (*take)(struct modbus_bus *b, const char *line))
{
	while (text && *text) {
		take(b, text);
		text = strchr(text, '\n');
		if (text)
			text++;
	}
}

/* What is of RTU alone. */
static int open_serial_part(struct modbus_bus *b, struct err *reterr)
{
	b->framing = b->config->transport == BUS_TCP ? &framing_tcp : &framing_rtu;
	if (b->framing->numbered)
		return 0;
	b->owed = calloc(UINT8_MAX + 1, sizeof *b->owed);
	if (!b->owed)
		return err_set(reterr, ERR_NO_MEMORY, "no memory");
	b->gap_ns = NETWORK_GAP_NS;
	if (b->config->transport == BUS_RTU) {
		b->character_ns = serial_character_ns(b->config);
		b->silence_ns = serial_silence_ns(b->config);
		b->gap_ns = b->silence_ns + ADAPTER_GAP_NS;
	}
	return 0;
}

static int modbus_open(const struct bus_config *config, const struct bus_point *points, size_t n, struct stamp now, void **ret_bus, struct err *reterr)
{
	struct modbus_bus *b;

	if (check_config(config, reterr) < 0)
		return err_prefix(reterr, "bus '%s': ", config->name);
	b = calloc(1, sizeof *b);
	if (!b)
		return err_set(reterr, ERR_NO_MEMORY, "bus '%s': no memory", config->name);
	b->config = config;
	b->codec = config->shared->modbus;
	b->units = calloc(config->n_devices, sizeof *b->units);
	b->cap_cuts = 2 * n + 64;
	b->cuts = calloc(b->cap_cuts, sizeof *b->cuts);
	if (!b->units || !b->cuts) {
		(void)err_set(reterr, ERR_NO_MEMORY, "no memory");
		goto fail;
	}
	for (size_t i = 0; i < config->n_devices; i++)
		b->units[i].config = &config->devices[i];
	take_learned(b, config->learned, take_cut);
	if (open_serial_part(b, reterr) < 0 || link_init(&b->link, config, now.mono_ns, reterr) < 0)
		goto fail;
	if (groups_open(b, points, n, now, reterr) < 0)
		goto fail;
	take_learned(b, config->learned, take_list);
	*ret_bus = b;
	return 0;
fail:
	modbus_close(b);
	return err_prefix(reterr, "bus '%s': ", config->name);
}

static void modbus_step(void *bus, const struct bus_event *ev, struct stamp now, struct sample_sink *sink, struct bus_wants *ret_wants)
{
	exchange_step(bus, ev, now, sink, ret_wants);
}

static int modbus_request(void *bus, const struct bus_request *rq, struct err *reterr)
{
	struct modbus_bus *b = bus;
	unsigned most = rq->fc <= 2 ? CODEC_BITS_MAX : CODEC_REGISTERS_MAX;

	if (b->request_waits)
		return err_set(reterr, ERR_BUSY, "another read of this bus is waiting");
	if (rq->fc < 1 || rq->fc > 4)
		return err_set(reterr, ERR_INVALID, "function code %u: only 1 to 4 are read", rq->fc);
	if (!b->framing->numbered && (rq->unit < 1 || rq->unit > UNIT_SERIAL_MAX))
		return err_set(reterr, ERR_INVALID, "unit %u: on a serial line units are 1 … 247", rq->unit);
	if (rq->count < 1 || rq->count > most || (uint32_t)rq->address + rq->count > UINT16_MAX + 1u)
		return err_set(reterr, ERR_INVALID, "a read takes 1 to %u %s, up to address 65535", most, rq->fc <= 2 ? "bits" : "registers");
	b->request = *rq;
	b->request_since_ns = 0;
	b->request_waits = true;
	return 0;
}

static void modbus_stats(const void *bus, struct bus_stats *ret)
{
	const struct modbus_bus *b = bus;

	*ret = b->stats;
	ret->connected = b->link.state == LINK_UP || b->link.state == LINK_RESTING;
	ret->connects = b->link.connects;
	ret->disconnects = b->link.disconnects;
	snprintf(ret->why, sizeof ret->why, "%s", b->link.why);
}

static void modbus_unit_stats(const void *bus, size_t device, struct bus_unit_stats *ret)
{
	*ret = ((const struct modbus_bus *)bus)->units[device].stats;
}

static int modbus_learned(const void *bus, struct strbuf *out)
{
	const struct modbus_bus *b = bus;

	for (size_t i = 0; i < b->n_cuts; i++) {
		const struct plan_cut *c = &b->cuts[i];
		const struct bus_device *d = &b->config->devices[c->device];

		if (c->proven)
			strbuf_printf(out, "cut %s %u %u %u\n", d->name, d->unit, c->fc, c->address);
	}
	for (size_t i = 0; i < b->n_items; i++) {
		const struct bus_point *p = b->items[i].point;
		const struct bus_device *d = &b->config->devices[p->device];

		if (!b->items[i].list || !eventlist_knows(b->items[i].list))
			continue;
		strbuf_printf(out, "list %s %u %u %u ", d->name, d->unit, p->fc, p->address);
		eventlist_remember(b->items[i].list, out);
		strbuf_putc(out, '\n');
	}
	return out->failed ? -1 : 0;
}

const struct driver_ops modbus_driver = {
	.name = "modbus",
	.open = modbus_open,
	.step = modbus_step,
	.request = modbus_request,
	.stats = modbus_stats,
	.unit_stats = modbus_unit_stats,
	.learned = modbus_learned,
	.close = modbus_close,
};
