/// The OAuth 2.0 Protected Resource Metadata (RFC 9728) of a route, and where clients find it.
#pragma once

#include "common/bytes.h"

/// The document: resource, authorization_servers, scopes_supported, bearer_methods_supported.
/// `scopes` are space-separated. Overflow shows on `out`.
void sp_metadata_write(struct sp_out *out, struct sp_bytes resource, const struct sp_bytes *issuers,
	uint32_t issuers_n, struct sp_bytes scopes);
/// Its URL (section 3.1): the well-known segment goes between authority and path of the resource.
/// -EINVAL when `resource` is no absolute http(s) URI without query and fragment.
SP_MUST_CHECK int sp_metadata_url(struct sp_out *out, struct sp_bytes resource);
/// Authority ("host[:port]") and path ("/..." or empty) of an http(s) URI without query, fragment
/// and userinfo; -EINVAL otherwise. `*ret_tls` says https.
SP_MUST_CHECK int sp_uri_split(struct sp_bytes uri, bool *ret_tls, struct sp_bytes *ret_authority,
	struct sp_bytes *ret_path);
