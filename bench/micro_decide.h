/// Cost of judging one call: the agent found by name, all of the judge's questions, its limits
/// taken.
#pragma once

/// Median nanoseconds a decision over rounds of calls in random order, under 2,000 allow-lists over
/// 1,000 tools, each with four limits; negative when it could not be made.
double sp_bench_decide_ns(void);
