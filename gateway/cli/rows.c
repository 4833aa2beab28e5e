#include "gateway/cli/rows.h"

#include "gateway/json_text.h"

/* JSON goes out as it comes. */
static bool put_json_row(struct run *r, const json_t *row, size_t n)
{
	strbuf_puts(&r->out, n == 0 ? "[" : ",\n");
	json_text_put(&r->out, row);
	return run_flush(r);
}

static enum client_answer take_rows(struct run *r, struct client *c, const struct rows_table *shape, struct table *t, size_t *ret_n,
                                    json_t **ret_result, struct err *e)
{
	json_t *value;
	enum client_answer a;

	*ret_n = 0;
	while ((a = client_next(c, &value, e)) == CLIENT_ROW) {
		bool ok = true;
		if (r->json)
			ok = put_json_row(r, value, *ret_n);
		else
			shape->add(r, value, t);
		json_decref(value);
		++*ret_n;
		if (!ok)
			return CLIENT_STOPPED;
	}
	*ret_result = value;
	return a;
}

int rows_list(struct run *r, const char *verb, json_t *args, const struct rows_table *shape, size_t *ret_n, json_t **ret_result)
{
	struct err e;
	json_t *end = NULL;
	size_t n = 0;
	int result = RESULT_NO;
	struct client *c = run_client(r, &result);
	struct table *t = table_new(shape->columns, shape->n);

	r->out.failed = r->out.failed || !t;
	if (!c || !t) {
		json_decref(args);
		goto done;
	}
	enum client_answer a = client_ask(c, verb, args, &e) ? CLIENT_LOST : take_rows(r, c, shape, t, &n, &end, &e);
	result = run_result(a, &e);
	/* A list that was cut off stays open, so that no parser takes it for the whole. */
	if (r->json && a == CLIENT_END)
		strbuf_puts(&r->out, n ? "]\n" : "[]\n");
	else if (a == CLIENT_END && n > 0)
		table_put(t, &r->look, &r->out);
	else if (a == CLIENT_END && shape->none)
		strbuf_puts(&r->out, shape->none);
done:
	table_free(t);
	client_close(c);
	*ret_n = n;
	if (ret_result)
		*ret_result = end;
	else
		json_decref(end);
	return result;
}
