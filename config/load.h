/// The one impure part of this room: reads files, resolves names, asks for users, and hands the
/// rest to pure functions. Blocks on files and the resolver: control process and tools only, never
/// a worker.
#pragma once

#include "config/compile.h"
#include "config/plan_build.h"

#include <netdb.h>

/// A regular file as a whole; NUL behind its end. -E2BIG over `max`, -EISDIR when it is no regular
/// file, -errno. *ret is the caller's to free(); holds secrets perhaps: sp_wipe() it first.
SP_MUST_CHECK int sp_load_file(const char *path, size_t max, uint8_t **ret, size_t *ret_n);

const char *sp_load_why(int err); ///< of its failure, in words

/// As sp_gateway_parse(), from a file.
SP_MUST_CHECK int sp_load_gateway(
	const char *path, struct sp_check *check, struct sp_gateway **ret);
/// All *.json, *.yaml and *.yml of a folder, by name, in any form (policy_read.h). Names that begin
/// with a dot and other endings are passed over. 0 and a sealed policy with its hash, -EBADMSG,
/// -ENOMEM.
SP_MUST_CHECK int sp_load_policy(const char *dir, struct sp_check *check, struct sp_policy **ret);

/// Addresses of `host`, a name or a literal: fills up to SP_UPSTREAM_ADDRS_MAX and returns how
/// many, or a negative number that names the failure.
typedef int sp_resolve_fn(void *user, const char *host, uint16_t port,
	struct sockaddr_storage addr[SP_UPSTREAM_ADDRS_MAX], uint32_t len[SP_UPSTREAM_ADDRS_MAX]);
int sp_resolve_system(void *user, const char *host, uint16_t port,
	struct sockaddr_storage addr[SP_UPSTREAM_ADDRS_MAX], uint32_t len[SP_UPSTREAM_ADDRS_MAX]);

/// What every upstream of the gateway needs, in its order. A name that does not resolve is no
/// problem of the configuration: its facts say resolve_err. -EBADMSG when a file cannot be read or
/// is unfit.
struct sp_upstream_set {
	struct sp_upstream_facts *v;
	uint32_t n;
	uint8_t **owned; ///< file contents
	size_t *owned_n;
	uint32_t owned_count;
};
SP_MUST_CHECK int sp_load_upstreams(const struct sp_gateway *g, sp_resolve_fn *resolve, void *user,
	struct sp_check *check, struct sp_upstream_set *ret);
void sp_upstream_set_done(struct sp_upstream_set *s); ///< wipes credentials

/// Users, CPUs and the absolute path, for sp_plan_build(). -EBADMSG when a user or group does not
/// exist.
struct sp_plan_source {
	struct sp_plan_facts facts;
	char path[SP_PATH_MAX];
};
SP_MUST_CHECK int sp_load_plan_facts(const struct sp_gateway *g, const char *config_path,
	struct sp_check *check, struct sp_plan_source *ret);
