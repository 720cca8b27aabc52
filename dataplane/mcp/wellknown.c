/// What is served without a token, by name, and therefore without a record: liveness and the protected
/// resource metadata of RFC 9728.
#include "dataplane/mcp/mcp.h"
#include "common/banned.h"

static const char metadata_path[] = "/.well-known/oauth-protected-resource";

static const struct sp_snap_route *metadata_route(const struct sp_snap *s, struct sp_bytes rest)
{
	uint32_t n;

	if (rest.n == 0) // the root document: the first route that has one
		n = s->h->routes.n ? 0 : SP_SNAP_NONE;
	else
		n = sp_snap_find_route(s, rest);
	return n == SP_SNAP_NONE ? NULL : sp_snap_route(s, n);
}

bool sp_wellknown_serve(struct sp_conn *c, struct sp_bytes path)
{
	struct sp_bytes prefix = sp_bytes(metadata_path, sizeof(metadata_path) - 1);
	const struct sp_snap *s = sp_worker_snap(c->w);
	const struct sp_snap_route *route;
	struct sp_bytes body;

	if (sp_bytes_eq(path, SP_LIT("/healthz"))) {
		body = s ? SP_LIT("{\"status\":\"ok\"}\n") : SP_LIT("{\"status\":\"no policy\"}\n");
		sp_conn_answer(c, s ? 200 : 503, SP_NOBYTES, &body, 1);
		return true;
	}
	if (!s || !sp_bytes_starts(path, prefix))
		return false;
	route = metadata_route(s, sp_bytes(path.p + prefix.n, path.n - prefix.n));
	if (!route || route->metadata.len == 0)
		return false;
	if (sp_http1_head(c->http)->verb != SP_HTTP_GET) {
		sp_answer_http(c, SP_REASON_VERB_REFUSED);
		return true;
	}
	body = sp_snap_str(s, route->metadata);
	sp_conn_answer(c, 200, SP_LIT("Cache-Control: max-age=300\r\n"), &body, 1);
	return true;
}
