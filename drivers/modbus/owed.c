/* What a unit still owes us, on a line whose answers bear no number.
 *
 * A request that went unanswered may be answered yet, and nothing in that answer says to which request it is: taken for the next one's it would be a value of another
 * register or another time, and so would be every answer after it. So the next request to that unit is one whose answer cannot be mistaken for the one that is owed (a
 * *fence*: other registers of the same block, or the other function). A unit answers in order: with the fence's answer nothing older can come any more, and what was
 * meant to be asked is asked. An exception bears only the function: it proves nothing when it may be owed too.
 *
 * Failure modes: the fence goes unanswered too (the other kind of fence next; the poll fails as by silence), a unit that answers neither kind (after OWED_NS nothing is
 * owed any more, and what only fences left behind is no reason for another one). */
#include "drivers/modbus/bus.h"

#define OWED_NS (10 * CLOCK_NS_PER_S) /* later than this no device and no device server answers */

static struct bus_owed *owed_of(const struct modbus_bus *b, uint8_t unit)
{
	return b->owed ? &b->owed[unit] : NULL;
}

static bool stands(const struct owed_shape *s, int64_t now_ns)
{
	return s->len && s->until_ns > now_ns;
}

static bool has_shape(const struct bus_owed *o, uint8_t fc, size_t len, int64_t now_ns)
{
	for (size_t i = 0; i < OWED_SHAPES; i++)
		if (stands(&o->shapes[i], now_ns) && o->shapes[i].fc == fc && o->shapes[i].len == len)
			return true;
	return false;
}

static bool has_function(const struct bus_owed *o, uint8_t fc, int64_t now_ns)
{
	for (size_t i = 0; i < OWED_SHAPES; i++)
		if (stands(&o->shapes[i], now_ns) && o->shapes[i].fc == fc)
			return true;
	return false;
}

static void note_shape(struct bus_owed *o, const struct codec_read *rd, int64_t now_ns)
{
	size_t at = 0;

	/* The same one again, else one that is over, else the oldest. */
	for (size_t i = 1; i < OWED_SHAPES; i++)
		if (o->shapes[i].until_ns < o->shapes[at].until_ns)
			at = i;
	for (size_t i = 0; i < OWED_SHAPES; i++)
		if (o->shapes[i].fc == rd->fc && o->shapes[i].len == framing_rtu_reply_length(rd))
			at = i;
	o->shapes[at] = (struct owed_shape){ now_ns + OWED_NS, (uint16_t)framing_rtu_reply_length(rd), rd->fc };
}

void owed_note(struct modbus_bus *b, const struct codec_read *rd, int64_t now_ns)
{
	struct bus_owed *o = owed_of(b, rd->unit);

	if (!o)
		return;
	note_shape(o, rd, now_ns);
	if (!b->fencing)
		o->wary_until_ns = now_ns + OWED_NS;
}

void owed_note_foreign(struct modbus_bus *b, const struct codec_read *rd, int64_t now_ns)
{
	struct bus_owed *o = owed_of(b, rd->unit);

	if (o)
		note_shape(o, rd, now_ns);
}

bool owed_is_late(const struct modbus_bus *b, const uint8_t *frame, size_t len, int64_t now_ns)
{
	const struct bus_owed *o = owed_of(b, frame[0]);

	if (!o)
		return false;
	return frame[1] & 0x80 ? has_function(o, frame[1] & 0x7f, now_ns) : has_shape(o, frame[1], len, now_ns);
}

bool owed_needs_fence(const struct modbus_bus *b, const struct codec_read *rd, int64_t now_ns)
{
	const struct bus_owed *o = owed_of(b, rd->unit);

	if (!o)
		return false;
	/* Fences that go unanswered must not call for fences for ever: the unit may give just what is meant, and nothing else. */
	return has_shape(o, rd->fc, framing_rtu_reply_length(rd), now_ns) || (now_ns < o->wary_until_ns && has_function(o, rd->fc, now_ns));
}

/* Fewer registers of the same block: a device that gives the block gives its beginning. */
static bool shorter_fence(const struct bus_owed *o, struct codec_read *rd, int64_t now_ns)
{
	unsigned unit = rd->fc <= 2 ? 8 : 1; /* so many make a byte, or two, of difference */

	for (unsigned n = (rd->count + unit - 1) / unit; n > 1; n--) {
		rd->count = (uint16_t)((n - 1) * unit);
		if (!has_shape(o, rd->fc, framing_rtu_reply_length(rd), now_ns))
			return true;
	}
	return false;
}

/* The function that reads the other table: its answer, an exception included, bears its own number. */
static void function_fence(const struct bus_owed *o, struct codec_read *rd, int64_t now_ns)
{
	static const uint8_t other[] = { 0, 2, 1, 4, 3 };
	unsigned unit = rd->fc <= 2 ? 8 : 1;

	rd->fc = other[rd->fc];
	rd->count = 1;
	for (unsigned i = 0; i < OWED_SHAPES && has_shape(o, rd->fc, framing_rtu_reply_length(rd), now_ns); i++)
		rd->count = (uint16_t)(rd->count + unit);
	if (rd->address + rd->count > UINT16_MAX)
		rd->address = (uint16_t)(UINT16_MAX - rd->count);
}

/* Another block that is read of this unit anyway, and is answered. */
static bool planned_fence(const struct modbus_bus *b, const struct bus_owed *o, struct codec_read *rd, int64_t now_ns)
{
	for (size_t i = 0; i < b->n_groups; i++)
		for (size_t k = 0; k < b->groups[i].n_requests; k++) {
			struct codec_read other = group_read(b, &b->groups[i], k);

			if (other.unit != rd->unit || b->groups[i].frames[k].mute_backoff_ns || has_shape(o, other.fc, framing_rtu_reply_length(&other), now_ns))
				continue;
			*rd = other;
			return true;
		}
	return false;
}

struct codec_read owed_fence(const struct modbus_bus *b, const struct codec_read *rd, int64_t now_ns)
{
	const struct bus_owed *o = owed_of(b, rd->unit);
	struct codec_read fence = *rd;

	if (!o->other_function) {
		if (shorter_fence(o, &fence, now_ns))
			return fence;
		fence = *rd;
		if (planned_fence(b, o, &fence, now_ns))
			return fence;
	}
	fence = *rd;
	function_fence(o, &fence, now_ns);
	return fence;
}

bool owed_is_settled(struct modbus_bus *b, const struct codec_read *rd, bool exception, int64_t now_ns)
{
	struct bus_owed *o = owed_of(b, rd->unit);

	if (!o)
		return true;
	if (exception && has_function(o, rd->fc, now_ns)) {
		owed_failed(b, rd, now_ns);
		return false;
	}
	for (size_t i = 0; i < OWED_SHAPES; i++)
		o->shapes[i] = (struct owed_shape){ 0 };
	return true;
}

void owed_failed(struct modbus_bus *b, const struct codec_read *fence, int64_t now_ns)
{
	struct bus_owed *o = owed_of(b, fence->unit);

	owed_note(b, fence, now_ns);
	o->other_function = !o->other_function;
}
