/// What every accepted URL holds, for unit tests and the fuzzer: its parts spelled as a URL again
/// are read as the same parts. Stops the process when that is not so.
#pragma once

#include "common/url.h"

/// The plain spelling of what was read.
static inline void url_spell(const struct sp_url *u, struct sp_out *o)
{
	if (u->host.n > 0) {
		bool v6 = memchr(u->host.p, ':', u->host.n) != NULL;

		sp_out_bytes(o, u->scheme);
		sp_out_put(o, v6 ? "://[" : "://", v6 ? 4 : 3);
		sp_out_bytes(o, u->host);
		sp_out_put(o, v6 ? "]:" : ":", v6 ? 2 : 1);
		sp_out_u64(o, u->port);
	}
	for (size_t i = 0; i < u->path.n; i++) {
		uint8_t c = u->path.p[i];

		if (c == ' ' || strchr("\"<>^`{|}[]", c)) {
			sp_out_lit(o, "%");
			sp_out_hex(o, sp_bytes(&c, 1));
		} else {
			sp_out_put(o, &c, 1);
		}
	}
	if (u->query.p) {
		sp_out_lit(o, "?");
		sp_out_bytes(o, u->query);
	}
}

static inline bool url_same(const struct sp_url *a, const struct sp_url *b)
{
	return sp_bytes_eq(a->scheme, b->scheme) && sp_bytes_eq(a->host, b->host) &&
	       a->port == b->port && sp_bytes_eq(a->path, b->path) &&
	       sp_bytes_eq(a->query, b->query) && a->is_ip == b->is_ip;
}

/// The path of a URL a reader may trust: one slash at a time, no dot segment, no escape.
static inline bool url_path_normal(struct sp_bytes path)
{
	return path.n > 0 && path.p[0] == '/' && !memmem(path.p, path.n, "//", 2) &&
	       !memmem(path.p, path.n, "/./", 3) && !memmem(path.p, path.n, "/../", 4) &&
	       path.p[path.n - 1] != '.' && !memchr(path.p, '%', path.n) &&
	       !memchr(path.p, '\\', path.n) && !memchr(path.p, 0, path.n);
}

/// False when the text is refused.
static inline bool url_check_normal(struct sp_bytes text)
{
	static uint8_t buf[SP_URL_MAX + 64], again_buf[SP_URL_MAX * 3 + 64],
		text_buf[SP_URL_MAX * 3 + 64];
	struct sp_out o = sp_out_init(text_buf, sizeof(text_buf));
	struct sp_url u, again;

	if (sp_url_parse(text, buf, sizeof(buf), &u) != SP_URL_OK)
		return false;
	SP_BUG_IF(!url_path_normal(u.path) || (u.host.n > 0) != (u.port > 0));
	url_spell(&u, &o);
	SP_BUG_IF(o.overflow);
	if (o.len > SP_URL_MAX)
		return true;
	SP_BUG_IF(sp_url_parse(sp_bytes(text_buf, o.len), again_buf, sizeof(again_buf), &again) !=
		  SP_URL_OK);
	SP_BUG_IF(!url_same(&u, &again));
	return true;
}
