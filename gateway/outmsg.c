#include "gateway/outmsg.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

struct outmsg *outmsg_new(const void *data, size_t len)
{
	struct outmsg *m = malloc(sizeof *m + len + 1);

	if (!m)
		return NULL;
	*m = (struct outmsg){ .refs = 1, .len = len };
	if (len > 0)
		memcpy(m->data, data, len);
	m->data[len] = '\0';
	return m;
}

struct outmsg *outmsg_ref(struct outmsg *m)
{
	if (m)
		m->refs++;
	return m;
}

void outmsg_unref(struct outmsg *m)
{
	if (!m)
		return;
	assert(m->refs > 0);
	if (--m->refs == 0)
		free(m);
}
