#include "tests/unit/storage/fixture.h"
int main(void)
{
	return 0;
}
