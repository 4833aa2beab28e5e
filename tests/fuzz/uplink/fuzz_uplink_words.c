/* Any text as an address, and as lines of a library's trace. */
#include "gateway/uplink/reason.h"

#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	char *text = malloc(size + 1), said[300];
	struct reason_notes n = { 0 };
	struct url u;
	struct err e;

	if (!text)
		return 0;
	memcpy(text, data, size);
	text[size] = '\0';
	if (url_parse(text, &u, &e) == 0 && (u.host[0] == '\0' || u.port[0] == '\0'))
		abort();
	for (char *line = strtok(text, "\n"); line; line = strtok(NULL, "\n"))
		reason_note(&n, line);
	if (url_parse("mqtts://h", &u, &e) == 0)
		(void)reason_transport(&n, &u, NULL, said, sizeof said);
	free(text);
	return 0;
}
