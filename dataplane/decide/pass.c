/// Stages that let everything pass until their controls are built; they keep their place in the
/// list.
#include "dataplane/decide/stages.h"
#include "common/banned.h"

enum sp_step sp_stage_guard_in(struct sp_call *c)
{
	(void)c;
	return SP_STEP_CONTINUE;
}

enum sp_step sp_stage_guard_out(struct sp_call *c)
{
	(void)c;
	return SP_STEP_CONTINUE;
}
