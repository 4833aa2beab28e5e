/* firegwd with too little memory at a reload: the first reload's preparation for the swap has its first allocation fail, the second's its second, and so on, until one passes untouched. */
int firegwd_main(int argc, char **argv);
#define main firegwd_main
#include "gateway/firegwd.c"
#undef main

#include "gateway/app.h"

#include <stdio.h>
#include <stdlib.h>

static int fail_at, reloads; /* the loop's thread only, as is everything that is prepared */
static _Thread_local bool preparing;

void *__real_malloc(size_t size);
void *__real_calloc(size_t n, size_t size);
void *__real_realloc(void *p, size_t size);
int   __real_app_next_prepare(struct app *a, struct app_next *n, struct err *reterr);
void *__wrap_malloc(size_t size);
void *__wrap_calloc(size_t n, size_t size);
void *__wrap_realloc(void *p, size_t size);
int   __wrap_app_next_prepare(struct app *a, struct app_next *n, struct err *reterr);

static bool fails(void)
{
	return preparing && fail_at > 0 && --fail_at == 0;
}

void *__wrap_malloc(size_t size)
{
	return fails() ? NULL : __real_malloc(size);
}

void *__wrap_calloc(size_t n, size_t size)
{
	return fails() ? NULL : __real_calloc(n, size);
}

void *__wrap_realloc(void *p, size_t size)
{
	return fails() ? NULL : __real_realloc(p, size);
}

int __wrap_app_next_prepare(struct app *a, struct app_next *n, struct err *reterr)
{
	fail_at = n->plan ? ++reloads : 0; /* at the start there is none */
	preparing = n->plan != NULL;
	int failed = __real_app_next_prepare(a, n, reterr);
	preparing = false;
	if (n->plan)
		fprintf(stderr, "starved: reload %d %s\n", reloads, fail_at == 0 ? "went short" : "passed untouched");
	return failed;
}

int main(int argc, char **argv)
{
	return firegwd_main(argc, argv);
}
