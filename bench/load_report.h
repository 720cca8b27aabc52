/// What a run counted, and its report.
#pragma once

#include "bench/load_hist.h"
#include "bench/load_mix.h"

#define PIDS_MAX 64u

/// Processes whose CPU time is counted over the measured window.
struct load_cpu {
	int pid[PIDS_MAX];
	unsigned n;
	uint64_t begun_us;
};
/// `list` is process ids with commas. -EINVAL.
SP_MUST_CHECK int load_cpu_parse(struct load_cpu *c, const char *list);
/// User and system time of them all so far, in microseconds; a process that is gone counts nothing.
uint64_t load_cpu_us(const struct load_cpu *c);

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
	uint64_t sent_bytes, received_bytes, window_ns, cpu_us;
	unsigned connections, agents;
	double rate; ///< calls per second asked for; 0 = closed loop
	const char *era;
	bool has_cpu;
};
void load_report_print(const struct load_report *r);
