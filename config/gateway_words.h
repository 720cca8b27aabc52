/// Which texts may stand at which setting: each answers NULL, or what is wrong (static text that
/// goes on from "key: 'text' "). And the small parsers behind them. Pure.
#pragma once

#include "config/gateway.h"

const char *sp_word_path_wrong(const char *s);
const char *sp_word_uri_wrong(const char *s);
const char *sp_word_name_wrong(const char *s);
const char *sp_word_sni_wrong(const char *s);
const char *sp_word_alg_wrong(const char *s);
const char *sp_word_header_wrong(const char *s);
const char *sp_word_route_wrong(const char *s);
const char *sp_word_scope_wrong(const char *s);
const char *sp_word_host_wrong(const char *s);
const char *sp_word_origin_wrong(const char *s);
const char *sp_word_method_wrong(const char *s);
const char *sp_word_route_era_wrong(const char *s);
const char *sp_word_who_wrong(const char *s);
const char *sp_word_user_wrong(const char *s);
const char *sp_word_visible_wrong(const char *s);

/// Bits (1 << enum sp_method) of a method's name or a family "tools/*"; 0 when there is none.
uint32_t sp_word_methods(const char *s);
/// Every method an agent may send.
uint32_t sp_word_methods_all(void);
/// "127.0.0.1:80", "[::1]:80", "unix:/path": numeric only. -EINVAL.
SP_MUST_CHECK int sp_word_address(const char *s, struct sockaddr_storage *ret, uint32_t *ret_len);

struct sp_word_url {
	enum sp_upstream_kind kind;
	struct sp_bytes authority; ///< Host header; empty for a unix socket
	struct sp_bytes address; ///< name or address without brackets, or the socket's path
	struct sp_bytes path; ///< never empty
	uint16_t port;
};
/// An upstream's URL; spans borrow `s`. NULL, or what is wrong.
const char *sp_word_url(const char *s, struct sp_word_url *ret);
