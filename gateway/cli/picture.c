#include "gateway/cli/picture.h"

#include "gateway/cli/width.h"

#include <string.h>

const char picture_begin[] = "\033[?1049h\033[?25l";
const char picture_end[] = "\033[?25h\033[?1049l";

/* Bytes of the style (ESC [ … m) at text; 0: none is there. */
static size_t style_bytes(const char *text)
{
	if (text[0] != '\033' || text[1] != '[')
		return 0;
	size_t len = 2 + strspn(text + 2, "0123456789;");
	return text[len] == 'm' ? len + 1 : 0;
}

static void put_line(struct strbuf *out, const char *line, const char *end, size_t columns)
{
	const char *p = line;
	size_t used = 0, style;
	bool styled = false;

	while (p < end) {
		const char *before = p;
		if ((style = style_bytes(p)) > 0) {
			styled = strncmp(p, "\033[0m", style) != 0;
			p += style;
			continue;
		}
		used += width_of_char(width_next(&p));
		if (columns > 0 && used > columns) {
			p = before;
			break;
		}
	}
	strbuf_put(out, line, (size_t)(p - line));
	if (p < end && styled)
		strbuf_puts(out, "\033[0m");
}

/* A line is cleared before it is written: behind a line that fills the terminal, the cursor still stands on the last cell, and would clear that. */
void picture_over(struct strbuf *out, const char *picture, size_t rows, size_t columns)
{
	bool below = true;

	strbuf_puts(out, "\033[H");
	for (size_t row = 0; row < rows && *picture; row++) {
		const char *end = picture + strcspn(picture, "\n");
		strbuf_puts(out, "\033[K");
		put_line(out, picture, end, columns);
		below = row + 1 < rows;
		if (below)
			strbuf_putc(out, '\n');
		picture = end + (*end == '\n');
	}
	if (below)
		strbuf_puts(out, "\033[J");
}
