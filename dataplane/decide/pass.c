/// Stages whose controls are (partly) elsewhere or not built: they keep their place in the list.
#include "dataplane/decide/stages.h"

#include "dataplane/mcp/mcp.h"
#include "common/banned.h"

enum sp_step sp_stage_validate(struct sp_call *c)
{
	int r = sp_relay_params_agree(c);

	if (r == 0)
		return SP_STEP_CONTINUE;
	c->reason = (enum sp_reason)r;
	return SP_STEP_DENY;
}

enum sp_step sp_stage_guard_in(struct sp_call *c)
{
	(void)c;
	return SP_STEP_CONTINUE;
}

enum sp_step sp_stage_score(struct sp_call *c)
{
	(void)c;
	return SP_STEP_CONTINUE;
}

enum sp_step sp_stage_guard_out(struct sp_call *c)
{
	(void)c;
	return SP_STEP_CONTINUE;
}
