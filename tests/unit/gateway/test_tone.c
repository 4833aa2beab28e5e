/* What is heard: a fire goes up and down without a pause, a fault is a short beep; neither clicks, and where one piece ends the next goes on. */
#include "gateway/tone.h"

#include <endian.h>
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#define SECONDS 4
#define N       ((size_t)TONE_RATE * SECONDS)

static int16_t samples[N];

static void fill(enum tone tone)
{
	/* In pieces of an odd size, as the player may want them. */
	for (size_t i = 0; i < N; i += 777)
		tone_fill(tone, i, samples + i, N - i < 777 ? N - i : 777);
	for (size_t i = 0; i < N; i++)
		samples[i] = (int16_t)le16toh((uint16_t)samples[i]);
}

static int loudest(size_t from, size_t to)
{
	int most = 0;

	for (size_t i = from; i < to; i++)
		most = abs(samples[i]) > most ? abs(samples[i]) : most;
	return most;
}

static double hertz(size_t from, size_t to)
{
	unsigned turns = 0;

	for (size_t i = from + 1; i < to; i++)
		turns += samples[i - 1] < 0 && samples[i] >= 0;
	return (double)turns * TONE_RATE / (double)(to - from);
}

/* The greatest step that a sine of this frequency makes from one sample to the next. */
static void has_no_clicks(double hz)
{
	int most = (int)(2 * M_PI * hz / TONE_RATE * 24000 * 1.05) + 2;

	for (size_t i = 1; i < N; i++)
		assert_in_range(abs(samples[i] - samples[i - 1]), 0, most);
	assert_in_range(abs(samples[0]), 0, most);
}

static void fire_goes_up_and_down(void **state)
{
	(void)state;
	fill(TONE_FIRE);
	for (size_t at = 0; at + TONE_RATE / 20 < N; at += TONE_RATE / 20)
		assert_in_range(loudest(at, at + TONE_RATE / 20), 23500, 24000);
	for (size_t k = 0; k < SECONDS * 2; k++) {
		size_t at = k * TONE_RATE / 2, part = TONE_RATE / 20;
		assert_in_range((int)hertz(at, at + part), 800, 980);
		assert_in_range((int)hertz(at + TONE_RATE / 4 - part / 2, at + TONE_RATE / 4 + part / 2), 1480, 1620);
	}
	has_no_clicks(1600);
}

static void fault_is_a_beep(void **state)
{
	(void)state;
	fill(TONE_FAULT);
	for (size_t at = 0; at < N; at += TONE_RATE * 2) {
		assert_in_range((int)hertz(at + TONE_RATE / 50, at + TONE_RATE / 50 + TONE_RATE / 5), 430, 450);
		assert_in_range(loudest(at, at + TONE_RATE / 4), 23500, 24000);
		assert_int_equal(loudest(at + TONE_RATE / 4, at + TONE_RATE * 2), 0);
	}
	has_no_clicks(440 + 100); /* its edges come and go within 5 ms */
}

static void none_is_silence(void **state)
{
	(void)state;
	fill(TONE_NONE);
	assert_int_equal(loudest(0, N), 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = { cmocka_unit_test(fire_goes_up_and_down), cmocka_unit_test(fault_is_a_beep), cmocka_unit_test(none_is_silence) };

	return cmocka_run_group_tests(tests, NULL, NULL);
}
