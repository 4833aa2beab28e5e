#include "core/unit.h"
#include "tests/unit/core/check.h"

#include <math.h>

static const char *const all[] = {
	"", "MPa", "kPa", "Pa", "bar", "mbar", "mH2O", "mH₂O", "psi", "m", "cm", "mm", "°C", "℃", "K", "°F", "℉", "A", "mA", "kV", "V", "mV", "L/s",
	"L/min", "m3/h", "m³/h", "%LEL", "%", "MW", "kW", "W", "MWh", "kWh", "Wh", "ms", "s", "min", "h", "d", "Hz", "kHz", "m/s",
};

static struct unit_conversion convert(const char *from, const char *to)
{
	struct unit_conversion c;

	if (unit_convert(from, to, &c) != 0)
		fail_msg("%s to %s was refused", from, to);
	return c;
}

static void check(const char *from, const char *to, const char *factor, const char *offset, const char *before)
{
	struct unit_conversion c = convert(from, to);
	char buf[32];

	assert_string_equal(decimal_format(c.factor, buf), factor);
	assert_string_equal(decimal_format(c.offset, buf), offset);
	assert_string_equal(decimal_format(c.before, buf), before);
}

static void conversions(void **state)
{
	(void)state;
	check("kPa", "MPa", "0.001", "0", "0");
	check("bar", "MPa", "0.1", "0", "0");
	check("MPa", "Pa", "1000000", "0", "0");
	check("Pa", "MPa", "0.000001", "0", "0");
	check("mbar", "kPa", "0.1", "0", "0");
	check("mH2O", "MPa", "0.00980665", "0", "0");
	check("psi", "MPa", "0.006894757293168361", "0", "0");
	check("cm", "m", "0.01", "0", "0");
	check("mm", "m", "0.001", "0", "0");
	check("A", "mA", "1000", "0", "0");
	check("kV", "V", "1000", "0", "0");
	check("m3/h", "L/s", "0.277777777777777778", "0", "0");
	check("L/min", "L/s", "0.016666666666666667", "0", "0");
	check("m³/h", "m3/h", "1", "0", "0");
	check("min", "s", "60", "0", "0");
	check("W", "kW", "0.001", "0", "0");
	check("MWh", "kWh", "1000", "0", "0");
	check("K", "°C", "1", "-273.15", "-273.15");
	check("℃", "°C", "1", "0", "0");
	check("°F", "°C", "0.555555555555555556", "-17.77777777777777778", "-32");
	check("°C", "°F", "1.8", "32", "17.77777777777777778");
	check("°F", "K", "0.555555555555555556", "255.3722222222222222", "459.67");
	check("", "", "1", "0", "0");
}

static void fahrenheit_reads_well(void **state)
{
	struct unit_conversion c = convert("°F", "°C");

	(void)state;
	/* 86.0 °F as a register holds it: 860 × 0.1 */
	assert_true(fabs(decimal_apply_int(false, 860, (struct decimal){ 1, 1 }, c.before, c.factor, NULL, NULL, NULL) - 30) < 1e-12);
	assert_true(decimal_apply_int(false, 32, DECIMAL_ONE, c.before, c.factor, NULL, NULL, NULL) == 0);
}

/* There and back is the same, for every pair that can be converted; the two forms of a conversion agree. */
static void pairs_are_consistent(void **state)
{
	size_t n_pairs = 0;

	(void)state;
	for (size_t i = 0; i < LENGTH(all); i++) {
		assert_true(unit_known(all[i]));
		for (size_t j = 0; j < LENGTH(all); j++) {
			struct unit_conversion there, back;
			if (unit_convert(all[i], all[j], &there) != 0) {
				assert_int_equal(unit_convert(all[j], all[i], &back), -1);
				assert_string_not_equal(unit_siblings(all[i]), unit_siblings(all[j]));
				continue;
			}
			n_pairs++;
			back = convert(all[j], all[i]);
			assert_string_equal(unit_siblings(all[i]), unit_siblings(all[j]));
			for (double v = -40; v < 500; v += 90) {
				double a = v * decimal_double(there.factor) + decimal_double(there.offset);
				double b = (v + decimal_double(there.before)) * decimal_double(there.factor);
				double r = a * decimal_double(back.factor) + decimal_double(back.offset);
				assert_true(fabs(a - b) <= 1e-9 * (1 + fabs(a)));
				if (fabs(r - v) > 1e-6 * (1 + fabs(v)))
					fail_msg("%s → %s → %s: %g came back as %g", all[i], all[j], all[i], v, r);
			}
			if (i == j) {
				assert_int_equal(there.factor.mantissa, 1);
				assert_int_equal(there.factor.places, 0);
				assert_int_equal(there.offset.mantissa, 0);
			}
		}
	}
	assert_true(n_pairs > LENGTH(all));
}

static void refuses(void **state)
{
	static const char *const unknown[] = { "mpa", "MPA", "kpa", "C", "degC", " m", "m ", "kPa/s", "ppm", "Bar", "％" };
	struct unit_conversion c;

	(void)state;
	for (size_t i = 0; i < LENGTH(unknown); i++) {
		assert_false(unit_known(unknown[i]));
		assert_int_equal(unit_convert(unknown[i], unknown[i], &c), -1);
		assert_string_equal(unit_siblings(unknown[i]), "");
	}
	assert_int_equal(unit_convert("kPa", "m", &c), -1);
	assert_int_equal(unit_convert("kW", "kWh", &c), -1);
	assert_int_equal(unit_convert("", "m", &c), -1);
	assert_int_equal(unit_convert("%", "%LEL", &c), -1);
	assert_string_equal(unit_siblings("kPa"), "MPa, kPa, Pa, bar, mbar, mH2O, psi");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(conversions),
		cmocka_unit_test(fahrenheit_reads_well),
		cmocka_unit_test(pairs_are_consistent),
		cmocka_unit_test(refuses),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
