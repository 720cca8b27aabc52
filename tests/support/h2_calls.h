/// Calls of one client to the lab's HTTP/2 server, one or many at once. Included once by each test of them.
#pragma once

#include "tests/support/h2_peer.h"

static struct client k;
static struct call a, many[24];

static inline void start_many(size_t n, bool idempotent)
{
	for (size_t i = 0; i < n; i++)
		assert_int_equal(start(&k, &many[i], REQ, idempotent, 0), 0);
}

static inline void all_fine(size_t n)
{
	for (size_t i = 0; i < n; i++)
		expect_ok(&k, &many[i], "fine");
}
