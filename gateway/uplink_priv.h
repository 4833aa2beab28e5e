/* uplink_priv: what the three files of the link to a hub share: uplink_link.c (for the pump; life and end), uplink_child.c (the process), uplink_frames.c (the socket
 * to it). Nobody else includes this. */
#ifndef FIREGW_GATEWAY_UPLINK_PRIV_H
#define FIREGW_GATEWAY_UPLINK_PRIV_H

#include "core/clock.h"
#include "gateway/repeat.h"
#include "gateway/uplink/frame.h"
#include "gateway/uplink_link.h"

#define UPLINK_LINE_MAX 1024u

/*   NONE ──start──▶ RUNNING ──exit──▶ BACKOFF ──timer──▶ NONE
 *                      └──kill──▶ DYING ──exit──┘            */
enum uplink_process { PROCESS_NONE, PROCESS_RUNNING, PROCESS_DYING, PROCESS_BACKOFF };
/*   NONE ──connect──▶ OPENING ──up──▶ UP ──disconnect──▶ ENDING ──down──▶ NONE; OPENING goes to ENDING and each to NONE likewise */
enum uplink_attempt { ATTEMPT_NONE, ATTEMPT_OPENING, ATTEMPT_UP, ATTEMPT_ENDING };

struct uplink_link {
	uv_loop_t        *loop;
	struct hub_config config;       /* owned, with all that it points to */
	char            **urls;
	char             *program;
	struct hub_events events;

	enum uplink_process process;
	enum uplink_attempt attempt;
	uint64_t       attempt_by_ms;   /* OPENING, ENDING: until then there must be an answer */
	uv_process_t   child;
	uv_poll_t      poll;            /* of the socket; open while `socket` is */
	int            socket;          /* -1: none */
	uv_pipe_t      stderr_pipe;
	uv_timer_t     timer;           /* backoff; quit's bound */
	uv_timer_t     soon;            /* the down that a refused connect promised */
	uv_timer_t     tick;            /* the watch over a running process */
	bool           child_open, poll_open, stderr_open; /* handles that the loop holds */
	unsigned       handles;         /* handles that the loop holds, the timers included */
	bool           closing;
	uint64_t       started_ms, heard_ms, backoff_ms;
	char           why[400];        /* what the last process ended of, for people */
	char           last_line[256];  /* of its stderr */

	unsigned char *in;              /* FRAME_MAX_BYTES */
	size_t         in_len;
	unsigned char *out;             /* UPLINK_OUT_BYTES */
	size_t         out_start, out_end;
	char           line[UPLINK_LINE_MAX];
	size_t         line_len;

	struct repeat  repeat;          /* what it says in the log */
	struct uplink_link_stats stats;
	void         (*closed)(void *user);
	void          *closed_user;
};

/* uplink_link.c */
/* A line for the log about this hub. key: see repeat.h. */
void uplink_log(struct uplink_link *l, enum log_level level, const char *key, const char *fmt, ...) __attribute__((format(printf, 4, 5)));
void uplink_tell_down(struct uplink_link *l, enum hub_down why, const char *text);
void uplink_say_why(struct uplink_link *l, const char *fmt, ...) __attribute__((format(printf, 2, 3)));
void uplink_close_timers(struct uplink_link *l);
/* For the close callbacks of its handles: one less. */
void uplink_handle_closed(uv_handle_t *h);

/* uplink_frames.c */
size_t uplink_waiting(const struct uplink_link *l);
/* Queues a frame if it leaves `spare` bytes free: 0, or -1. It is written when the poll says so, with all others of this turn. */
int    uplink_put_frame(struct uplink_link *l, const struct frame *f, size_t spare);
/* Polls for what there is to do; after start, and after anything was queued. */
void   uplink_watch_socket(struct uplink_link *l);
/* Reads what is there and hands out every whole frame. */
void   uplink_read_frames(struct uplink_link *l);

/* uplink_child.c */
/* 0, or -1 with l->why. A handle of the last process may still be on its way out: then it is too early. */
int    uplink_start(struct uplink_link *l);
void   uplink_start_backoff(struct uplink_link *l);
/* Kills the running process for the reason in l->why, which is told now; its own exit status is no news then. */
void   uplink_kill(struct uplink_link *l);

#endif
