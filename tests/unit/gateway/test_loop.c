/* The loop's own pieces: timers in the order of their deadlines, the mailbox from a thread, workers, and an end that leaves no handle behind. */
#include "gateway/loop.h"
#include "gateway/worker.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>
#include <stdlib.h>
#include <string.h>

struct fired { struct loop *loop; struct loop_timer timer; int id; int *order; int *n; };

static void on_fire(void *user, struct stamp now)
{
	struct fired *f = user;

	assert_true(now.mono_ns > 0);
	f->order[(*f->n)++] = f->id;
}

static void timers_fire_in_order_and_can_be_moved_and_stopped(void **state)
{
	struct fired f[200];
	int order[200], n = 0;
	uv_loop_t uv;
	struct loop l;
	struct err e;

	(void)state;
	uv_loop_init(&uv);
	assert_int_equal(loop_init(&l, &uv, &e), 0);
	int64_t now = loop_now(&l).mono_ns;
	srand(5);
	for (int i = 0; i < 200; i++) {
		f[i] = (struct fired){ .loop = &l, .id = i, .order = order, .n = &n };
		loop_timer_init(&f[i].timer, on_fire, &f[i]);
		loop_timer_set(&l, &f[i].timer, now + (rand() % 1000) * 1000);
	}
	for (int i = 0; i < 200; i++) /* moved: now in order of id; every tenth stopped */
		loop_timer_set(&l, &f[i].timer, i % 10 == 0 ? CLOCK_NEVER : now + i * 10000);
	while (n < 180)
		uv_run(&uv, UV_RUN_ONCE);
	for (int i = 1; i < n; i++)
		assert_true(order[i] > order[i - 1]);
	for (int i = 0; i < n; i++)
		assert_true(order[i] % 10 != 0);
	loop_close(&l);
	uv_run(&uv, UV_RUN_DEFAULT);
	loop_done(&l);
	assert_int_equal(uv_loop_close(&uv), 0);
}

static void again(void *user, struct stamp now)
{
	struct fired *f = user;

	(*f->n)++;
	loop_timer_set(f->loop, &f->timer, now.mono_ns); /* due at once, for ever */
}

static void a_timer_that_is_always_due_does_not_starve_others(void **state)
{
	int n = 0, m = 0, order[4];
	uv_loop_t uv;
	struct loop l;
	struct err e;
	struct fired busy = { .loop = &l, .n = &n }, other = { .loop = &l, .order = order, .n = &m };

	(void)state;
	uv_loop_init(&uv);
	assert_int_equal(loop_init(&l, &uv, &e), 0);
	loop_timer_init(&busy.timer, again, &busy);
	loop_timer_init(&other.timer, on_fire, &other);
	int64_t now = loop_now(&l).mono_ns;
	loop_timer_set(&l, &busy.timer, now);
	loop_timer_set(&l, &other.timer, now + 1000000);
	while (m == 0)
		uv_run(&uv, UV_RUN_ONCE);
	assert_true(n > 0);
	loop_close(&l);
	uv_run(&uv, UV_RUN_DEFAULT);
	loop_done(&l);
	assert_int_equal(uv_loop_close(&uv), 0);
}

static void stand_still(void *user, struct stamp now)
{
	struct fired *f = user;

	while (loop_now(f->loop).mono_ns < now.mono_ns + 20000000)
		;
	(*f->n)++;
}

/* What is done before the loop runs makes no deadline late; what holds up a turn does. */
static void it_is_late_from_its_first_turn_on(void **state)
{
	int n = 0, order[4], m = 0;
	uv_loop_t uv;
	struct loop l;
	struct err e;
	struct fired first = { .loop = &l, .n = &n }, second = { .loop = &l, .order = order, .n = &m };

	(void)state;
	uv_loop_init(&uv);
	assert_int_equal(loop_init(&l, &uv, &e), 0);
	loop_timer_init(&first.timer, stand_still, &first);
	loop_timer_init(&second.timer, on_fire, &second);
	int64_t now = loop_now(&l).mono_ns;
	loop_timer_set(&l, &first.timer, now - 5000000000);
	while (n == 0)
		uv_run(&uv, UV_RUN_ONCE);
	assert_int_equal(loop_take_late(&l), 0);
	now = loop_now(&l).mono_ns;
	loop_timer_set(&l, &second.timer, now - 10000000); /* due while the first one stood still */
	while (m == 0)
		uv_run(&uv, UV_RUN_ONCE);
	assert_true(loop_take_late(&l) >= 10000000);
	loop_close(&l);
	uv_run(&uv, UV_RUN_DEFAULT);
	loop_done(&l);
	assert_int_equal(uv_loop_close(&uv), 0);
}

struct task { struct job job; int id; int *order; int *n; bool urgent; };

struct held { int ran; uv_sem_t gate; };

static void run_task(struct job *j, void *context)
{
	struct task *t = (struct task *)j;
	struct held *h = context;

	t->order[h->ran++] = t->id;
}

static void task_done(struct job *j)
{
	struct task *t = (struct task *)j;

	(*t->n)++;
}

static void hold(struct job *j, void *context)
{
	struct held *h = context;

	(void)j;
	uv_sem_wait(&h->gate);
}

static void nothing(struct job *j)
{
	(void)j;
}

static void a_worker_does_urgent_jobs_first_and_answers_on_the_loop(void **state)
{
	int n = 0, order[40];
	struct held held = { 0 };
	struct task tasks[40];
	struct job first = { .run = hold, .done = nothing };
	struct mailbox box;
	struct worker w;
	uv_loop_t uv;

	(void)state;
	uv_sem_init(&held.gate, 0);
	uv_loop_init(&uv);
	mailbox_init(&box, &uv);
	assert_int_equal(worker_start(&w, "test", &box, &held), 0);
	worker_add(&w, &first, false); /* holds the thread until all are queued */
	for (int i = 0; i < 40; i++) {
		tasks[i] = (struct task){ .id = i, .order = order, .n = &n, .urgent = i >= 20 };
		tasks[i].job.run = run_task;
		tasks[i].job.done = task_done;
		worker_add(&w, &tasks[i].job, tasks[i].urgent);
	}
	uv_sem_post(&held.gate);
	while (n < 40)
		uv_run(&uv, UV_RUN_ONCE);
	/* The held job may have been taken before the urgent ones came: it is not in the order. Then all urgent ones, then the rest, each in order. */
	for (int i = 0; i < 40; i++)
		assert_int_equal(order[i], i < 20 ? i + 20 : i - 20);
	worker_stop(&w);
	worker_join(&w);
	mailbox_drain(&box);
	mailbox_close(&box);
	uv_run(&uv, UV_RUN_DEFAULT);
	mailbox_done(&box);
	uv_sem_destroy(&held.gate);
	assert_int_equal(uv_loop_close(&uv), 0);
}

static void a_queued_job_can_be_taken_back(void **state)
{
	int n = 0, order[4] = { 0 };
	struct held held = { 0 };
	struct task tasks[4];
	struct job first = { .run = hold, .done = nothing };
	struct mailbox box;
	struct worker w;
	uv_loop_t uv;

	(void)state;
	uv_sem_init(&held.gate, 0);
	uv_loop_init(&uv);
	mailbox_init(&box, &uv);
	assert_int_equal(worker_start(&w, "test", &box, &held), 0);
	worker_add(&w, &first, true);
	for (int i = 0; i < 4; i++) {
		tasks[i] = (struct task){ .id = i, .order = order, .n = &n };
		tasks[i].job.run = run_task;
		tasks[i].job.done = task_done;
		if (i < 3)
			worker_add(&w, &tasks[i].job, false);
	}
	assert_true(worker_take_back(&w, &tasks[2].job)); /* the last, then the first */
	assert_true(worker_take_back(&w, &tasks[0].job));
	assert_false(worker_take_back(&w, &tasks[0].job));
	worker_add(&w, &tasks[3].job, false);
	uv_sem_post(&held.gate);
	while (n < 2)
		uv_run(&uv, UV_RUN_ONCE);
	assert_int_equal(held.ran, 2);
	assert_true(order[0] == 1 && order[1] == 3);
	assert_false(worker_take_back(&w, &tasks[3].job));
	worker_stop(&w);
	worker_join(&w);
	mailbox_drain(&box);
	mailbox_close(&box);
	uv_run(&uv, UV_RUN_DEFAULT);
	mailbox_done(&box);
	uv_sem_destroy(&held.gate);
	assert_int_equal(uv_loop_close(&uv), 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(timers_fire_in_order_and_can_be_moved_and_stopped),
		cmocka_unit_test(a_timer_that_is_always_due_does_not_starve_others),
		cmocka_unit_test(it_is_late_from_its_first_turn_on),
		cmocka_unit_test(a_worker_does_urgent_jobs_first_and_answers_on_the_loop),
		cmocka_unit_test(a_queued_job_can_be_taken_back),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
