/// A note and a verifier key, the first line being the key.
#include "controlplane/audit/checkpoint.h"
#include "common/banned.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	const uint8_t *end = size ? memchr(data, '\n', size) : NULL;
	struct sp_checkpoint c = {0};
	size_t n = end ? (size_t)(end - data) + 1 : 0;

	if (end && sp_checkpoint_read(sp_bytes(data + n, size - n), sp_bytes(data, n), &c) == 0 &&
		c.size == 0 && sp_bytes_eq(sp_bytes(c.root, 4), SP_LIT("none")))
		abort();
	return 0;
}
