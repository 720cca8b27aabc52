#include "tests/support/cel_scene.h"

#include "common/banned.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void evaluate(struct sp_bytes program)
{
	static struct scene s;
	uint8_t text[256];
	struct sp_out out = sp_out_init(text, sizeof(text));
	struct sp_cel v;

	SP_BUG_IF(sp_cel_verify(program, SCENE_N) < 0);
	scene_init(&s, SCENE_JSON);
	s.run.max_steps = 20000;
	sp_cel_eval(program, &s.run, &v);
	SP_BUG_IF(s.run.steps > s.run.max_steps);
	SP_BUG_IF(s.arena.used > s.arena.cap);
	sp_cel_show(&v, &out);
	SP_BUG_IF(out.overflow || out.len == 0);
}

/// Every text is refused with a problem, or gives a program that the check of programs lets pass
/// and that ends.
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static struct sp_check check;
	struct sp_cel_ask ask = {.env = &scene_env, .at = {"f", 1, 1}, .phase = SP_CEL_PHASE_CALL};
	const char *pinned[4];
	struct sp_arena arena;
	uint8_t *program;
	size_t n;
	int err;

	if (size == 0)
		return 0;
	ask.skip_check = data[0] & 1;
	ask.want_bool = data[0] & 2;
	ask.text = sp_bytes(data + 1, size - 1);
	sp_check_init(&check);
	err = sp_cel_compile(&ask, &check, &program, &n);
	SP_BUG_IF((err == 0) != sp_check_ok(&check));
	if (err == 0) {
		evaluate(sp_bytes(program, n));
		free(program);
	}
	sp_arena_init(&arena);
	SP_BUG_IF(sp_cel_pinned(ask.text, &scene_env, SCENE_AGENT, &arena, pinned, 4) > 4);
	sp_arena_done(&arena);
	sp_check_done(&check);
	return 0;
}
