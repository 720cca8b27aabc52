/// First byte: kind, case, and what follows splits at the first NUL into glob and text. The matcher
/// agrees with the definition, keeps to its step bound, and a glob of URLs that is not wrong can be
/// tried on anything.
#include "tests/support/glob_naive.h"
#include "common/url.h"

#include "common/banned.h"

static void try_url(struct sp_bytes glob, struct sp_bytes text)
{
	static uint8_t buf[SP_URL_MAX + 64];
	const char *wrong = sp_url_glob_wrong(glob);
	struct sp_url u;

	if (sp_url_parse(text, buf, sizeof(buf), &u) != SP_URL_OK)
		return;
	SP_BUG_IF(sp_url_match(glob, &u) && !sp_url_match_forbidden(glob, &u));
	SP_BUG_IF(wrong && *wrong == 0);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	const uint8_t *nul = size ? memchr(data + 1, 0, size - 1) : NULL;
	struct sp_bytes glob, text;
	uint64_t steps = 0;
	bool got;

	if (!nul)
		return 0;
	glob = sp_bytes(data + 1, (size_t)(nul - data) - 1);
	text = sp_bytes(nul + 1, size - glob.n - 2);
	try_url(glob, text);
	got = sp_glob_run(data[0] & 1, glob, text, data[0] & 2, &steps);
	SP_BUG_IF(steps > SP_GLOB_WORDS * (text.n + glob.n));
	if (glob.n > SP_GLOB_MAX)
		SP_BUG_IF(got);
	else if (text.n <= 256)
		SP_BUG_IF(got != glob_naive(data[0] & 1, glob, text, data[0] & 2));
	return 0;
}
