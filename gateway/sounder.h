/* sounder: alarm tones through a player's process (aplay of alsa-utils), fed with samples: a sound device that blocks, or is gone, costs nothing but the sound, and that is told.
 * While nothing is to be heard, a moment of silence is played every ten minutes, so that a sounder that is mute is known before the fire. Loop thread only. */
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
	/* It plays, or would; or why it does not. Told when it is first known, and when it changes. */
	void (*health)(void *user, bool well, const char *why);
	void  *user;
};

struct sounder;
/* program: looked for in PATH; device: the player's name of it ("default"). Copies both. NULL: no memory. */
struct sounder *sounder_new(uv_loop_t *loop, const char *program, const char *device, const struct sounder_events *events);
/* From now on this is heard. */
void            sounder_set(struct sounder *s, enum tone tone);
/* Silence at once; tells nothing any more, and frees itself when its process has ended. */
void            sounder_close(struct sounder *s);

#endif
