#include "common/cel/program.h"
#include "tests/support/cel_scene.h"

#include "common/banned.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/// Whatever the check of programs lets pass is evaluated within its limits. Length and magic are
/// put right, so that the fuzzer comes past them.
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static struct scene s;
	struct sp_cel_head h;
	struct sp_cel v;
	uint8_t text[64], *p;
	struct sp_out out = sp_out_init(text, sizeof(text));

	if (size < sizeof(h) || size > SP_CEL_PROGRAM_MAX)
		return 0;
	p = malloc(size);
	if (!p)
		return 0;
	memcpy(p, data, size);
	h = sp_cel_head(p);
	h.magic = SP_CEL_MAGIC;
	h.bytes = (uint32_t)size;
	h.spare = 0;
	memcpy(p, &h, sizeof(h));
	if (sp_cel_verify(sp_bytes(p, size), SCENE_N) == 0) {
		scene_init(&s, SCENE_JSON);
		s.run.max_steps = 5000;
		sp_cel_eval(sp_bytes(p, size), &s.run, &v);
		SP_BUG_IF(s.run.steps > s.run.max_steps || s.arena.used > s.arena.cap);
		sp_cel_show(&v, &out);
	}
	free(p);
	return 0;
}
