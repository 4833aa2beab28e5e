/* tone: what an alarm sounds like in the control room, as samples. Pure. */
#ifndef FIREGW_GATEWAY_TONE_H
#define FIREGW_GATEWAY_TONE_H

#include <stddef.h>
#include <stdint.h>

#define TONE_RATE 16000 /* samples a second, one channel, 16 bits, little-endian */

/* A fire is never taken for a fault: the first goes up and down without a pause, the second is a short low beep every two seconds (GB 16806 wants the two told apart by ear). */
enum tone { TONE_NONE, TONE_FAULT, TONE_FIRE };

/* n samples from `position` (samples since the tone began) on; silence for TONE_NONE. */
void tone_fill(enum tone tone, uint64_t position, int16_t *ret, size_t n);

#endif
