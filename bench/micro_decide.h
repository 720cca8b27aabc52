/// Cost of judging one call: agent and tool found by name, permission, and its limits taken.
#pragma once

/// Median nanoseconds a decision over rounds of calls in random order, on a snapshot of 10,000
/// agents and 1,000 tools with windows for each agent; negative when it could not be made.
double sp_bench_decide_ns(void);
