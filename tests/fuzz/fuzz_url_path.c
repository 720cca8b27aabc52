/// A normal path is its own normal form, has no way up, and a relative one is below no
/// absolute root.
#include "common/url.h"

#include "common/banned.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static uint8_t buf[SP_URL_MAX + 8], again_buf[SP_URL_MAX + 8];
	struct sp_bytes normal, again;

	if (sp_path_normalize(sp_bytes(data, size), buf, sizeof(buf), &normal) != SP_URL_OK)
		return 0;
	SP_BUG_IF(
		normal.n == 0 || memchr(normal.p, 0, normal.n) || memchr(normal.p, '%', normal.n));
	SP_BUG_IF(memchr(normal.p, '\\', normal.n) || memmem(normal.p, normal.n, "//", 2));
	SP_BUG_IF(memmem(normal.p, normal.n, "/../", 4) || sp_bytes_starts(normal, SP_LIT("../")));
	SP_BUG_IF(sp_path_normalize(normal, again_buf, sizeof(again_buf), &again) != SP_URL_OK);
	SP_BUG_IF(!sp_bytes_eq(normal, again));
	SP_BUG_IF(!sp_path_below(normal, normal.p[0] == '/' ? normal : SP_LIT(".")));
	SP_BUG_IF(normal.p[0] != '/' && (sp_path_below(normal, SP_LIT("/srv/data")) ||
						sp_path_below(normal, SP_LIT("/"))));
	return 0;
}
