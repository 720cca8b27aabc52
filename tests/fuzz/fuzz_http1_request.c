/// A request, however it is cut and read: see http_agree().
#include "tests/support/http_agree.h"
#include "common/banned.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	http_agree(false, sp_bytes(data, sp_min(size, (size_t)70000)), false);
	return 0;
}
