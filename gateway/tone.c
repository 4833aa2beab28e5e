#include "gateway/tone.h"

#include <endian.h>
#include <math.h>

#define LOUDNESS   24000.0
#define FIRE_LOW   800.0 /* Hz */
#define FIRE_HIGH  1600.0
#define FIRE_SWEEP 0.5   /* s, up and down */
#define FAULT_HZ   440.0
#define FAULT_ON   0.25  /* s, of every FAULT_EVERY */
#define FAULT_EVERY 2.0
#define FADE       0.005 /* s: a beep that begins and ends at once clicks */
#define TURN       (2 * M_PI)

/* Turns since the sweep began: the integral of its frequency, which rises and falls evenly. */
static double sweep_turns(double t)
{
	double half = FIRE_SWEEP / 2, rise = (FIRE_HIGH - FIRE_LOW) / half;

	if (t < half)
		return FIRE_LOW * t + rise * t * t / 2;
	double back = t - half;
	return FIRE_LOW * half + rise * half * half / 2 + FIRE_HIGH * back - rise * back * back / 2;
}

static double fire(double t)
{
	return sin(TURN * sweep_turns(fmod(t, FIRE_SWEEP)));
}

static double fault(double t)
{
	double at = fmod(t, FAULT_EVERY), left = FAULT_ON - at;

	if (left <= 0)
		return 0;
	double edge = fmin(fmin(at, left) / FADE, 1);
	return sin(TURN * FAULT_HZ * at) * edge;
}

void tone_fill(enum tone tone, uint64_t position, int16_t *ret, size_t n)
{
	for (size_t i = 0; i < n; i++) {
		double t = (double)(position + i) / TONE_RATE, v = tone == TONE_FIRE ? fire(t) : tone == TONE_FAULT ? fault(t) : 0;
		ret[i] = (int16_t)htole16((uint16_t)(int16_t)lrint(v * LOUDNESS));
	}
}
