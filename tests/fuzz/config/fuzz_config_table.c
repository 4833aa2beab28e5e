/* Any bytes as a point table of a sound site. */
#include "tests/fuzz/config/fuzz.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
	static char path[64], table_path[64], shown_path[64];
	static int fd = -1, table, shown;

	if (fd < 0) {
		char site[512];
		fd = fuzz_file(path);
		table = fuzz_file(table_path);
		shown = fuzz_file(shown_path);
		int n = snprintf(site, sizeof site,
		                 "site: {gateway: g, region: \"500110002003\", buildings: [{id: a}]}\n"
		                 "buses: [{name: b, url: \"tcp://10.0.0.7\", devices: [{name: d, points: %s}]}]\n", table_path);
		fuzz_put(fd, site, (size_t)n);
	}
	fuzz_put(table, data, len);
	fuzz_load(path, shown, shown_path);
	return 0;
}
