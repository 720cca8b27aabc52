/// First byte: which form, and YAML or JSON. Whatever is given is policy that can be read.
#include "config/import/import.h"
#include "config/policy_read.h"

#include "common/banned.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct sp_check check, lossy;
	struct sp_policy *p;
	char *text;

	if (size == 0)
		return 0;
	sp_check_init(&check);
	sp_check_init(&lossy);
	if (sp_import(data[0] & 1 ? SP_IMPORT_AGENTGATEWAY : SP_IMPORT_MCP_SERVERS,
		    sp_bytes(data + 1, size - 1), data[0] & 2 ? "x.json" : "x.yaml", &check, &lossy,
		    &text) == 0) {
		SP_BUG_IF(!sp_check_ok(&check));
		if (sp_policy_new(&p) == 0) {
			SP_BUG_IF(sp_policy_read(p, sp_bytes_cstr(text), "out.yaml", &check) != 0);
			sp_policy_free(p);
		}
		free(text);
	}
	sp_check_done(&check);
	sp_check_done(&lossy);
	return 0;
}
