/* Whatever a peer of the control socket writes: it is refused, or it can be written and read again. */
#include "gateway/control_line.h"
#include "gateway/json_text.h"

#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct control_line line;
	struct err e = { 0 };
	struct strbuf out = STRBUF_INIT;

	if (control_line_parse((const char *)data, size, &line, &e)) {
		if (e.code == ERR_NONE)
			abort();
		return 0;
	}
	strbuf_puts(&out, "{\"verb\":");
	strbuf_json_string(&out, line.verb);
	strbuf_puts(&out, ",\"args\":");
	json_text_put(&out, line.args);
	strbuf_putc(&out, '}');
	json_decref(line.args);
	/* Lone surrogates and the like cannot come, jansson has checked; so what we write is a request again. */
	if (!out.failed && control_line_parse(out.data, out.len, &line, &e))
		abort();
	json_decref(line.args);
	strbuf_done(&out);
	return 0;
}
