/* control_line: what a request line says; pure. Any bytes may come. */
#ifndef FIREGW_GATEWAY_CONTROL_LINE_H
#define FIREGW_GATEWAY_CONTROL_LINE_H

#include "core/err.h"

#include <jansson.h>
#include <stddef.h>

#define CONTROL_VERB_MAX  64 /* bytes, with the NUL */
#define CONTROL_DEPTH_MAX 32 /* of brackets in a request */

struct control_line {
	char    verb[CONTROL_VERB_MAX];
	json_t *args; /* an object; the caller owns a reference */
};

/* Reads one line without its newline. ERR_INVALID with what is wrong, or ERR_NO_MEMORY. */
int control_line_parse(const char *text, size_t len, struct control_line *ret, struct err *reterr);

#endif
