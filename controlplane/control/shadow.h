/// A candidate policy judged beside the one in force (see ARCHITECTURE.md): what control does for
/// it. Control's one thread. It lives in the policy region: over restarts of control, not over one
/// of the gateway.
#pragma once

#include "controlplane/control/control.h"

/// The policy that lies on the stage becomes the candidate, with the configuration in force.
/// Problems go to `check`: -EBADMSG, or what sp_publish_shadow() says.
SP_MUST_CHECK int sp_shadow_start(
	struct sp_control *c, const char *actor, const char *note, struct sp_check *check);
void sp_shadow_off(struct sp_control *c);
/// The same where no operator asked for it: said in the log and on record.
void sp_shadow_end(struct sp_control *c, const char *why);
/// This control begins: what runs in shadow is taken up as its predecessor left it.
void sp_shadow_take_up(struct sp_control *c);
/// `policy` was published: when it is the candidate, that one has nothing more to tell.
void sp_shadow_published(struct sp_control *c, const struct sp_policy *policy);
