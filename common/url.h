/// Endpoints and paths in arguments: normalised before they are compared, or refused when two readers could
/// understand them differently. Pure, no allocation; worker, tools.
#pragma once

#include "common/bytes.h"

enum sp_url_why {
	SP_URL_OK = 0,
	SP_URL_TOO_LONG,
	SP_URL_CHARACTER, ///< control, blank, backslash, non-ASCII where none may stand
	SP_URL_SYNTAX,
	SP_URL_SCHEME,    ///< none of http, https
	SP_URL_USERINFO,  ///< a user name in front of the host
	SP_URL_HOST,      ///< empty, percent-encoded, not a DNS name or address in usual form
	SP_URL_PORT,
	SP_URL_ENCODING,  ///< bad percent-encoding, encoded slash, dot, NUL, or still changing after several rounds
	SP_URL_ABOVE_ROOT, ///< dot segments that lead above the root
};
const char *sp_url_why_name(enum sp_url_why w); ///< "url_host" ...
#define SP_URL_MAX 4096u

/// An absolute URL, or a path ("/api/x"), taken apart; strings lie in the caller's buffer.
struct sp_url {
	struct sp_bytes scheme; ///< lower case, or empty when only a path was given
	struct sp_bytes host;   ///< lower case, no trailing dot; IPv6 in its canonical text without brackets
	uint32_t port;          ///< the scheme's default filled in; 0 for a path
	struct sp_bytes path;   ///< percent-decoded to a fixpoint, no dot segments, single slashes; begins with '/'
	struct sp_bytes query;  ///< as it is, without '?'
	bool is_ip;		///< a literal address
	bool is_private; ///< an address that is not globally reachable or is mapped; a name for inside only
};
enum sp_url_why sp_url_parse(struct sp_bytes text, uint8_t *buf, size_t cap, struct sp_url *ret);
/// `glob` is a path glob ("/api/v1/external/*") or "[scheme://]host[:port]/path-glob" with "*." for whole leading
/// host labels. '*' within a path: any run of characters but '/', at its end anything below; '**' anything.
/// For what is allowed: exact case, a glob without a port means the scheme's usual one, a path glob never matches
/// a URL that names a host, and a '*' in a host never stands for an address.
bool sp_url_match(struct sp_bytes glob, const struct sp_url *u);
/// For what is forbidden: as sp_url_match(), but in any case, with or without a slash at the end, at any port
/// where none is said, and a path glob at any host. What sp_url_match() matches, this matches.
bool sp_url_match_forbidden(struct sp_bytes glob, const struct sp_url *u);
/// NULL, or what is wrong with a glob: for policy checks.
const char *sp_url_glob_wrong(struct sp_bytes glob);

/// A file path below one of `roots` after percent-decoding to a fixpoint, '\\' and dot segments: decided on text
/// alone, no file system asked. Which folder a relative path begins in is not known here: it is below relative roots
/// only, below "." when it does not climb. Percent-encoding is refused, for not every reader decodes it.
enum sp_url_why sp_path_normalize(struct sp_bytes text, uint8_t *buf, size_t cap, struct sp_bytes *ret);
/// `root` as sp_path_root_wrong() likes it. Backslashes separate when nothing else does and nothing climbs.
bool sp_path_below(struct sp_bytes normal, struct sp_bytes root);
/// NULL, or what is wrong with a root: for policy checks.
const char *sp_path_root_wrong(struct sp_bytes root);

/// '*' matches any run, '?' one character; everything else itself. Linear time. Names of tools and tables.
bool sp_glob_match(struct sp_bytes glob, struct sp_bytes text, bool ignore_case);
