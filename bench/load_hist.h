/// Latencies, log-linear: 2048 steps to each doubling, so that any value is kept to better than 0.05 %.
/// (The layout of Gil Tene's HdrHistogram with three significant digits.)
#pragma once

#include "common/base.h"

#define HIST_HALF 1024u
#define HIST_SLOTS (HIST_HALF * 55u)

struct hist {
	uint64_t n, max, sum;
	uint64_t slot[HIST_SLOTS];
};

void hist_add(struct hist *h, uint64_t v);
void hist_merge(struct hist *to, const struct hist *from);
/// Smallest value that `share` (0 to 1) of all values do not exceed, to the step's upper end; 0 when empty.
uint64_t hist_at(const struct hist *h, double share);
