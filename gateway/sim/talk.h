/* talk: the Unix socket through which a running simulator is told to raise, clear and list: one line in; the exit code's digit, a newline and a text
 * out. Mode 0600: it is its owner's only. */
#ifndef FIREGW_GATEWAY_SIM_TALK_H
#define FIREGW_GATEWAY_SIM_TALK_H

#include "core/err.h"
#include "core/strbuf.h"
#include "gateway/sim/net.h"

#define TALK_LINE_MAX 1024

/* Answers a line (no newline): puts the text into `out`, returns the exit code: 0 done, 1 no, 2 not understood. */
typedef int talk_answer(void *user, char *line, struct strbuf *out);

struct talk;

/* $XDG_RUNTIME_DIR, else /tmp, and the gateway's name. */
void talk_path(const char *gateway, char *buf, size_t cap);
/* The socket of the one simulator of ours that runs. ERR_NOT_FOUND: there is none; ERR_EXISTS: several, named in the text. */
int  talk_find(char *buf, size_t cap, struct err *reterr);

/* A socket file without a listener is replaced; anything else that stands there is refused with the cure. NULL on failure. */
struct talk *talk_new(int epoll, const char *path, talk_answer *answer, void *user, struct err *reterr);
void         talk_free(struct talk *t); /* accepts NULL; removes the socket */
/* Once a second: closes who has said nothing whole for long. */
void         talk_sweep(struct talk *t, int64_t now_ms);

/* The other end: sends a line, prints the answer (to err_out if it is a refusal). The exit code; 3: nobody listens, said on err_out. */
int talk_ask(const char *path, const char *line, FILE *out, FILE *err_out);

#endif
