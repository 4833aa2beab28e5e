/* pump_rig: a pump with everything around it in memory: a fake hub, a fake store of streams, the app's answers, virtual time. At every acknowledgement and
 * cursor it checks what must always hold. */
#ifndef FIREGW_TESTS_PUMP_RIG_H
#define FIREGW_TESTS_PUMP_RIG_H

#include "gateway/pump_inside.h"
#include "tests/lib/fake_hub.h"

#define RIG_NODES   2
#define RIG_STREAMS (RIG_NODES * STREAM_COUNT)
#define RIG_SEQS    20000
#define RIG_PREFIX  "fire/v1/500110/002/003/"
#define RIG_ALARM(id) RIG_PREFIX "gw/alarm/" id

/* Of each record of a stream: what became of it. */
enum rig_mark { RIG_STORED = 1, RIG_SEEN = 2, RIG_ACKED = 4, RIG_TOLD_LOST = 8 };

struct rig_stream {
	uint32_t db, node;
	unsigned stream;
	int64_t  first, stored, cursor;
	int64_t  seen_high;             /* newest seq that the broker has seen */
	uint8_t  marks[RIG_SEQS];
	int64_t  at_ms[RIG_SEQS];
	size_t   bytes;                 /* length of a record's message; readings: of one record */
};

struct rig {
	struct pump       *pump;
	struct pump_config config;
	struct pump_ops    ops;
	struct states      states;
	struct fake_hub    hub;
	struct stamp       now;
	int64_t            deadline;
	struct rig_stream *streams;
	/* what the pump asked for */
	int64_t            session_at_least;
	unsigned           sessions_asked;
	bool               hold_session;
	struct pump_backlog_request request;
	bool               asked, answer_at_once;
	unsigned           n_asked;
	bool               fault[PUMP_FAULT_COUNT];
	unsigned           n_faults[PUMP_FAULT_COUNT];
	char               fault_text[PUMP_FAULT_COUNT][300];
	char               command[64], command_payload[64], command_response[64];
	unsigned           n_commands;
	size_t             statuses;
	/* checks */
	bool               refusals;    /* the broker refused: order is that of first appearances but for one window */
	size_t             log_checked;
	uint64_t           order_breaks;
};

void rig_init(struct rig *r, uint64_t seed);
void rig_start(struct rig *r);      /* makes the pump; the config may be changed before */
void rig_done(struct rig *r);
struct rig_stream *rig_stream(struct rig *r, uint32_t node, unsigned stream);
int  rig_set_streams(struct rig *r);
void rig_step(struct rig *r);
/* Lets time pass, stepping at each deadline. */
void rig_pass(struct rig *r, int64_t ms);
/* n records are stored now; with_message: the pump gets them as messages (readings: one for all). */
void rig_store(struct rig *r, uint32_t node, unsigned stream, int64_t n, bool with_message);
/* Stored while no pump was told: backlog of an earlier life. Before rig_start. */
void rig_preload(struct rig *r, uint32_t node, unsigned stream, int64_t n, int64_t at_ms);
/* Answers what the pump asked the reader. */
void rig_answer(struct rig *r, bool failed);
void rig_prune(struct rig *r, uint32_t node, unsigned stream, int64_t first);
/* From nothing to up and reconciled, with everything answered. */
void rig_up(struct rig *r);
/* All of that: init, start, up. */
void rig_fresh(struct rig *r);
/* Accepts, drains, answers, until nothing moves any more; bounded. */
void rig_settle(struct rig *r);
void rig_alarm(struct rig *r, uint32_t node, const char *id, unsigned class_, const char *payload);
/* A page of node 0's directory; its text is its topic. */
void rig_page(struct rig *r, const char *topic);
void rig_clear(struct rig *r, uint32_t node, const char *id, const char *last);
/* What the broker has seen since the last call: order per stream, nothing that was not stored. */
void rig_check_log(struct rig *r);
/* Every record from the cursor's beginning on was acknowledged or told lost; the cursors stand at the end. */
void rig_check_complete(struct rig *r);
/* Retained at the broker = the table of states. */
void rig_check_retained(struct rig *r);

#endif
