/// Inside dataplane/identity: what a verified token claims, judged for one issuer and resource
/// (RFC 7519 section 4, RFC 8725 section 3, RFC 9068 section 4). Pure, no allocation.
#pragma once

#include "dataplane/identity/keyring.h"

struct sp_claims_ask {
	const struct sp_snap *snap;
	const struct sp_snap_issuer *issuer;
	const struct sp_digests *digests;
	struct sp_jws_scratch *scratch; ///< `text` is used
	struct sp_bytes token, resource;
	struct sp_bytes input; ///< of the token, what was signed
	uint64_t wall_ns;
};
/// Fills all of *ret but issuer and auth_epoch. 0 or a reason TOKEN_*; *ret is undefined on
/// refusal.
SP_MUST_CHECK int sp_claims_check(
	const struct sp_claims_ask *ask, const struct sp_json *payload, struct sp_principal *ret);
