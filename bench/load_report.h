/// What a run counted, and its report.
#pragma once

#include "bench/load_hist.h"
#include "bench/load_mix.h"

#define PIDS_MAX 64u

/// Processes whose CPU time is counted over the measured window.
struct load_cpu {
	int pid[PIDS_MAX];
	uint64_t begun_us[PIDS_MAX], used_us[PIDS_MAX]; ///< user and system time
	uint64_t own_begun_us, own_us; ///< this process's
	unsigned n;
};
/// `list` is process ids with commas. -EINVAL.
SP_MUST_CHECK int load_cpu_parse(struct load_cpu *c, const char *list);
void load_cpu_begin(struct load_cpu *c);
/// A process that is gone by now used nothing.
void load_cpu_end(struct load_cpu *c);

struct load_counts {
	uint64_t answered, ok, denied, limited;
	uint64_t errors;     ///< answers that are none, see load_answer.h
	uint64_t unexpected; ///< answers of another verdict than the mix says, errors included
	uint64_t broken;     ///< calls whose connection went down before the answer
	uint64_t unanswered; ///< calls still out when the run was over
	uint64_t redials;
	const char *first_fault; ///< static text, or NULL
};
struct load_report {
	struct load_counts counts;
	struct hist latency;
	uint64_t sent_bytes, received_bytes, window_ns;
	uint64_t window_calls; ///< answered before the window closed: what was late counts in latency alone
	unsigned connections, agents;
	double rate; ///< calls per second asked for; 0 = closed loop
	const char *era;
	const struct load_cpu *cpu; ///< n 0: none is counted
};
void load_report_print(const struct load_report *r);
