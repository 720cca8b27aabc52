/// As fuzz_http1_request, for answers, with and without the connection's end. First byte: bit 0 = it ends.
#include "tests/support/http_agree.h"
#include "common/banned.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	bool eof = size && data[0] & 1;

	http_agree(true, size ? sp_bytes(data + 1, sp_min(size - 1, (size_t)70000)) : SP_NOBYTES, eof);
	return 0;
}
