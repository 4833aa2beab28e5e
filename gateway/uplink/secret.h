/* secret: the password, read from its file at every connection and wiped afterwards; and what can be said about the TLS files beforehand. */
#ifndef FIREGW_GATEWAY_UPLINK_SECRET_H
#define FIREGW_GATEWAY_UPLINK_SECRET_H

#include "core/err.h"

#include <stdbool.h>
#include <stddef.h>

#define SECRET_MAX 1024

struct secret { char bytes[SECRET_MAX]; size_t len; bool readable_by_all; };

/* The first line of the file. ERR_IO, ERR_INVALID (empty, too long). */
int  secret_read(const char *path, struct secret *ret, struct err *reterr);
void secret_wipe(struct secret *s);
/* Is this a PEM file that can be read? what: "tls.ca". */
int  secret_check_pem(const char *what, const char *path, struct err *reterr);

#endif
