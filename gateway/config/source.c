#include "gateway/config/loader.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

const struct source *source_new(struct loader *l, const char *shown)
{
	struct source *s = arena_take(&l->scratch, 1, sizeof *s);
	const char *slash = strrchr(shown, '/');

	s->shown = arena_copy(&l->scratch, shown);
	s->dir = slash ? arena_text(&l->scratch, shown, (size_t)(slash - shown) + 1) : "";
	return s;
}

const char *source_path_shown(struct loader *l, const struct source *from, const char *path)
{
	if (*path == '/')
		return path;
	return arena_printf(&l->scratch, "%s%s", from->dir, path);
}

/* "." and empty steps are dropped, ".." stays: it may lead through a link. */
const char *source_path_absolute(struct loader *l, const struct source *from, const char *path)
{
	const char *shown = source_path_shown(l, from, path);
	const char *whole = *shown == '/' ? shown : arena_printf(&l->scratch, "%s/%s", l->cwd, shown);
	char *out = arena_take(&l->keep, strlen(whole) + 2, 1);
	size_t len = 0;

	while (*whole) {
		while (*whole == '/')
			whole++;
		size_t step = strcspn(whole, "/");
		if (step == 0)
			break;
		if (!(step == 1 && *whole == '.')) {
			out[len++] = '/';
			memcpy(out + len, whole, step);
			len += step;
		}
		whole += step;
	}
	if (len == 0)
		out[len++] = '/';
	return out;
}

/* -1: no; else where the first bad byte stands, or SIZE_MAX if there is none. */
static size_t utf8_bad(const char *text, size_t len)
{
	const unsigned char *p = (const unsigned char *)text;

	for (size_t i = 0; i < len;) {
		size_t more = p[i] < 0x80 ? 0 : p[i] >= 0xC2 && p[i] <= 0xDF ? 1 : (p[i] & 0xF0) == 0xE0 ? 2 : p[i] >= 0xF0 && p[i] <= 0xF4 ? 3 : 9;
		if (more == 9 || i + more >= len + (more == 0))
			return i;
		for (size_t k = 1; k <= more; k++)
			if ((p[i + k] & 0xC0) != 0x80)
				return i;
		if (more == 2 && ((p[i] == 0xE0 && p[i + 1] < 0xA0) || (p[i] == 0xED && p[i + 1] > 0x9F)))
			return i;
		if (more == 3 && ((p[i] == 0xF0 && p[i + 1] < 0x90) || (p[i] == 0xF4 && p[i + 1] > 0x8F)))
			return i;
		i += more + 1;
	}
	return SIZE_MAX;
}

static void place_of(const char *text, size_t offset, int *ret_line, int *ret_column)
{
	*ret_line = 1;
	*ret_column = 1;
	for (size_t i = 0; i < offset; i++) {
		if (text[i] == '\n') {
			++*ret_line;
			*ret_column = 1;
		} else {
			++*ret_column;
		}
	}
}

/* NULL: a byte (at *ret_bad) that is not of that encoding. */
static char *convert(struct loader *l, const char *encoding, char *in, size_t len, size_t *ret_len, size_t *ret_bad)
{
	size_t cap = len * 2 + 16, room = cap - 1, left = len; /* UTF-16 grows by half, GB 18030 by half at most */
	char *out = arena_take(&l->scratch, cap, 1), *to = out, *from = in;

	l->live.conv = iconv_open("UTF-8", encoding);
	if (l->live.conv == (iconv_t)-1) {
		*ret_bad = 0;
		return NULL;
	}
	size_t r = iconv(l->live.conv, &from, &left, &to, &room);
	iconv_close(l->live.conv);
	l->live.conv = (iconv_t)-1;
	if (r == (size_t)-1 || left) {
		*ret_bad = (size_t)(from - in);
		return NULL;
	}
	*ret_len = (size_t)(to - out);
	return out;
}

static const char *to_utf8(struct loader *l, const struct source *s, char *raw, size_t len, size_t *ret_len)
{
	const unsigned char *b = (const unsigned char *)raw;
	size_t bad = 0;
	int line, column;
	char *out;

	if (len >= 2 && ((b[0] == 0xFF && b[1] == 0xFE) || (b[0] == 0xFE && b[1] == 0xFF))) {
		out = convert(l, b[0] == 0xFF ? "UTF-16LE" : "UTF-16BE", raw + 2, len - 2, ret_len, &bad);
		if (!out)
			find_at(l, FINDING_ERROR, s, 1, 1, "UTF-16 by its first bytes, but byte %zu is not: save it as UTF-8", bad + 3);
		return out;
	}
	if (len >= 3 && memcmp(raw, "\xEF\xBB\xBF", 3) == 0) {
		raw += 3;
		len -= 3;
	}
	bad = utf8_bad(raw, len);
	if (bad == SIZE_MAX) {
		*ret_len = len;
		return arena_text(&l->scratch, raw, len);
	}
	size_t utf8_bad_at = bad;
	out = convert(l, "GB18030", raw, len, ret_len, &bad);
	if (!out) {
		place_of(raw, utf8_bad_at, &line, &column);
		find_at(l, FINDING_ERROR, s, line, column, "neither UTF-8 nor GB 18030 from here on: save it as UTF-8");
		return NULL;
	}
	find_at(l, FINDING_WARNING, s, 1, 1, "not UTF-8: read as GB 18030; save it as UTF-8 to be sure of its texts");
	return out;
}

static void say_errno(struct loader *l, const struct source *s, const struct node *at, const char *what, int error)
{
	char text[128];
	const char *why = error == ENOENT ? "no such file" : strerror_r(error, text, sizeof text);

	if (at)
		find_error(l, at, "cannot %s %s: %s", what, s->shown, why);
	else
		find_at(l, FINDING_ERROR, s, 1, 1, "cannot %s it: %s", what, why);
}

/* Standard input is what people name it for; any other pipe could hold up a reload for ever. */
static bool is_readable(struct loader *l, const struct source *s, struct stat *st)
{
	if (fstat(l->live.fd, st) < 0)
		return false;
	if (S_ISFIFO(st->st_mode) && strcmp(s->shown, "/dev/stdin") == 0) {
		fcntl(l->live.fd, F_SETFL, 0);
		st->st_size = (off_t)CONFIG_FILE_BYTES_MAX;
		return true;
	}
	return S_ISREG(st->st_mode);
}

const char *source_read(struct loader *l, const struct source *s, const struct node *at, size_t *ret_len)
{
	struct stat st;
	size_t len = 0;
	const char *text = NULL;

	/* Not waiting: a fifo named by mistake must not hold up a reload. */
	l->live.fd = open(s->shown, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);
	if (l->live.fd < 0) {
		say_errno(l, s, at, "read", errno);
		return NULL;
	}
	if (!is_readable(l, s, &st)) {
		say_errno(l, s, at, "read", S_ISDIR(st.st_mode) ? EISDIR : EINVAL);
		goto close;
	}
	if (st.st_size > (off_t)CONFIG_FILE_BYTES_MAX) {
		find_at(l, FINDING_ERROR, s, 1, 1, "larger than %u MiB: split it", CONFIG_FILE_BYTES_MAX >> 20);
		goto close;
	}
	l->live.raw = malloc((size_t)st.st_size + 1);
	if (!l->live.raw)
		longjmp(l->oom, 1);
	while (len < (size_t)st.st_size) {
		ssize_t n = read(l->live.fd, l->live.raw + len, (size_t)st.st_size - len);
		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0) {
			say_errno(l, s, at, "read", errno);
			goto free;
		}
		if (n == 0)
			break;
		len += (size_t)n;
	}
	text = to_utf8(l, s, l->live.raw, len, ret_len);
free:
	free(l->live.raw);
	l->live.raw = NULL;
close:
	close(l->live.fd);
	l->live.fd = -1;
	return text;
}
