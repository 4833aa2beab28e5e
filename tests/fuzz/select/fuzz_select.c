/* Selects and times from anywhere: refused with a text, or usable. */
#include "gateway/select.h"
#include "gateway/timespec.h"

#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static const struct select_subject subject = {
		.id = "facp.f12-smoke-3/smoke", .other_id = "facp.f12-smoke-3", .kind = "smoke_detector", .floor = "12", .building = "a", .zone = "12-N", .bus = "riser-a",
		.device = "facp", .class_ = CLASS_FIRE,
	};
	struct select *s = NULL;
	struct err e = { 0 };
	int64_t ms;
	char *text = malloc(size + 1);

	if (!text)
		return 0;
	if (size > 0)
		memcpy(text, data, size);
	text[size] = '\0';
	if (select_parse(text, &s, &e) == 0)
		select_fits(s, &subject);
	else if (e.code == ERR_NONE || e.text[0] == '\0')
		abort();
	select_free(s);
	select_glob(text, subject.id);
	select_glob(subject.id, text);
	timespec_parse(text, INT64_C(1795485600123), &ms, &e);
	free(text);
	return 0;
}
