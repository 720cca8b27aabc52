/// The pieces url.c, url_path.c and url_glob.c share. Pure, no allocation.
#pragma once

#include "common/url.h"

/// What a percent-encoded byte may stand for depends on who reads the text.
enum sp_url_text {
	SP_URL_TEXT_PATH, ///< of a URL: delimiters stay delimiters
	SP_URL_TEXT_FILE, ///< of a file system
};
/// Decodes once and refuses what a second round would change, so the result is the fixpoint for
/// every reader. Valid UTF-8 without code points that compatibility forms turn into ASCII.
enum sp_url_why sp_url_decode(
	struct sp_bytes text, enum sp_url_text kind, struct sp_out *ret, bool *ret_escaped);
/// True when no code point is a control, a blank, invisible, or ASCII in disguise.
bool sp_url_text_plain(struct sp_bytes utf8);

/// Host of a URL, brackets included, to its one spelling; sets host, is_ip and is_private of `u`.
enum sp_url_why sp_url_host(struct sp_bytes text, struct sp_out *out, struct sp_url *u);
/// Addresses that are not globally reachable unicast (IANA special-purpose registries), or that
/// lead on to another address family, and the metadata services of clouds that sit at public
/// addresses.
bool sp_url_private_v4(const uint8_t a[static 4]);
bool sp_url_private_v6(const uint8_t a[static 16]);

/// Path of a URL to its one spelling, beginning with '/'.
enum sp_url_why sp_url_path(struct sp_bytes text, struct sp_out *out);
