#include "gateway/json_text.h"

static void put_object(struct strbuf *out, const json_t *value)
{
	/* jansson iterates without changing, but its iterators want a mutable pointer. */
	json_t *object = (json_t *)(uintptr_t)value;

	strbuf_putc(out, '{');
	for (void *it = json_object_iter(object); it; it = json_object_iter_next(object, it)) {
		strbuf_json_key(out, json_object_iter_key(it));
		json_text_put(out, json_object_iter_value(it));
	}
	strbuf_putc(out, '}');
}

static void put_array(struct strbuf *out, const json_t *value)
{
	strbuf_putc(out, '[');
	for (size_t i = 0; i < json_array_size(value); i++) {
		if (i > 0)
			strbuf_putc(out, ',');
		json_text_put(out, json_array_get(value, i));
	}
	strbuf_putc(out, ']');
}

void json_text_put(struct strbuf *out, const json_t *value)
{
	if (!value) {
		strbuf_puts(out, "null");
		return;
	}
	switch (json_typeof(value)) {
	case JSON_OBJECT:
		put_object(out, value);
		break;
	case JSON_ARRAY:
		put_array(out, value);
		break;
	case JSON_STRING:
		strbuf_json_string(out, json_string_value(value));
		break;
	case JSON_INTEGER:
		strbuf_json_int(out, json_integer_value(value));
		break;
	case JSON_REAL:
		strbuf_json_double(out, json_real_value(value));
		break;
	case JSON_TRUE:
		strbuf_puts(out, "true");
		break;
	case JSON_FALSE:
		strbuf_puts(out, "false");
		break;
	case JSON_NULL:
		strbuf_puts(out, "null");
		break;
	}
}
