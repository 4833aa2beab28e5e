/* log: what the daemon tells the journal. The one global of the product: its sink and level. Only gateway/ logs. */
#ifndef FIREGW_CORE_LOG_H
#define FIREGW_CORE_LOG_H

enum log_level { LOG_LEVEL_ERROR, LOG_LEVEL_WARNING, LOG_LEVEL_INFO, LOG_LEVEL_DEBUG };

/* Called with a finished line (no newline) from any thread; must not block for long. */
typedef void log_sink(enum log_level level, const char *token, const char *text);

/* Set once, at start, before any thread is. Without a sink nothing is logged. */
void log_set_sink(log_sink *sink);
void log_set_level(enum log_level level);
enum log_level log_get_level(void);
/* "error", "warning", "info", "debug"; 0 or -1. */
int log_level_parse(const char *text, enum log_level *ret);
/* The token says which part speaks: "bus", "hub", "store", "config", "app", "control", "uplink". */
void log_msg(enum log_level level, const char *token, const char *fmt, ...) __attribute__((format(printf, 3, 4)));

#define log_error(token, ...)   log_msg(LOG_LEVEL_ERROR, token, __VA_ARGS__)
#define log_warning(token, ...) log_msg(LOG_LEVEL_WARNING, token, __VA_ARGS__)
#define log_info(token, ...)    log_msg(LOG_LEVEL_INFO, token, __VA_ARGS__)
#define log_debug(token, ...)   log_msg(LOG_LEVEL_DEBUG, token, __VA_ARGS__)

#endif
