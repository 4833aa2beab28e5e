/* Writes the pages that are tables of the product: docs/kinds.md and docs/alarms.md. A test holds the pages against what this prints; and the product's words, for the test of
 * docs/asyncapi.yaml. */
#include "core/alarm.h"
#include "core/clock.h"
#include "core/kind.h"
#include "core/point.h"
#include "core/site.h"
#include "core/strbuf.h"

#include <stdio.h>
#include <string.h>

#define LENGTH(array) (sizeof(array) / sizeof((array)[0]))

struct code {
	unsigned    code;
	const char *name;
};

/* GB/T 26875.3-2011, tables 4, 5 and 6: those that a kind uses. */
static const struct code systems[] = {
	{ 0, "通用" }, { 1, "火灾报警系统" }, { 11, "消火栓系统" }, { 12, "自动喷水灭火系统" }, { 13, "气体灭火系统" }, { 18, "防烟排烟系统" },
	{ 19, "防火门及卷帘系统" }, { 20, "消防电梯" }, { 21, "消防应急广播" }, { 22, "消防应急照明和疏散指示系统" }, { 23, "消防电源" },
	{ 24, "消防电话" },
};
static const struct code components[] = {
	{ 0, "通用" }, { 1, "火灾报警控制器" }, { 10, "可燃气体探测器" }, { 16, "电气火灾监控报警器" }, { 17, "剩余电流式电气火灾监控探测器" },
	{ 18, "测温式电气火灾监控探测器" }, { 21, "探测回路" }, { 23, "手动火灾报警按钮" }, { 24, "消火栓按钮" }, { 30, "感温火灾探测器" },
	{ 34, "线型感温火灾探测器" }, { 40, "感烟火灾探测器" }, { 43, "线型光束感烟火灾探测器" }, { 44, "吸气式感烟火灾探测器" },
	{ 69, "感光火灾探测器" }, { 78, "图像摄像方式火灾探测器" }, { 81, "气体灭火控制器" }, { 82, "消防电气控制装置" },
	{ 83, "消防控制室图形显示装置" }, { 91, "消防水泵" }, { 92, "消防水箱" }, { 95, "喷淋泵" }, { 96, "水流指示器" }, { 97, "信号阀" },
	{ 98, "报警阀" }, { 99, "压力开关" }, { 102, "防火门" }, { 103, "防火阀" }, { 106, "管网电磁阀" }, { 111, "防烟排烟风机" },
	{ 117, "防火卷帘控制器" }, { 121, "警报装置" },
};
static const struct code analogues[] = {
	{ 2, "高度 m" }, { 3, "温度 °C" }, { 5, "压力 kPa" }, { 6, "气体浓度 %LEL" }, { 8, "电压 V" }, { 9, "电流 A" }, { 10, "流量 L/s" },
	{ 128, "user's type: mA" },
};

static void print_code(const struct code *codes, size_t n, unsigned code)
{
	for (size_t i = 0; i < n; i++) {
		if (codes[i].code == code) {
			printf(" %u %s |", code, codes[i].name);
			return;
		}
	}
	printf(" %u |", code);
}

static const char kinds_head[] =
	"# The kinds of points\n"
	"\n"
	"Written by `scripts/gen-docs` from the table in `core/kind.c`; a test compares the two.\n"
	"\n"
	"In the column `kind` of a point table stands the word or the Chinese name. The kind decides the unit in which a value is compared, stored and sent\n"
	"(a table may give another unit of the same quantity: it is converted), the class of its alarms unless the rule names one, the poll interval,\n"
	"what is stored, and the codes of GB/T 26875.3-2011. `every`, `heartbeat`, `deadband`, `gb_system` and `gb_component` can be set for each point.\n"
	"\n"
	"- **1 is**: what 1 means for a point that is a single bit (`fc` 1 or 2, or one `bit`) and has no `enum`: `0=normal|1=…` is taken. Where a — stands it may mean either, and the table has to say.\n"
	"- A unit of — is a state: 0 or 1, or an enum. `generic` takes any unit as it stands; `power_energy` is in kW, or in a unit\n"
	"  that does not become kW, as kWh.\n"
	"- Kinds with **no delay** are detectors and what people press: no on-delay unless someone writes one, and then `check` warns.\n"
	"- Alarm points (class fire or prealarm) are read every 2 s or more often, so that an alarm reaches the hub within 10 s (GB 26875.1-2011 4.1.2.1).\n"
	"- **Ours**: the codes marked * are a default of ours: the standard has none of its own for this kind, and the nearest stands here.\n"
	"- Pressures are type 5 (kPa): type 4 (MPa) has steps of 0.1 MPa. Residual current is a user's type, in mA: type 9 (A) has steps of 100 mA.\n"
	"- A reading is stored when it changed by more than the deadband (0: by anything), and at least once a heartbeat.\n"
	"- Deadbands, heartbeats and intervals are defaults of ours, not the standard's.\n"
	"\n"
	"| kind | 中文 | class | hazard | unit | every | heartbeat | deadband | no delay | 1 is | GB system | GB component | GB analogue | ours |\n"
	"|---|---|---|---|---|---|---|---|---|---|---|---|---|---|\n";

static void print_kinds(void)
{
	char every[CLOCK_TEXT_MAX], heartbeat[CLOCK_TEXT_MAX];

	fputs(kinds_head, stdout);
	for (unsigned i = 0; i < KIND_COUNT; i++) {
		const struct kind_info *k = kind_info((enum kind)i);
		struct strbuf deadband = STRBUF_INIT;
		strbuf_json_double(&deadband, k->deadband);
		const char *word = kind_active_word((enum kind)i);
		printf("| %s | %s | %s | %s | %s | %s | %s | %s | %s | %s |", k->name, k->name_zh, alarm_class_name(k->class_),
		       k->hazard == HAZARD_NONE ? "—" : hazard_name(k->hazard), k->unit[0] ? k->unit : "—", clock_format_duration(k->every_ms, every),
		       clock_format_duration(k->heartbeat_ms, heartbeat), deadband.data, k->detector ? "yes" : "", word ? word : "—");
		strbuf_done(&deadband);
		print_code(systems, LENGTH(systems), k->gb_system);
		print_code(components, LENGTH(components), k->gb_component);
		if (k->gb_analogue)
			print_code(analogues, LENGTH(analogues), k->gb_analogue);
		else
			printf(" — |");
		printf(" %s |\n", k->gb_default ? "*" : "");
	}
}

static const char alarms_head[] =
	"# The life of an alarm\n"
	"\n"
	"Written by `scripts/gen-docs` from the table in `core/alarm.c`; a test compares the two. The words are those of the event's `state` and `transition`\n"
	"(ISA-18.2's states under the names of the wire).\n"
	"\n"
	"```\n"
	"           condition, after on_delay: raised (a count rule: confirmed)\n"
	"  ┌────────┐                                                    ┌────────┐\n"
	"  │ normal │───────────────────────────────────────────────────▶│ active │◀──────────────┐\n"
	"  └────────┘                                                    └────────┘               │\n"
	"    ▲ ▲ ▲                                acknowledged             │    │                 │\n"
	"    │ │ │                     ┌───────────────────────────────────┘    │ condition gone: │\n"
	"    │ │ │                     ▼                                        ▼ returned        │ condition again:\n"
	"    │ │ │ unlatched,      ┌───────┐                              ┌──────────┐            │ reraised, the same\n"
	"    │ │ │ condition gone: │ acked │                              │ returned │───────────▶│ occurrence\n"
	"    │ │ └─────────────────└───────┘                              └──────────┘            │\n"
	"    │ │   returned, cleared   │ latched, condition gone:           │      │              │\n"
	"    │ │                       │ returned                           │      │              │\n"
	"    │ │                       ▼                                    │      │              │\n"
	"    │ │ reset, cleared   ┌─────────┐ latched: acknowledged         │      │              │\n"
	"    │ └──────────────────│ latched │◀──────────────────────────────┘      │              │\n"
	"    │                    └─────────┘──────────────────────────────────────┼─────────────▶┘\n"
	"    │             unlatched: acknowledged, cleared                        │\n"
	"    └─────────────────────────────────────────────────────────────────────┘\n"
	"```\n"
	"\n"
	"- *Latched* are the alarms of a rule with `latch: true`: they need a reset. The state of that name is reached when the condition is gone and somebody has\n"
	"  acknowledged; only there a reset is taken, and not while the condition stands once more and its on-delay runs.\n"
	"- *Pending* (the on-delay runs) is internal and counts as normal. It is never sent.\n"
	"- With `ack: false` (class supervisory or less) nobody has to acknowledge. Active and gone is then returned and cleared in one go. A latched alarm goes from\n"
	"  active straight to latched and waits for its reset, which needs no acknowledgement either. Acknowledging while it is active is possible all the same.\n"
	"- Whatever a table cell does not name is refused, or changes nothing: the condition of an active alarm that goes on, a second acknowledgement.\n"
	"- `removed` is sent when a config no longer knows the alarm, or knows it as one of another class or node: then, if it stands, it is raised anew as what it is\n"
	"  now, right after. From every state but normal it leads to normal, and it ends the occurrence.\n"
	"- Where one trigger sends two transitions, both are events of their own, one right after the other; the state behind each arrow is the event's `state`.\n"
	"- An occurrence begins with raised or confirmed and ends with cleared or removed.\n"
	"\n"
	"| state | on | unlatched | latched | unlatched, ack: false | latched, ack: false |\n"
	"|---|---|---|---|---|---|\n";

static const char alarms_tail[] =
	"\n"
	"## Beside the state\n"
	"\n"
	"Each of these stands beside the state, is stored, and is in every event of the alarm. None of them stops an alarm from going through its states.\n"
	"\n"
	"| what | field | begins | ends | while it lasts |\n"
	"|---|---|---|---|---|\n"
	"| shelved 搁置 | `shelved`, `shelved_until` | `firegw shelve ALARM --for 2h` (24 h at most; a fire alarm: maintainers only) | by itself, or `unshelve` | consoles do not sound it; it counts in no count rule; `ALARM/shelved` stands, of class disablement |\n"
	"| out of service 屏蔽 | `out_of_service` | `firegw service POINT out` (maintainers) | `firegw service POINT in` | the same for all alarms of the point; `POINT/out-of-service` stands, of class disablement |\n"
	"| test, drill 测试、演练 | `mode` | `firegw test SELECT --for 1h [--drill]` (maintainers, 4 h at most) | by itself, or `firegw test --end` | what begins on those points bears the mode; consoles show it and never act on it; it counts in no count rule |\n"
	"| suppressed 抑制 | `suppressed` | an alarm that the rule names in `suppressed_by` stands | it does not any more | consoles do not sound it. Never a fire alarm. An alarm of a test suppresses only what is of a test, too |\n"
	"| chatters 频繁动作 | `times` | the third raise within a minute (EEMUA 191) | a minute of quiet | see below |\n"
	"| verdict 核实 | `verdict` | `firegw verify ALARM real\\|false\\|test\\|drill --cause T` | with the occurrence; a later verdict takes its place | it silences and clears nothing |\n"
	"\n"
	"- **The mode belongs to the occurrence**: what stood before a test began stays real, and so does what waits for an acknowledgement; what was acknowledged, waits for its reset only and comes again in a test is of the test from then on. When the test ends, what began in it is closed with `removed`, and what still stands is raised anew with mode normal, whether anybody looks or not.\n"
	"- **A test hides nothing real**: an alarm that stands because of a test suppresses other alarms of tests only; when the test ends and it still stands, it is real and suppresses as any other. One whose point is out of service suppresses nothing. One that is shelved goes on suppressing: it is true, only not to be heard.\n"
	"- A verdict may come when the occurrence is over; it names it. A report by hand can be verified for a week after its reset, unless so many are made meanwhile that its place is needed. `firegw report` counts them.\n"
	"- Shelves, tests and reports by hand go on after a restart, a reload and a reboot. What has an end ends at its moment, also when nobody was told in time. After a reboot of the machine the wall clock says what is left of it.\n"
	"- A shelf of an alarm that an edited configuration makes one of class fire ends with it, at a reload as at a start, with `unshelved`, cause rule: nobody who may shelve a fire was asked. One that was of fire when it was shelved stays.\n"
	"- A shelf or a point out of service whose alarm or point is no longer in the configuration is closed with `removed`.\n"
	"\n"
	"## What is sent when, beside the table\n"
	"\n"
	"| transition | when | example |\n"
	"|---|---|---|\n"
	"| `escalated` | nobody acknowledged within the rule's `escalate: {after: 3m}`; once an activation. Not while it is shelved, suppressed, out of service or in a test | a confirmed fire at 03:00, `escalated` at 03:03: the hub's console calls somebody else |\n"
	"| `reraised` from acked | it was acknowledged `re_alarm` ago and still stands (IEC 62682's re-alarm): it waits for an acknowledgement again | a valve shut since yesterday, `re_alarm: 8h`: each shift hears of it |\n"
	"| `chattering` | the third raise within a minute, with `times`. From the sixth on an alarm that is not of class fire is held active until its condition was gone for a minute; its `returned` says in `times` how often it came in all. A fire alarm is told each time | a valve's contact that bounces: 12 events instead of 1,200 an hour |\n"
	"| `verified`, `shelved`, `unshelved`, `suppressed`, `unsuppressed` | as above; the state does not change. `shelved` also of an alarm that is normal. With a person as its cause, `suppressed` says that the point was taken out of service while the alarm stood, `unsuppressed` that it is in service again | |\n"
	"\n"
	"Operations, of class operation: `test_start`, `test_end`, `drill_start`, `drill_end` (with `select` and `until`), `service_out`, `service_in`, `silence`, `selftest` (mode test), `duty_on`, `duty_off`, `handover`, and\n"
	"`flood_start`, `flood_end`: more than ten alarms within ten minutes, until fewer than five. A flood holds nothing back; one that runs goes on over a restart, and its end is told once.\n"
	"\n"
	"## What is heard\n"
	"\n"
	"With `sound: {device: default}` in the site's file the gateway sounds by itself: while a fire or pre-alarm waits for its acknowledgement a tone that goes up and down, while a\n"
	"supervisory alarm or a fault does, a short beep every two seconds; fire goes before. `firegw silence` (消音) stops it at once, and it stays silent, for pre-alarms and faults\n"
	"too, until a fire is to be heard that was not then: a new one, one that comes again, or one that is no longer shelved; `firegw status` says that it is silenced. A restart ends that.\n"
	"An acknowledgement stops the sound for its alarm. What is shelved, out of service, suppressed, or of a test or drill is not heard. After a restart what waits still is heard again.\n"
	"\n"
	"A sounder that would not sound is found before the fire: a moment of silence is played at the start and every ten minutes. If the device cannot be opened, or takes no sound, the own fault\n"
	"`_gw.sound/none` stands and says why, until it plays again. Nothing else waits for it.\n"
	"A sound test: `firegw raise fault --floor 1 --note \"sound test\"` is heard (unless it is silenced); acknowledge and reset it.\n"
	"\n"
	"## Alarms that people make\n"
	"\n"
	"- `firegw raise fire --floor 12 --note \"smoke in the pantry\"` is `_manual.a.12/fire`, cause manual. It stands until it is acknowledged and then reset.\n"
	"- `ALARM/shelved` and `POINT/out-of-service` are raised and cleared with what they tell of; they may be acknowledged and need not be.\n"
	"- 1,024 of them at once, 32 tests and drills at once; one more is refused.\n"
	"\n"
	"## Writing rules for people\n"
	"\n"
	"```yaml\n"
	"rules:\n"
	"  - id: hydrant-low            # a pressure that dips when somebody draws water: ten seconds, and back by 0.02\n"
	"    for: {kind: hydrant_pressure}\n"
	"    when: {below: 0.10, deadband: 0.02}\n"
	"    on_delay: 10s\n"
	"    off_delay: 30s\n"
	"    class: supervisory\n"
	"    suppressed_by: [pumps.power/pump-house-off]   # with the pumps off for maintenance every riser is low: one alarm says so\n"
	"    re_alarm: 8h\n"
	"  - id: pump-house-off\n"
	"    for: {kind: pump_power}\n"
	"    when: {equals: lost}\n"
	"    class: fault\n"
	"    escalate: {after: 10m}\n"
	"  - id: confirmed              # GB 50116: two of a zone; each alone was sent at once all the same\n"
	"    when: {count: 2, of: {class: fire}, same: zone, within: 5m}\n"
	"    class: fire\n"
	"    latch: true\n"
	"    escalate: {after: 3m}\n"
	"```\n"
	"\n"
	"An on-delay never belongs before a detector or a call point (`firegw check` warns). Try new limits on last month's readings: `firegw backtest`. All keys: [rules.md](rules.md).\n";

struct trigger_row {
	enum alarm_trigger trigger;
	bool               condition, count_rule;
	const char        *text;
};

/* Which settings matter to which trigger is told by the text; alarm_move is asked for each. */
static const struct trigger_row triggers[] = {
	{ TRIGGER_ON, true, false, "condition" },
	{ TRIGGER_ON, true, true, "condition of a count rule" },
	{ TRIGGER_ACK, true, false, "acknowledged" },
	{ TRIGGER_OFF, false, false, "condition gone" },
	{ TRIGGER_RESET, false, false, "reset" },
	{ TRIGGER_RESET, true, false, "reset, while the condition stands" },
	{ TRIGGER_AGAIN, false, false, "acknowledged `re_alarm` ago and still standing, or reported again" },
	{ TRIGGER_REMOVE, false, false, "removed from the config" },
};

static void put_move(struct strbuf *out, struct alarm_move m)
{
	strbuf_puts(out, " ");
	for (unsigned i = 0; i < m.n; i++)
		strbuf_printf(out, "%s%s → %s", i ? ", " : "", transition_name(m.sent[i]), alarm_state_name(m.via[i]));
	strbuf_puts(out, m.allowed ? " |" : "refused |");
}

static void print_alarms(void)
{
	static const enum alarm_state states[] = { STATE_NORMAL, STATE_ACTIVE, STATE_ACKED, STATE_RETURNED, STATE_LATCHED };
	char plain[512] = "";

	fputs(alarms_head, stdout);
	for (size_t s = 0; s < LENGTH(states); s++) {
		for (size_t t = 0; t < LENGTH(triggers); t++) {
			const struct trigger_row *row = &triggers[t];
			char mem[512];
			struct strbuf out;
			bool any = false;
			strbuf_init_fixed(&out, mem, sizeof mem);
			for (unsigned i = 0; i < 4; i++) {
				bool latch = i & 1, ack = i < 2;
				struct alarm_move m = alarm_move(states[s], row->trigger, latch, ack, row->condition, row->count_rule);
				any = any || m.allowed;
				put_move(&out, m);
			}
			bool same_as_plain = row->count_rule && strcmp(plain, mem) == 0;
			bool tells = row->trigger == TRIGGER_RESET && states[s] != STATE_NORMAL && (!row->condition || states[s] == STATE_LATCHED);
			if ((any && !same_as_plain) || tells)
				printf("| %s | %s |%s\n", alarm_state_name(states[s]), row->text, mem);
			snprintf(plain, sizeof plain, "%s", mem);
		}
	}
	fputs(alarms_tail, stdout);
}

/* The words of the wire, a line each: what it is, and the word. */
static void print_words(void)
{
	for (unsigned i = 0; i < CLASS_COUNT; i++)
		printf("class %s\n", alarm_class_name((enum alarm_class)i));
	for (unsigned i = 0; i < STREAM_COUNT; i++)
		printf("stream %s\n", stream_name(i));
	for (unsigned i = 0; i <= HAZARD_ACCESS; i++)
		printf("hazard %s\n", hazard_name((enum hazard)i));
	for (unsigned i = 0; i <= STATE_LATCHED; i++)
		printf("state %s\n", alarm_state_name((enum alarm_state)i));
	for (unsigned i = 0; i < TRANSITION_COUNT; i++)
		printf("%s %s\n", i < TRANSITION_TEST_START ? "alarmTransition" : "operationTransition", transition_name((enum transition)i));
	for (unsigned i = 0; i <= CAUSE_SELF; i++)
		printf("cause %s\n", cause_name((enum cause)i));
	for (unsigned i = 0; i <= MODE_DRILL; i++)
		printf("mode %s\n", alarm_mode_name((enum alarm_mode)i));
	for (unsigned i = VERDICT_REAL; i < VERDICT_COUNT; i++)
		printf("verdict %s\n", verdict_name((enum verdict)i));
	for (unsigned i = 0; i < QUALITY_COUNT; i++)
		printf("quality %s\n", quality_name((enum quality)i));
	for (unsigned i = 0; i < KIND_COUNT; i++)
		printf("kind %s\n", kind_info((enum kind)i)->name);
	for (unsigned i = BUILDING_UNKNOWN + 1; i <= BUILDING_INDUSTRIAL; i++)
		printf("building %s\n", building_class_name((enum building_class)i));
}

int main(int argc, char **argv)
{
	if (argc == 2 && strcmp(argv[1], "kinds") == 0) {
		print_kinds();
	} else if (argc == 2 && strcmp(argv[1], "alarms") == 0) {
		print_alarms();
	} else if (argc == 2 && strcmp(argv[1], "words") == 0) {
		print_words();
	} else {
		fprintf(stderr, "usage: gen_docs kinds|alarms|words\n");
		return 2;
	}
	return 0;
}
