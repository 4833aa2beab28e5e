/* Request lines and the writer of answers, without a loop. */
#include <stdarg.h>
#include <setjmp.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "gateway/control_line.h"
#include "gateway/json_text.h"

#include <stdlib.h>
#include <string.h>

static void reads_verb_and_args(void **state)
{
	const char *text = "{\"verb\":\"ack\",\"args\":{\"alarm\":\"a/b\"},\"new\":[]}";
	struct control_line line;
	struct err e;

	(void)state;
	assert_int_equal(control_line_parse(text, strlen(text), &line, &e), 0);
	assert_string_equal(line.verb, "ack");
	assert_string_equal(json_string_value(json_object_get(line.args, "alarm")), "a/b");
	json_decref(line.args);
	assert_int_equal(control_line_parse("{\"verb\":\"x\"}", 12, &line, &e), 0);
	assert_int_equal(json_object_size(line.args), 0);
	json_decref(line.args);
}

static void brackets_in_texts_are_not_nesting(void **state)
{
	char text[256] = "{\"verb\":\"x\",\"args\":{\"t\":\"\\\"[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[\"}}";
	struct control_line line;
	struct err e = { 0 };

	(void)state;
	assert_int_equal(control_line_parse(text, strlen(text), &line, &e), 0);
	json_decref(line.args);
}

static void every_cut_and_flip_is_survived(void **state)
{
	const char *text = "{\"verb\":\"points\",\"args\":{\"select\":\"floor=12\",\"n\":[1,-2.5e3,null,true]}}";
	size_t len = strlen(text);
	struct control_line line;
	struct err e;

	(void)state;
	for (size_t cut = 0; cut < len; cut++)
		assert_int_equal(control_line_parse(text, cut, &line, &e), -1);
	for (size_t i = 0; i < len; i++) {
		for (unsigned v = 0; v < 256; v++) {
			char bad[128];
			memcpy(bad, text, len);
			bad[i] = (char)v;
			if (control_line_parse(bad, len, &line, &e) == 0)
				json_decref(line.args);
			else
				assert_int_equal(e.code, ERR_INVALID);
		}
	}
}

static void writes_what_it_reads(void **state)
{
	const char *text = "{\"a\":[1,-9007199254740993,0.35,1e+300,true,false,null,\"文\\n\\\"\"],\"b\":{},\"c\":[]}";
	json_t *tree = json_loads(text, 0, NULL);
	struct strbuf out = STRBUF_INIT;

	(void)state;
	assert_non_null(tree);
	json_text_put(&out, tree);
	assert_non_null(strstr(out.data, "-9007199254740993,0.35,"));
	json_t *again = json_loads(out.data, 0, NULL);
	assert_true(json_equal(tree, again));
	json_decref(again);
	json_decref(tree);
	strbuf_reset(&out);
	json_text_put(&out, NULL);
	assert_string_equal(out.data, "null");
	strbuf_done(&out);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(reads_verb_and_args),
		cmocka_unit_test(brackets_in_texts_are_not_nesting),
		cmocka_unit_test(every_cut_and_flip_is_survived),
		cmocka_unit_test(writes_what_it_reads),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
