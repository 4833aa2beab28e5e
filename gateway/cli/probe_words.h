/* probe_words: why a read brought no values, and what to do about it, in words. Pure. */
#ifndef FIREGW_GATEWAY_CLI_PROBE_WORDS_H
#define FIREGW_GATEWAY_CLI_PROBE_WORDS_H

#include "drivers/driver.h"
#include "gateway/cli/probe_line.h"

/* Whether it is the device itself that answers: values, or an exception but those by which a gateway says that it does not. */
bool probe_is_alive(const struct probe_result *r);
/* "illegal data address" and the like. Static. */
const char *probe_exception_name(int exception);
/* What was asked, its answer (not PROBE_VALUES), and the cure, in one line. by_daemon: the line is firegwd's. */
void probe_explain(const struct bus_request *rq, const struct probe_result *r, const struct probe_ask *ask, bool by_daemon, struct strbuf *out);

#endif
