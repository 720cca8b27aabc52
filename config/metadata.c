#include "config/metadata.h"
#include "common/banned.h"

static void put_string(struct sp_out *out, struct sp_bytes s)
{
	sp_out_lit(out, "\"");
	sp_out_json_escaped(out, s);
	sp_out_lit(out, "\"");
}

/// The next space-separated word of *s, which is cut behind it; empty at the end.
static struct sp_bytes next_word(struct sp_bytes *s)
{
	struct sp_bytes w;

	while (s->n && *s->p == ' ')
		*s = sp_bytes(s->p + 1, s->n - 1);
	w = *s;
	for (w.n = 0; w.n < s->n && s->p[w.n] != ' ';)
		w.n++;
	*s = sp_bytes(s->p + w.n, s->n - w.n);
	return w;
}

void sp_metadata_write(struct sp_out *out, struct sp_bytes resource, const struct sp_bytes *issuers,
	uint32_t issuers_n, struct sp_bytes scopes)
{
	bool first = true;

	sp_out_lit(out, "{\"resource\":");
	put_string(out, resource);
	if (issuers_n)
		sp_out_lit(out, ",\"authorization_servers\":[");
	for (uint32_t i = 0; i < issuers_n; i++) {
		if (i)
			sp_out_lit(out, ",");
		put_string(out, issuers[i]);
	}
	if (issuers_n)
		sp_out_lit(out, "]");
	for (struct sp_bytes w = next_word(&scopes); w.n; w = next_word(&scopes), first = false) {
		sp_out_bytes(out, first ? SP_LIT(",\"scopes_supported\":[") : SP_LIT(","));
		put_string(out, w);
	}
	if (!first)
		sp_out_lit(out, "]");
	sp_out_lit(out, ",\"bearer_methods_supported\":[\"header\"]}");
}

static bool uri_byte(uint8_t c)
{
	return c > 0x20 && c < 0x7f && !strchr("\"<>\\^`{|}?#", c);
}

int sp_uri_split(struct sp_bytes uri, bool *ret_tls, struct sp_bytes *ret_authority,
	struct sp_bytes *ret_path)
{
	bool tls = sp_bytes_starts(uri, SP_LIT("https://"));
	size_t from = tls ? 8 : 7, slash;

	if (!tls && !sp_bytes_starts(uri, SP_LIT("http://")))
		return -EINVAL;
	for (size_t i = from; i < uri.n; i++)
		if (!uri_byte(uri.p[i]))
			return -EINVAL;
	for (slash = from; slash < uri.n && uri.p[slash] != '/'; slash++)
		if (uri.p[slash] == '@')
			return -EINVAL;
	if (slash == from)
		return -EINVAL;
	*ret_tls = tls;
	*ret_authority = sp_bytes(uri.p + from, slash - from);
	*ret_path = sp_bytes(uri.p + slash, uri.n - slash);
	return 0;
}

int sp_metadata_url(struct sp_out *out, struct sp_bytes resource)
{
	struct sp_bytes authority, path;
	bool tls;

	SP_TRY(sp_uri_split(resource, &tls, &authority, &path));
	sp_out_bytes(out, tls ? SP_LIT("https://") : SP_LIT("http://"));
	sp_out_bytes(out, authority);
	sp_out_lit(out, "/.well-known/oauth-protected-resource");
	if (!sp_bytes_eq(path, SP_LIT("/")))
		sp_out_bytes(out, path);
	return 0;
}
