#include "controlplane/control/fetch.h"

#include "common/json.h"
#include "controlplane/control/fetch_http.h"
#include "common/banned.h"

enum { DISCOVERY_TOKENS = 8192, DISCOVERY_DEPTH = 16 };

/// https; in development also http, and then only on this machine.
static int parse_url(const struct sp_fetch_issuer *in, struct sp_bytes text, const char *what,
	struct sp_fetch_url *ret, char *why)
{
	if (sp_fetch_url_parse(text, ret) < 0)
		return sp_fetch_fail(why, -EINVAL, "%s is no URL to open", what);
	if (!ret->tls && !(in->development && sp_fetch_url_loopback(ret)))
		return sp_fetch_fail(why, -EINVAL, "%s is not https", what);
	return 0;
}

/// The two places a document may lie: after the issuer (OpenID Connect Discovery section 4), or
/// between its host and its path (RFC 8414 section 3).
static int discovery_url(const struct sp_fetch_issuer *in, const struct sp_fetch_url *issuer,
	bool rfc8414, struct sp_fetch_url *ret, char *why)
{
	char text[SP_FETCH_URL_MAX + 64];
	struct sp_out o = sp_out_init(text, sizeof(text));
	size_t path = strlen(issuer->path), origin = strlen(issuer->text) - path;

	if (path && issuer->path[path - 1] == '/')
		path--;
	sp_out_put(&o, issuer->text, origin);
	if (!rfc8414)
		sp_out_put(&o, issuer->path, path);
	sp_out_bytes(&o, rfc8414 ? SP_LIT("/.well-known/oauth-authorization-server")
				 : SP_LIT("/.well-known/openid-configuration"));
	if (rfc8414)
		sp_out_put(&o, issuer->path, path);
	return parse_url(in, sp_bytes(text, o.len), "the issuer's discovery address", ret, why);
}

static int read_discovery(
	const struct sp_fetch_issuer *in, struct sp_bytes text, struct sp_fetch_url *ret, char *why)
{
	struct sp_json_tok *tok = calloc(DISCOVERY_TOKENS, sizeof(*tok));
	uint8_t buf[SP_FETCH_URL_MAX];
	struct sp_bytes uri;
	struct sp_json j;
	int err;

	if (!tok)
		return sp_fetch_fail(why, -ENOMEM, "out of memory");
	if (sp_json_scan(text, DISCOVERY_DEPTH, tok, DISCOVERY_TOKENS, &j, NULL) < 0 ||
		sp_json_type(&j, 0) != SP_JSON_OBJECT)
		err = sp_fetch_fail(
			why, -EBADMSG, "the discovery document is no strict JSON object");
	else if (!sp_json_str_eq(
			 &j, sp_json_get(&j, 0, SP_LIT("issuer")), sp_bytes_cstr(in->issuer)))
		err = sp_fetch_fail(why, -EBADMSG, "the discovery document is of another issuer");
	else if (sp_json_str(&j, sp_json_get(&j, 0, SP_LIT("jwks_uri")), buf, sizeof(buf), &uri) <
		 0)
		err = sp_fetch_fail(why, -EBADMSG, "the discovery document names no jwks_uri");
	else
		err = parse_url(in, uri, "jwks_uri of the discovery document", ret, why);
	free(tok);
	return err;
}

/// Where the keys are, and whether that host may have private addresses: the issuer's own, or one
/// that the configuration names; never one that only a document names.
static int find_keys(const struct sp_fetch_issuer *in, struct sp_fetch_body *body,
	struct sp_fetch_url *ret, bool *ret_private, char *why)
{
	struct sp_fetch_url issuer = {0}, document;
	int err;

	if (in->jwks_uri) {
		*ret_private = in->allow_private;
		return parse_url(in, sp_bytes_cstr(in->jwks_uri), "jwks_uri", ret, why);
	}
	SP_TRY(parse_url(in, sp_bytes_cstr(in->issuer), "the issuer", &issuer, why));
	if (strchr(issuer.path, '?'))
		return sp_fetch_fail(why, -EINVAL, "the issuer has a query");
	SP_TRY(discovery_url(in, &issuer, false, &document, why));
	err = sp_fetch_get(in, &document, in->allow_private, body, why);
	if (err == -ENOENT) {
		SP_TRY(discovery_url(in, &issuer, true, &document, why));
		err = sp_fetch_get(in, &document, in->allow_private, body, why);
	}
	SP_TRY(err);
	SP_TRY(read_discovery(in, sp_bytes(body->p, body->n), ret, why));
	*ret_private = in->allow_private && sp_fetch_url_same_host(ret, &issuer);
	return 0;
}

static int fetch_keys(const struct sp_fetch_issuer *in, struct sp_fetch_body *body,
	struct sp_jwks **ret, char *why)
{
	struct sp_jwks_error error;
	struct sp_fetch_url url = {0};
	bool allow_private = false;
	int err;

	SP_TRY(find_keys(in, body, &url, &allow_private, why));
	SP_TRY(sp_fetch_get(in, &url, allow_private, body, why));
	err = sp_jwks_parse(sp_bytes(body->p, body->n), in->algs, ret, &error);
	if (err < 0 && error.key != SP_SNAP_NONE)
		return sp_fetch_fail(why, err, "key %u of the set: %s", error.key, error.what);
	if (err < 0)
		return sp_fetch_fail(why, err, "the key set: %s", error.what);
	return 0;
}

int sp_fetch_keys(
	const struct sp_fetch_issuer *in, struct sp_jwks **ret, char why[SP_FETCH_WHY_MAX])
{
	struct sp_fetch_body body = {.p = malloc(SP_JWKS_MAX_BYTES + 1)};
	int err;

	*why = 0;
	if (!body.p)
		return sp_fetch_fail(why, -ENOMEM, "out of memory");
	err = fetch_keys(in, &body, ret, why);
	free(body.p);
	if (err == 0)
		*why = 0; // of a first place that had no document
	return err == -ENOENT ? -EPROTO : err;
}
