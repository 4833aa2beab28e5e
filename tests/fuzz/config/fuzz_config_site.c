/* Any bytes as a site file. */
#include "tests/fuzz/config/fuzz.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
	static char path[64], shown_path[64];
	static int fd = -1, shown;

	if (fd < 0) {
		fd = fuzz_file(path);
		shown = fuzz_file(shown_path);
	}
	fuzz_put(fd, data, len);
	fuzz_load(path, shown, shown_path);
	return 0;
}
