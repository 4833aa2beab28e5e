/* sounder: alarm tones through a player's process (aplay of alsa-utils), started and fed by a thread of its own: a sound device that blocks, or is gone, and a disk that does not give the
 * program, cost nothing but the sound, and that is told.
 * While nothing is to be heard, a moment of silence is played every ten minutes, so that a sounder that is mute is known before the fire. The functions are the owner's loop's. */
#ifndef FIREGW_GATEWAY_SOUNDER_H
#define FIREGW_GATEWAY_SOUNDER_H

#include "gateway/tone.h"

#include <stdbool.h>
#include <uv.h>

#define SOUNDER_PLAYER "aplay"
#define SOUNDER_PROBE_MS  (10 * 60 * 1000) /* between two looks whether it would sound */
#define SOUNDER_AGAIN_MS  10000            /* it did not play: tried again */
#define SOUNDER_STUCK_MS  5000             /* it takes no more samples: that is no sound */

struct sounder_events {
	/* It plays, or would; or why it does not. Told in the owner's loop when it is first known, and when it changes. */
	void (*health)(void *user, bool well, const char *why);
	void  *user;
};

struct sounder;
/* program: looked for in PATH; device: the player's name of it ("default"). Copies both. NULL: no memory. */
struct sounder *sounder_new(uv_loop_t *loop, const char *program, const char *device, const struct sounder_events *events);
/* From now on this is heard. */
void            sounder_set(struct sounder *s, enum tone tone);
/* Silence at once; tells nothing any more. Takes a second at most. */
void            sounder_close(struct sounder *s);

#endif
