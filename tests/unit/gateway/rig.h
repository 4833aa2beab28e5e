/* rig: a pipeline over a site that is given as text, with a batch to look into and a clock that only we move. */
#ifndef FIREGW_TESTS_GATEWAY_RIG_H
#define FIREGW_TESTS_GATEWAY_RIG_H

#include "gateway/config/config.h"
#include "gateway/pipeline.h"

#include <jansson.h>

struct rig {
	char                    dir[64];
	struct config          *config;
	struct pipeline        *pipeline;
	struct batch           *batch;
	uint32_t               *point_dbs, *stream_dbs;
	uint64_t               *decodings;
	struct stamp            now, started; /* started: the daemon's, which a reload keeps; 0: now */
	struct pipeline_effects fx; /* of the last step */
	uint64_t                boot, machine_boot; /* machine_boot 0: always the same */
};

#define RIG_STARTED_MS INT64_C(1795485600000)

/* points, rules: YAML list bodies, indented as in rig.c's site. */
struct config *rig_config(const char *points, const char *rules);
void rig_start(struct rig *r, const char *points, const char *rules);
void rig_open(struct rig *r, struct config *c, struct batch_sizes sizes);
/* A start of `to` finds the states that are in the batch of `from`. */
void rig_give_states(struct rig *to, const struct rig *from);
/* A reload: r is opened anew and adopts old. */
void rig_reload(struct rig *r, struct rig *old, const char *new_points, const char *new_rules);
void rig_done(struct rig *r);
void rig_wait(struct rig *r, int64_t ms);                                     /* time passes, and the pipeline is told at each deadline */
void rig_value(struct rig *r, const char *point, double value);               /* a good sample now */
void rig_sample(struct rig *r, const char *point, double value, enum quality q, const char *text);
void rig_command(struct rig *r, const char *alarm, enum rules_command what);
size_t rig_readings(const struct rig *r, const char *point);                  /* how many of its readings are in the batch */
/* The batch's events from the i-th on, as "alarm transition state;" each. Static. */
const char *rig_events(const struct rig *r, size_t from);
/* A whole event, composed as it is sent. The caller's reference. */
json_t *rig_event(const struct rig *r, size_t i);
size_t rig_allocations(void);

#endif
