/// A policy's file and one of recorded calls, for commands that take both.
#pragma once

#include "tests/unit/fixture_sallyctl.h"

static char dir[] = "/tmp/records-XXXXXX";
static char policy[64], records[64];

static inline int make(void **state)
{
	(void)state;
	assert_non_null(mkdtemp(dir));
	snprintf(policy, sizeof(policy), "%s/policy.yaml", dir);
	snprintf(records, sizeof(records), "%s/records.jsonl", dir);
	return 0;
}

static inline int clean(void **state)
{
	(void)state;
	unlink(policy);
	unlink(records);
	return rmdir(dir);
}
