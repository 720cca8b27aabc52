/// The gateway configuration's table: between its definition and its readers in this room.
#pragma once

#include "config/gateway.h"

extern const struct sp_schema sp_gateway_schema;
extern const struct sp_schema sp_gw_limits_schema, sp_gw_timeouts_schema, sp_gw_port_schema; ///< parts of it
extern const struct sp_profile_default sp_gateway_profile_defaults[];
extern const char *const sp_profile_words[]; ///< by enum sp_profile, ended by NULL

/// Derive what follows from the values and check that they fit each other. Problems go to the
/// check; -ENOMEM is the only error.
SP_MUST_CHECK int sp_gateway_fit(struct sp_gateway *g, struct sp_check *check);
/// The ports' part of that.
void sp_gateway_fit_ports(struct sp_gateway *g, struct sp_check *check);
