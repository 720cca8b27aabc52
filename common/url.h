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
	struct sp_bytes path;   ///< percent-decoded to a fixpoint, dot segments resolved, single slashes; begins with '/'
	struct sp_bytes query;  ///< as it is, without '?'
	bool is_ip, is_private; ///< a literal address; loopback, private, link-local, metadata, mapped ...
};
enum sp_url_why sp_url_parse(struct sp_bytes text, uint8_t *buf, size_t cap, struct sp_url *ret);
/// `glob` is a path glob ("/api/v1/external/*") or "[scheme://]host[:port]/path-glob" with "*." for whole leading
/// host labels. '*' within a path: any run of characters but '/', at its end anything below; '**' anything.
bool sp_url_match(struct sp_bytes glob, const struct sp_url *u);
/// NULL, or what is wrong with a glob: for policy checks.
const char *sp_url_glob_wrong(struct sp_bytes glob);

/// A file path below one of `roots` after percent-decoding to a fixpoint, '\\' and dot segments: decided on text
/// alone, no file system asked. Relative paths are below the root when they do not climb out of it.
enum sp_url_why sp_path_normalize(struct sp_bytes text, uint8_t *buf, size_t cap, struct sp_bytes *ret);
bool sp_path_below(struct sp_bytes normal, struct sp_bytes root);

/// '*' matches any run, '?' one character; everything else itself. Linear time. Names of tools and tables.
bool sp_glob_match(struct sp_bytes glob, struct sp_bytes text, bool ignore_case);
