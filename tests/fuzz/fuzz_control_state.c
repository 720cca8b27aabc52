/// Lines and texts control reads back from its own folder: what is accepted prints and reads the
/// same again.
#include "controlplane/control/policies.h"
#include "controlplane/control/revocations.h"

#include "common/banned.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	uint8_t text[1024];
	struct sp_out o = sp_out_init(text, sizeof(text));
	struct sp_revocation v, v2;
	struct sp_policy_entry e, e2;

	if (sp_revocation_parse(sp_bytes(data, size), &v) == 0) {
		sp_revocation_print(&v, &o);
		SP_BUG_IF(o.overflow || sp_revocation_parse(sp_bytes(text, o.len), &v2) < 0);
		SP_BUG_IF(memcmp(v.id, v2.id, sizeof(v.id)) != 0 || v.kind != v2.kind);
	}
	o = sp_out_init(text, sizeof(text));
	if (sp_policy_entry_parse(sp_bytes(data, size), &e) == 0) {
		sp_policy_entry_print(&e, &o);
		SP_BUG_IF(o.overflow || sp_policy_entry_parse(sp_bytes(text, o.len), &e2) < 0);
		SP_BUG_IF(e.generation != e2.generation || e.origin != e2.origin);
	}
	return 0;
}
