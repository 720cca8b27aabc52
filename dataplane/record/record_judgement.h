/// What the judge found, in a decision's record. Worker.
#pragma once

#include "common/record.h"
#include "dataplane/mcp/call.h"

void sp_record_judgement(struct sp_record_writer *r, const struct sp_call *c);
/// What the candidate in shadow would have said: left out of a record it would make too long, for
/// the call itself must be recorded.
void sp_record_shadow(struct sp_record_writer *r, const struct sp_call *c);
