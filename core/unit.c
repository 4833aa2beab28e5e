#include "core/unit.h"

#include <stddef.h>
#include <string.h>

__extension__ typedef __int128 i128;

enum quantity {
	QUANTITY_NONE, QUANTITY_PRESSURE, QUANTITY_LENGTH, QUANTITY_TEMPERATURE, QUANTITY_CURRENT, QUANTITY_VOLTAGE, QUANTITY_FLOW, QUANTITY_GAS,
	QUANTITY_SHARE, QUANTITY_POWER, QUANTITY_ENERGY, QUANTITY_TIME, QUANTITY_FREQUENCY, QUANTITY_AIR_SPEED, QUANTITY_COUNT,
};

/* What the error messages offer: how we write them. */
static const char *const siblings[QUANTITY_COUNT] = {
	[QUANTITY_NONE] = "", [QUANTITY_PRESSURE] = "MPa, kPa, Pa, bar, mbar, mH2O, psi", [QUANTITY_LENGTH] = "m, cm, mm",
	[QUANTITY_TEMPERATURE] = "°C, K, °F", [QUANTITY_CURRENT] = "A, mA", [QUANTITY_VOLTAGE] = "V, kV, mV", [QUANTITY_FLOW] = "L/s, L/min, m3/h",
	[QUANTITY_GAS] = "%LEL", [QUANTITY_SHARE] = "%", [QUANTITY_POWER] = "kW, W, MW", [QUANTITY_ENERGY] = "kWh, Wh, MWh",
	[QUANTITY_TIME] = "s, ms, min, h, d", [QUANTITY_FREQUENCY] = "Hz, kHz", [QUANTITY_AIR_SPEED] = "m/s",
};

/* value in the quantity's base = (value + before / 100) × numerator / denominator. */
struct unit {
	const char   *name;
	enum quantity quantity;
	int64_t       numerator, denominator;
	int32_t       before;
};

static const struct unit units[] = {
	{ "", QUANTITY_NONE, 1, 1, 0 },
	/* base: mPa. 1 mH2O is 9806.65 Pa by convention; 1 psi is 4.4482216152605 N on a square of 0.0254 m */
	{ "MPa", QUANTITY_PRESSURE, INT64_C(1000000000000), 1000, 0 },
	{ "kPa", QUANTITY_PRESSURE, 1000000, 1, 0 },
	{ "Pa", QUANTITY_PRESSURE, 1000, 1, 0 },
	{ "bar", QUANTITY_PRESSURE, 100000000, 1, 0 },
	{ "mbar", QUANTITY_PRESSURE, 100000, 1, 0 },
	{ "mH2O", QUANTITY_PRESSURE, 9806650, 1, 0 },
	{ "mH₂O", QUANTITY_PRESSURE, 9806650, 1, 0 },
	{ "psi", QUANTITY_PRESSURE, INT64_C(44482216152605), 6451600, 0 },
	{ "m", QUANTITY_LENGTH, 1000, 1, 0 },
	{ "cm", QUANTITY_LENGTH, 10, 1, 0 },
	{ "mm", QUANTITY_LENGTH, 1, 1, 0 },
	/* base: K */
	{ "°C", QUANTITY_TEMPERATURE, 1, 1, 27315 },
	{ "℃", QUANTITY_TEMPERATURE, 1, 1, 27315 },
	{ "K", QUANTITY_TEMPERATURE, 1, 1, 0 },
	{ "°F", QUANTITY_TEMPERATURE, 5, 9, 45967 },
	{ "℉", QUANTITY_TEMPERATURE, 5, 9, 45967 },
	{ "A", QUANTITY_CURRENT, 1000, 1, 0 },
	{ "mA", QUANTITY_CURRENT, 1, 1, 0 },
	{ "kV", QUANTITY_VOLTAGE, 1000000, 1, 0 },
	{ "V", QUANTITY_VOLTAGE, 1000, 1, 0 },
	{ "mV", QUANTITY_VOLTAGE, 1, 1, 0 },
	/* base: mL/s */
	{ "L/s", QUANTITY_FLOW, 1000, 1, 0 },
	{ "L/min", QUANTITY_FLOW, 1000, 60, 0 },
	{ "m3/h", QUANTITY_FLOW, 10000, 36, 0 },
	{ "m³/h", QUANTITY_FLOW, 10000, 36, 0 },
	{ "%LEL", QUANTITY_GAS, 1, 1, 0 },
	{ "%", QUANTITY_SHARE, 1, 1, 0 },
	{ "MW", QUANTITY_POWER, 1000000, 1, 0 },
	{ "kW", QUANTITY_POWER, 1000, 1, 0 },
	{ "W", QUANTITY_POWER, 1, 1, 0 },
	{ "MWh", QUANTITY_ENERGY, 1000000, 1, 0 },
	{ "kWh", QUANTITY_ENERGY, 1000, 1, 0 },
	{ "Wh", QUANTITY_ENERGY, 1, 1, 0 },
	{ "ms", QUANTITY_TIME, 1, 1, 0 },
	{ "s", QUANTITY_TIME, 1000, 1, 0 },
	{ "min", QUANTITY_TIME, 60000, 1, 0 },
	{ "h", QUANTITY_TIME, 3600000, 1, 0 },
	{ "d", QUANTITY_TIME, 86400000, 1, 0 },
	{ "Hz", QUANTITY_FREQUENCY, 1, 1, 0 },
	{ "kHz", QUANTITY_FREQUENCY, 1000, 1, 0 },
	{ "m/s", QUANTITY_AIR_SPEED, 1, 1, 0 },
};

static const struct unit *find_unit(const char *text)
{
	for (size_t i = 0; i < sizeof units / sizeof units[0]; i++)
		if (strcmp(text, units[i].name) == 0)
			return &units[i];
	return NULL;
}

#define PLACES_MAX 18

/* numerator / denominator as a decimal: exact if 18 places and an int64 hold it, else rounded half away from zero at the last that fits.
 * Both are below 2^80 in the table's worst pair, so that ten times the remainder never overflows. */
static struct decimal quotient(i128 numerator, i128 denominator)
{
	bool neg = (numerator < 0) != (denominator < 0);
	i128 n = numerator < 0 ? -numerator : numerator;
	i128 d = denominator < 0 ? -denominator : denominator;
	i128 q = n / d, rest = n % d;
	uint8_t places = 0;

	while (rest != 0 && places < PLACES_MAX && q < INT64_MAX / 10) {
		rest *= 10;
		q = q * 10 + rest / d;
		rest %= d;
		places++;
	}
	if (rest * 2 >= d)
		q++;
	return (struct decimal){ (int64_t)(neg ? -q : q), places };
}

int unit_convert(const char *from, const char *to, struct unit_conversion *ret)
{
	const struct unit *f = find_unit(from);
	const struct unit *t = find_unit(to);

	if (!f || !t || f->quantity != t->quantity)
		return -1;
	i128 num = (i128)f->numerator * t->denominator;
	i128 den = (i128)f->denominator * t->numerator;
	ret->factor = quotient(num, den);
	ret->offset = quotient(f->before * num - t->before * den, 100 * den);
	ret->before = quotient(f->before * num - t->before * den, 100 * num);
	return 0;
}

int unit_known(const char *text)
{
	return find_unit(text) != NULL;
}

const char *unit_siblings(const char *unit)
{
	const struct unit *u = find_unit(unit);

	return u ? siblings[u->quantity] : "";
}
