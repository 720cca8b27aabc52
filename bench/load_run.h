/// A run of load over any transport: closed loop or fixed rate, warm-up, measured window, the verdict on
/// every answer, the report.
#pragma once

#include "bench/load_conn.h"
#include "bench/load_report.h"

#include <stdio.h>

struct load_options {
	const char *url, *connect_to, *ca, *agents, *mix, *log;
	uint64_t connections, calls, seconds, warmup_s, rate;
	bool ride_out; ///< broken connections are part of the test: dial again, do not fail
	bool tell;     ///< say on standard error when calls begin and when the window opens
};

struct load_run {
	struct load_options opt;
	struct load_plan plan;
	struct load_target target;
	struct load_client *client; ///< borrowed, with its wire
	struct load_conn **conn;
	struct load_conn *idle_first, *idle_last; ///< open loop: waiting for their next call
	struct load_cpu cpu;
	struct load_report report;
	FILE *log;
	uint64_t began_ns, window_ns, ends_ns; ///< boot time; window_ns 0 = not yet measured
	uint64_t started, out;                 ///< calls sent; calls without an answer yet
	unsigned ready;
	bool running, measuring, gave_up;
};

/// What a program adds to the common options: `option` ends with a zero entry and its values are above 255;
/// `take` as getopt gives it, 0 or -errno.
struct load_more {
	const struct option *option;
	int (*take)(void *user, int opt, char *value);
	void *user;
};

/// The part of a usage text that is common, to be printed behind the program's own.
extern const char load_run_usage[];
/// Options, target, agents and mixes, requests rendered. `more` may be NULL. -EINVAL, with a message or none.
SP_MUST_CHECK int load_run_parse(struct load_run *r, int argc, char **argv, const struct load_more *more);
/// Runs to the end, or until it is interrupted; prints the report. `client` needs its wire. The program's
/// exit status.
SP_MUST_CHECK int load_run(struct load_run *r, struct load_client *client);
/// SIGINT and SIGTERM end all runs from now on.
void load_run_until_interrupted(void);
