#include "gateway/config/show.h"

#include <openssl/evp.h>
#include <stdio.h>
#include <string.h>

int config_hash(const struct config *c, char ret[72])
{
	struct strbuf text = STRBUF_INIT;
	unsigned char digest[EVP_MAX_MD_SIZE];
	unsigned len = 0;

	config_write(c, false, &text);
	bool ok = !text.failed && EVP_Digest(text.data, text.len, digest, &len, EVP_sha256(), NULL) == 1 && len == 32;
	strbuf_done(&text);
	if (!ok)
		return -1;
	char *p = ret + sprintf(ret, "sha256:");
	for (unsigned i = 0; i < len; i++)
		p += sprintf(p, "%02x", digest[i]);
	return 0;
}

/* Running hashes over fields, each closed by a byte that no text holds, so that neighbours do not run together. */
static void mix(uint64_t *h, const void *data, size_t len)
{
	*h = strmap_hash64(data, len, *h);
	*h = strmap_hash64("\xFF", 1, *h);
}

static void mix_text(uint64_t *h, const char *text)
{
	mix(h, text ? text : "\xFE", strlen(text ? text : "\xFE"));
}

static void mix_int(uint64_t *h, int64_t v)
{
	mix(h, &v, sizeof v);
}

static void mix_double(uint64_t *h, double v)
{
	v = isnan(v) ? (double)NAN : v + 0.0;
	mix(h, &v, sizeof v);
}

static void mix_decimal(uint64_t *h, struct decimal d)
{
	mix_int(h, d.mantissa);
	mix_int(h, d.places);
}

uint64_t config_hash_hub(const struct config_hub *h)
{
	uint64_t hash = STRMAP_HASH_SEED;
	const struct hub_config *k = &h->link;
	const char *texts[] = { k->name, k->client_id, k->username, k->password_file, k->tls_ca, k->tls_cert, k->tls_key };

	for (size_t i = 0; i < sizeof texts / sizeof *texts; i++)
		mix_text(&hash, texts[i]);
	for (size_t i = 0; i < k->n_urls; i++)
		mix_text(&hash, k->urls[i]);
	const int64_t ints[] = {
		k->version, k->keepalive_s, h->send_events, h->send_readings, h->send_status, h->send_directory, h->send_building, h->send_report,
		h->personal, h->start_oldest, h->backlog_readings_ms, h->backlog_events_ms,
	};
	for (size_t i = 0; i < sizeof ints / sizeof *ints; i++)
		mix_int(&hash, ints[i]);
	for (size_t i = 0; i < CLASS_COUNT; i++)
		mix_int(&hash, h->classes[i]);
	for (size_t i = 0; i < HUB_COMMAND_COUNT; i++)
		mix_int(&hash, h->commands[i]);
	return hash;
}

static void mix_timing(uint64_t *h, const struct bus_timing *t)
{
	const int64_t ints[] = { t->timeout_ns, t->pause_ns, t->retries, t->max_registers, t->max_bits, t->max_gap, t->settle_ns, t->close_between, t->echo };

	for (size_t i = 0; i < sizeof ints / sizeof *ints; i++)
		mix_int(h, ints[i]);
}

static void mix_list(uint64_t *h, const struct bus_list *b)
{
	const int64_t ints[] = { b->entries, b->size, b->value, b->news, b->news_register, b->newest_first, b->numbered, b->number_at, b->number_first, b->number_last,
		b->time, b->time_at, b->time_local };

	for (size_t i = 0; i < sizeof ints / sizeof *ints; i++)
		mix_int(h, ints[i]);
}

/* From where a value is read, and how. */
static void mix_decoding(uint64_t *h, const struct bus_point *p)
{
	const int64_t ints[] = { p->fc, p->address, p->type, p->order, p->string_bytes, p->bit_first, p->bit_last, p->decimals_from, p->log_mode };

	for (size_t i = 0; i < sizeof ints / sizeof *ints; i++)
		mix_int(h, ints[i]);
	if (p->log_mode)
		mix_list(h, &p->list);
	mix_decimal(h, p->scale);
	mix_decimal(h, p->offset);
	mix_decimal(h, p->convert.factor);
	mix_decimal(h, p->convert.offset);
	mix_double(h, p->min);
	mix_double(h, p->max);
	for (size_t i = 0; i < p->n_invalid; i++)
		mix_double(h, p->invalid[i]);
	for (size_t i = 0; i < p->n_labels; i++) {
		mix_double(h, p->labels[i].value);
		mix_text(h, p->labels[i].text);
	}
}

/* The point's index is left out: it moves when another bus gets more points, and this line has not changed by that. */
static void mix_point(uint64_t *h, const struct bus_point *p)
{
	mix_text(h, p->id);
	mix_int(h, p->device);
	mix_int(h, p->every_ns);
	mix_int(h, p->urgent);
	mix_decoding(h, p);
}

void config_decodings(const struct config *c, uint64_t *ret)
{
	for (size_t i = 0; i < c->n_buses; i++) {
		const struct config_bus *b = &c->buses[i];
		for (size_t k = 0; k < b->n_points; k++) {
			const struct bus_point *p = &b->points[k];
			uint64_t hash = STRMAP_HASH_SEED;
			mix_text(&hash, b->url);
			mix_int(&hash, b->bus.devices[p->device].unit);
			mix_int(&hash, c->site.points[p->point].kind);
			mix_decoding(&hash, p);
			ret[p->point] = hash;
		}
	}
}

uint64_t config_hash_bus(const struct config_bus *bus)
{
	uint64_t hash = STRMAP_HASH_SEED;
	const struct bus_config *b = &bus->bus;
	const int64_t ints[] = { b->transport, b->port, b->baud, b->bits, b->stop, b->parity, b->rs485 };

	mix_text(&hash, b->name);
	mix_text(&hash, b->host);
	mix_text(&hash, b->path);
	for (size_t i = 0; i < sizeof ints / sizeof *ints; i++)
		mix_int(&hash, ints[i]);
	for (size_t i = 0; i < b->n_devices; i++) {
		mix_text(&hash, b->devices[i].name);
		mix_int(&hash, b->devices[i].unit);
		mix_timing(&hash, &b->devices[i].timing);
	}
	for (size_t i = 0; i < bus->n_points; i++)
		mix_point(&hash, &bus->points[i]);
	return hash;
}
