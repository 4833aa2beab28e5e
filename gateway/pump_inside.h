/* pump_inside: what the files of the pump share; nobody else includes it but its tests. pump.c has the drawing and the order. */
#ifndef FIREGW_GATEWAY_PUMP_INSIDE_H
#define FIREGW_GATEWAY_PUMP_INSIDE_H

#include "gateway/pump.h"
#include "gateway/repeat.h"
#include "gateway/states.h"

#include <stddef.h>

#define PUMP_WINDOW_MAX        100
#define PUMP_BACKOFF_FIRST_NS  (CLOCK_NS_PER_S / 2)
#define PUMP_BACKOFF_MAX_NS    (30 * CLOCK_NS_PER_S)
#define PUMP_STABLE_NS         (10 * CLOCK_NS_PER_S)  /* a link that lived less counts as one more failed attempt */
#define PUMP_SESSION_WAIT_NS   (5 * CLOCK_NS_PER_S)   /* for the app's answer; then the number goes unstored */
#define PUMP_CONNECT_WAIT_NS   (60 * CLOCK_NS_PER_S)  /* for the link's answer; then this attempt is ended */
#define PUMP_STATUS_EVERY_NS   (30 * CLOCK_NS_PER_S)
#define PUMP_STATUS_LEAST_NS   CLOCK_NS_PER_S
#define PUMP_REFUSED_WAIT_NS   (60 * CLOCK_NS_PER_S)
#define PUMP_UNREACHABLE_NS    (30 * CLOCK_NS_PER_S)
#define PUMP_STALL_FAULT_NS    (20 * CLOCK_NS_PER_S)  /* nothing acknowledged, something in flight */
#define PUMP_STALL_END_NS      (60 * CLOCK_NS_PER_S)  /* a half-open link shows in no other way */
#define PUMP_RETAINED_QUIET_NS (3 * CLOCK_NS_PER_S)   /* no retained message for so long: that was all of them */
#define PUMP_RETAINED_MAX_NS   (600 * CLOCK_NS_PER_S)
#define PUMP_READ_RETRY_NS     CLOCK_NS_PER_S         /* doubling to 32 s */
#define PUMP_READ_PATIENCE_NS  (250 * CLOCK_NS_PER_MS)
#define PUMP_ROOM_RETRY_NS     (20 * CLOCK_NS_PER_MS) /* the link had no room */
#define PUMP_FOLLOW_EVERY_NS   (60 * CLOCK_NS_PER_S)  /* cursors of streams that this hub does not get */
#define PUMP_STOP_LINGER_NS    CLOCK_NS_PER_S         /* after pump_stop, for acknowledgements beside the status' */
#define PUMP_PURGED_NS         (600 * CLOCK_NS_PER_S)
#define PUMP_REPLY_KEEP_NS     (300 * CLOCK_NS_PER_S)

#define PUMP_EVENT_QUEUE_BYTES   (512 * 1024)  /* in memory, sent or not; beyond it the reader is asked */
#define PUMP_READING_QUEUE_BYTES (1280 * 1024)
#define PUMP_ITEMS               2048          /* queued messages; readings take at most half */
#define PUMP_READ_EVENT_BYTES    (32 * 1024)   /* one request to the reader */
#define PUMP_READ_READING_BYTES  (64 * 1024)
#define PUMP_PREFETCH_BYTES      (192 * 1024)  /* asked again when less than this waits unsent in a stream */
#define PUMP_UNDURABLES          256
#define PUMP_UNDURABLES_MAX      16384         /* taken PUMP_UNDURABLES at a time, kept until the pump ends */
#define PUMP_REPLIES             64
#define PUMP_REPLY_BYTES         (2 * 1024 * 1024)
#define PUMP_CLEARS              256           /* stale retained topics known at a time */
#define PUMP_FILTERS      64            /* in one subscription; a frame and some brokers take only so many */

/* Bytes in flight below a live fire: adapts to how long the link takes (pump_send.c). */
#define PUMP_CAP_FIRST       (16 * 1024)
#define PUMP_CAP_LEAST       (8 * 1024)
#define PUMP_CAP_MOST        (1024 * 1024)
#define PUMP_DELAY_GOOD_NS   (100 * CLOCK_NS_PER_MS)
#define PUMP_DELAY_BAD_NS    (500 * CLOCK_NS_PER_MS)

enum pump_state {
	PUMP_STATE_WAITING, PUMP_STATE_SESSION, PUMP_STATE_CONNECTING, PUMP_STATE_RECONCILING, PUMP_STATE_UP, PUMP_STATE_STOPPING, PUMP_STATE_STOPPED,
	PUMP_STATE_COUNT,
};

/* A circular list that its members are part of; a member that points to itself, or to nothing, is in none. */
struct chain { struct chain *prev, *next; };
#define chain_of(link, type, member) ((type *)(void *)((char *)(link) - offsetof(type, member)))
static inline void chain_init(struct chain *c) { c->prev = c->next = c; }
static inline bool chain_empty(const struct chain *c) { return c->next == c; }
static inline void chain_remove(struct chain *c)
{
	if (!c->next)
		return;
	c->prev->next = c->next;
	c->next->prev = c->prev;
	chain_init(c);
}
static inline void chain_insert(struct chain *list, struct chain *c)
{
	c->next = list->next;
	c->prev = list;
	list->next->prev = c;
	list->next = c;
}
static inline void chain_append(struct chain *list, struct chain *c)
{
	c->prev = list->prev;
	c->next = list;
	list->prev->next = c;
	list->prev = c;
}

enum item_state { ITEM_QUEUED, ITEM_IN_FLIGHT, ITEM_ACKED };

/* A message of a stream, in memory. */
struct pump_item {
	struct pump_item *next;
	struct outmsg    *msg;        /* a reference of ours; NULL: a `lost` message about first … last */
	int64_t           first, last;
	const char       *why;        /* of a lost one; static */
	enum item_state   state;
};

/* A stream as this hub sees it: the messages head … tail are contiguous and begin right after `acked`; those up to `unsent` went out on this link. */
struct pump_lane {
	uint32_t          db, node;
	unsigned          stream;
	bool              wanted;     /* else its cursor follows what is stored */
	int64_t           first, stored, acked;
	int64_t           told;       /* the cursor that the app knows */
	int64_t           sent_high;  /* newest seq ever sent: below it is a repetition */
	int64_t           live_from;  /* stored when the link came up: what is newer is live */
	struct pump_item *head, *tail, *unsent;
	struct pump_item  own;        /* so that a stream always has one, whatever the others took */
	bool              own_used;
	size_t            unsent_bytes;
	int64_t           retry_ns;   /* refused by the broker: stopped until then; 0: not */
	bool              refused;    /* until the broker takes something again */
	int64_t           read_retry_ns;
	unsigned          read_failures;
	int64_t           lost_count, lost_from_ms, lost_to_ms; /* records that never got a number */
	int64_t           lost_sent;  /* of these, in flight */
	struct chain      send, read, later; /* in pump.send[], pump.read[], pump.later */
	struct chain     *send_list, *read_list;
};

/* What this broker has of one entry of the table of states. */
struct pump_entry {
	uint64_t     done;        /* version that it acknowledged, wholly */
	uint64_t     last_done;   /* version whose last value it acknowledged; the empty one is due */
	uint64_t     released;    /* version told to states_release */
	uint32_t     life;
	bool         in_flight, live, refused;
	bool         again;       /* asked for once more, or cleared, while in flight: that is not the end of it */
	int64_t      retry_ns;    /* refused: not before; 0: not refused */
	struct chain link;        /* in pump.entries[] or pump.entries_later */
};

/* stored: while in flight; it need not go out again, whatever becomes of this time. */
struct pump_undurable { struct chain link; struct outmsg *msg; struct pump_lane *lane; bool stored; };
struct pump_reply     { struct chain link; char *topic; struct outmsg *msg; void *correlation; size_t correlation_len; int64_t at_ns; };
struct pump_clear     { struct chain link; uint32_t node; char topic[]; };

/* Tiers, by what they may take of the window: a live fire all, the rest leaves some slots to it, bulk leaves more. */
enum tier { TIER_LIVE, TIER_EVENT, TIER_BULK, TIER_COUNT };
enum what { WHAT_NONE, WHAT_STATUS, WHAT_ENTRY, WHAT_ITEM, WHAT_LOST, WHAT_UNDURABLE, WHAT_CLEAR, WHAT_REPLY };
enum step { STEP_MSG, STEP_LAST, STEP_EMPTY };

/* Something that could be sent next. */
struct pick {
	enum what              what;
	enum tier              tier;
	enum step              step;
	struct pump_lane      *lane;
	struct pump_item      *item;
	uint32_t               entry;
	struct pump_undurable *undurable;
	struct pump_reply     *reply;
	struct pump_clear     *clear;
};

struct pump_slot {
	uint64_t    token;            /* 0: free */
	struct pick pick;
	uint64_t    version;          /* WHAT_ENTRY */
	uint32_t    life;
	size_t      len;
	int64_t     sent_ns;
	bool        filled;           /* the cap was what limited when this went out */
	int         result;           /* noted: -1 none, 0 delivered, else the reason of the refusal */
};

enum { SEND_LIVE_FIRE, SEND_STREAM, SEND_LISTS = SEND_STREAM + STREAM_COUNT };
enum { ENTRIES_LIVE_FIRE, ENTRIES_ALARM, ENTRIES_DIRECTORY = ENTRIES_ALARM + CLASS_COUNT, ENTRIES_BUILDING, ENTRIES_REPORT, ENTRIES_LISTS };
enum sub { SUB_NONE, SUB_COMMANDS, SUB_RETAINED, SUB_QUIET };
struct pump_filters { const char *below[6]; size_t n; }; /* below every node */

struct pump {
	struct pump_config     config;
	const struct pump_ops *ops;
	struct states         *states;
	struct stamp           now;
	struct repeat          repeat;     /* what it says in the log */
	enum pump_state        state;
	unsigned               moved[PUMP_STATE_COUNT]; /* bit n: the move to n was made; for tests */
	bool                   stepping, attempting, linked, stop_wanted;

	/* the connection (pump_link.c) */
	int64_t  session, session_wanted, session_wait_ns;
	int64_t  connect_ns, attempt_ns, up_ns, unlinked_ns;
	unsigned attempts;           /* failed in a row */
	unsigned refusals, certificates; /* of these, in a row, for this reason */
	bool     shaky, ending;      /* the last link lived short; disconnect was asked */
	size_t   url;
	uint64_t random;
	enum sub sub;
	const struct pump_filters *sub_filters; /* pump_reconcile.c: what is asked for, how far, and what was said */
	size_t   sub_at;
	bool     sub_asked, sub_ok;
	char     sub_text[160];
	bool     sub_refused, reconcile_wanted, commands_subscribed;
	int64_t  quiet_ns, retained_end_ns;
	int64_t  stop_ns;
	char     why[200];
	int64_t  since_ms;
	bool     fault_on[PUMP_FAULT_COUNT];
	char     refused_text[300];

	/* noted by the link's events, taken by the next step */
	struct {
		bool          up, down, session, subscribed, subscribed_ok, retained;
		int64_t       session_number;
		uint16_t      receive_max;
		enum hub_down why;
		char          text[200], subscribed_text[160], refused_text[160];
		uint8_t       results[PUMP_WINDOW_MAX];
		size_t        n_results;
	} noted;

	/* streams (pump_lane.c, pump_streams.c) */
	struct pump_lane **lanes;    /* by db */
	size_t             n_lanes;
	struct chain       send[SEND_LISTS], read[SEND_LISTS], later;
	int64_t            later_ns; /* earliest retry in `later` */
	struct pump_item  *items, *free_items;
	size_t             n_items, n_reading_items;
	size_t             queued_bytes[2]; /* events, readings */
	bool               reading;  /* a request to the reader is in flight */
	uint32_t           reading_db;
	int64_t            read_until_ns; /* less urgent messages wait for it so long */
	bool               follow_all;
	int64_t            follow_ns;

	/* states (pump_entry.c) */
	struct pump_entry *entries;  /* by index in the table */
	uint64_t           states_seen;
	struct chain       entry_lists[ENTRIES_LISTS], entries_later;
	int64_t            entries_later_ns;
	int64_t            status_ns, status_sent_ns;
	bool               birth, status_in_flight, status_refused, offline_sent, offline_done;

	/* pump_purge.c; over: an alarm changed, it ends; known: how many of what we know were put on the list */
	enum pump_purge purge;
	bool            purge_over, purge_partly;
	int64_t         purge_until_ns;
	size_t          purge_cleared, purge_known;

	/* the small queues (pump_queue.c) */
	struct pump_undurable undurables[PUMP_UNDURABLES];
	struct pump_more_undurables { struct pump_more_undurables *next; struct pump_undurable items[PUMP_UNDURABLES]; } *more_undurables;
	size_t                n_undurable_rooms;
	struct chain          undurable_free, undurable_lists[CLASS_COUNT], undurable_flight;
	size_t                n_undurables;
	struct chain          replies, replies_flight;
	size_t                n_replies, reply_bytes;
	struct chain          clears, clears_flight;
	size_t                n_clears;
	bool                  clears_missed;

	/* sending (pump_send.c) */
	struct pump_slot slots[PUMP_WINDOW_MAX];
	uint8_t          free_slots[PUMP_WINDOW_MAX];
	size_t           n_free, in_flight;
	size_t           flight_bytes[TIER_COUNT];
	uint16_t         window, keep_live, keep_events;
	uint64_t         next_token;
	size_t           cap;
	int64_t          base_ns, cap_cut_ns, progress_ns, room_ns;
	int64_t          deaf_ns;    /* connected, and nothing acknowledged, at the ends of connections since the last acknowledgement */
	unsigned         n_refused;  /* lanes, entries and the status that the broker refuses now */
	struct strbuf    topic, text, streams;

	struct { uint64_t sent, acked, refused, resent, lost, dropped, ups, bytes; } count;
};

bool pump_move_allowed(enum pump_state from, enum pump_state to);
void pump_move(struct pump *p, enum pump_state to);
void pump_fault(struct pump *p, enum pump_fault what, bool on, const char *text);
/* Whether messages of streams and states may go out now. */
static inline bool pump_open(const struct pump *p) { return p->linked && (p->state == PUMP_STATE_RECONCILING || p->state == PUMP_STATE_UP); }
static inline int64_t earlier(int64_t a, int64_t b) { return a < b ? a : b; }

void    pump_link_take(struct pump *p);      /* what the link noted: results, up, down */
bool    pump_link_tick(struct pump *p);      /* true: it moved */
int64_t pump_link_deadline(const struct pump *p);
void    pump_link_faults(struct pump *p);
void    pump_link_end(struct pump *p, const char *why);

void    pump_lane_init(struct pump *p);   /* these four: pump_streams.c */
void    pump_lane_done(struct pump *p);
struct pump_lane *pump_lane_find(const struct pump *p, uint32_t db);
struct pump_lane *pump_lane_of(const struct pump *p, uint32_t node, unsigned stream);
void    pump_lane_drop(struct pump *p, struct pump_lane *l);
void    pump_lane_update(struct pump *p, struct pump_lane *l);
void    pump_lane_classify(struct pump *p, struct pump_lane *l);
void    pump_lane_sent(struct pump *p, struct pump_lane *l, struct pump_item *i);
void    pump_lane_result(struct pump *p, struct pump_lane *l, struct pump_item *i, bool ok);
void    pump_lane_stop(struct pump *p, struct pump_lane *l);
void    pump_lane_works(struct pump *p, struct pump_lane *l);
void    pump_lane_up(struct pump *p);
void    pump_lane_down(struct pump *p);
void    pump_lane_wake(struct pump *p);
void    pump_lane_follow(struct pump *p, bool all);
bool    pump_lane_read(struct pump *p);      /* asks the reader if there is cause; true: it was asked */
bool    pump_lane_live(const struct pump_lane *l);

void    pump_entry_up(struct pump *p);
void    pump_entry_down(struct pump *p);
void    pump_entry_again(struct pump *p);
void    pump_entry_changes(struct pump *p);
void    pump_entry_update_all(struct pump *p);
void    pump_entry_wake(struct pump *p);
void    pump_entry_leave(struct pump *p);
bool    pump_entry_need(const struct pump *p, uint32_t i, enum step *ret);
void    pump_entry_sent(struct pump *p, uint32_t i);
void    pump_entry_result(struct pump *p, const struct pump_slot *s, bool ok);
/* Whether the topic below the prefix is a retained one that stands for nothing any more. */
bool    pump_entry_stale(const struct pump *p, uint32_t node, const char *topic);

void    pump_purge_tick(struct pump *p);
void    pump_purge_end(struct pump *p);
bool    pump_reconcile_tick(struct pump *p);  /* true: it moved */
int64_t pump_reconcile_deadline(const struct pump *p);

void    pump_queue_init(struct pump *p);
void    pump_queue_done(struct pump *p);
void    pump_queue_up(struct pump *p);
void    pump_queue_down(struct pump *p);
void    pump_queue_result(struct pump *p, const struct pick *k, bool ok);
void    pump_queue_stored(struct pump *p, unsigned stream, uint64_t id);
void    pump_queue_forget_lane(struct pump *p, const struct pump_lane *l);
void    pump_queue_clear_add(struct pump *p, uint32_t node, const char *topic);
void    pump_queue_clear_drop(struct pump *p, struct pump_clear *c);
struct pump_undurable *pump_queue_undurable(const struct pump *p, unsigned stream);

void    pump_send_init(struct pump *p);
void    pump_send_up(struct pump *p, uint16_t receive_max);
void    pump_send_down(struct pump *p);
void    pump_send_results(struct pump *p);
void    pump_send_all(struct pump *p);
void    pump_send_offline(struct pump *p);
void    pump_send_forget_lane(struct pump *p, const struct pump_lane *l);

void    pump_text_topic(struct pump *p, uint32_t node, const char *a, const char *b);
void    pump_text_status(struct pump *p, bool online, const char *reason); /* into p->text */
void    pump_text_gone(struct pump *p, const struct pump_lane *l, const struct pump_item *i);
void    pump_text_lost(struct pump *p, const struct pump_lane *l);

#endif
