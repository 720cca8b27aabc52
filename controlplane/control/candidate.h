/// Everything a configuration and a policy come to, read and checked, not yet in force. All or
/// nothing: a candidate with a problem changes nothing. Used by control, and by its runs that only
/// check or plan.
#pragma once

#include "config/compile.h"
#include "config/load.h"
#include "controlplane/control/secrets.h"

struct sp_candidate {
	struct sp_gateway *gateway;
	struct sp_policy *policy;
	struct sp_upstream_set upstreams;
	struct sp_tls_files *tls;
};
/// Read the configuration and what it names but the policy. -EBADMSG with every problem in `check`,
/// -ENOMEM.
SP_MUST_CHECK int sp_candidate_read(
	const char *config_path, struct sp_check *check, struct sp_candidate *ret);
void sp_candidate_done(struct sp_candidate *c);
/// Compile without keys and without taking limit slots: for a check, or to judge in shadow. The
/// caller frees *ret.
SP_MUST_CHECK int sp_candidate_try(const struct sp_candidate *c, const struct sp_policy *policy,
	uint64_t generation, struct sp_check *check, uint8_t **ret, size_t *ret_n);
/// One problem a line, "file:line:col: what (mend)"; `hide` (may be NULL) is a folder not shown in
/// front of files.
void sp_problems_text(const struct sp_check *check, const char *hide, char *buf, size_t cap);
/// Where a file's name begins once `hide` is taken off.
const char *sp_problem_file(const char *file, const char *hide);

/// `sallyport-control --check FILE`: messages to standard error, a summary to standard output. Exit
/// code.
int sp_check_main(const char *config_path);
/// `sallyport-control --plan FILE`: as --check, and the plan into SP_FD_PLAN. Exit code.
int sp_plan_main(const char *config_path);
