#include "controlplane/control/fetch_http.h"

#include "common/clock.h"
#include "controlplane/control/fetch_addr.h"

#include <arpa/inet.h>
#include <curl/curl.h>
#include <netdb.h>
#include <netinet/in.h>
#include <stdarg.h>
#include <stdio.h>
#include "common/banned.h"

enum { TOTAL_DEFAULT_S = 10, HEAD_MAX = 32 * 1024 };

struct get {
	struct sp_fetch_addrs addrs;
	struct sp_fetch_body *body;
	size_t head;
	bool too_big, stray;
};

int sp_fetch_fail(char why[SP_FETCH_WHY_MAX], int err, const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(why, SP_FETCH_WHY_MAX, fmt, ap);
	va_end(ap);
	return err;
}

int sp_fetch_global_init(void)
{
	return curl_global_init(CURL_GLOBAL_DEFAULT) == CURLE_OK ? 0 : -EIO;
}

static int resolve_system(void *ctx, const char *host, struct sp_fetch_addrs *ret)
{
	const struct addrinfo hints = {.ai_family = AF_UNSPEC, .ai_socktype = SOCK_STREAM};
	struct addrinfo *list, *a;

	(void)ctx;
	if (getaddrinfo(host, NULL, &hints, &list) != 0)
		return -EHOSTUNREACH;
	ret->n = 0;
	for (a = list; a && ret->n < SP_FETCH_ADDRS_MAX; a = a->ai_next) {
		if (a->ai_addrlen <= sizeof(ret->addr[0])) {
			memset(&ret->addr[ret->n], 0, sizeof(ret->addr[0]));
			memcpy(&ret->addr[ret->n++], a->ai_addr, a->ai_addrlen);
		}
	}
	freeaddrinfo(list);
	return ret->n ? 0 : -EHOSTUNREACH;
}

/// Addresses of the URL's host, all of them fit to be opened: one that is not spoils the name.
static int resolve(const struct sp_fetch_issuer *in, const struct sp_fetch_url *url,
	bool allow_private, struct sp_fetch_addrs *ret, char *why)
{
	sp_fetch_resolve *fn = in->resolve ? in->resolve : resolve_system;
	bool dev_loopback = in->development && sp_fetch_url_loopback(url);

	if (fn(in->resolve_ctx, url->host, ret) < 0 || ret->n == 0)
		return sp_fetch_fail(why, -EHOSTUNREACH, "%s has no address", url->host);
	for (uint32_t i = 0; i < ret->n; i++) {
		const struct sockaddr *a = (const struct sockaddr *)&ret->addr[i];
		enum sp_fetch_addr_class class = sp_fetch_addr_class(a);

		if (class == SP_ADDR_NEVER)
			return sp_fetch_fail(
				why, -EACCES, "%s has an address that is never opened", url->host);
		if (class == SP_ADDR_PRIVATE && !allow_private && !dev_loopback)
			return sp_fetch_fail(why, -EACCES,
				"%s has a private address, which the configuration does not allow",
				url->host);
		if (!url->tls && !sp_fetch_addr_loopback(a))
			return sp_fetch_fail(
				why, -EACCES, "%s is http and not on this machine", url->host);
	}
	return 0;
}

/// "host:port:addr,addr": what curl's resolver answers, whatever the network would say now.
static struct curl_slist *pins(const struct sp_fetch_url *url, const struct sp_fetch_addrs *addrs)
{
	char text[SP_FETCH_HOST_MAX + 16 + SP_FETCH_ADDRS_MAX * (INET6_ADDRSTRLEN + 3)];
	struct sp_out o = sp_out_init(text, sizeof(text) - 1);

	sp_out_bytes(&o, sp_bytes_cstr(url->host));
	sp_out_lit(&o, ":");
	sp_out_u64(&o, url->port);
	for (uint32_t i = 0; i < addrs->n; i++) {
		const struct sockaddr_storage *a = &addrs->addr[i];
		char addr[INET6_ADDRSTRLEN];
		bool v6 = a->ss_family == AF_INET6;
		const void *raw = v6 ? (const void *)&((const struct sockaddr_in6 *)a)->sin6_addr
				     : (const void *)&((const struct sockaddr_in *)a)->sin_addr;

		if (!inet_ntop(a->ss_family, raw, addr, sizeof(addr)))
			return NULL;
		sp_out_bytes(&o, i ? SP_LIT(",") : SP_LIT(":"));
		sp_out_bytes(&o, v6 ? SP_LIT("[") : SP_NOBYTES);
		sp_out_bytes(&o, sp_bytes_cstr(addr));
		sp_out_bytes(&o, v6 ? SP_LIT("]") : SP_NOBYTES);
	}
	text[o.len] = 0;
	return o.overflow ? NULL : curl_slist_append(NULL, text);
}

static bool same_addr(const struct sockaddr *a, const struct sockaddr *b)
{
	if (a->sa_family != b->sa_family)
		return false;
	if (a->sa_family == AF_INET)
		return ((const struct sockaddr_in *)a)->sin_addr.s_addr ==
		       ((const struct sockaddr_in *)b)->sin_addr.s_addr;
	return memcmp(&((const struct sockaddr_in6 *)a)->sin6_addr,
		       &((const struct sockaddr_in6 *)b)->sin6_addr, 16) == 0;
}

/// The last word: no socket is made for an address that was not checked.
static curl_socket_t open_socket(void *ctx, curlsocktype purpose, struct curl_sockaddr *a)
{
	struct get *g = ctx;

	for (uint32_t i = 0; purpose == CURLSOCKTYPE_IPCXN && i < g->addrs.n; i++)
		if (same_addr(&a->addr, (const struct sockaddr *)&g->addrs.addr[i]))
			return socket(a->family, a->socktype | SOCK_CLOEXEC, a->protocol);
	g->stray = true;
	return CURL_SOCKET_BAD;
}

static size_t on_head(char *p, size_t size, size_t n, void *ctx)
{
	struct get *g = ctx;

	(void)p;
	g->head += size * n;
	return g->head <= HEAD_MAX ? size * n : 0;
}

static size_t on_body(char *p, size_t size, size_t n, void *ctx)
{
	struct get *g = ctx;

	if (size * n > SP_JWKS_MAX_BYTES - g->body->n) {
		g->too_big = true;
		return 0;
	}
	memcpy(g->body->p + g->body->n, p, size * n);
	g->body->n += size * n;
	return size * n;
}

#define SET(option, value) (curl_easy_setopt(c, option, value) == CURLE_OK)

static bool set_rules(
	CURL *c, const struct sp_fetch_issuer *in, const struct sp_fetch_url *url, long left_ms)
{
	return SET(CURLOPT_URL, url->text) &&
	       SET(CURLOPT_PROTOCOLS_STR, url->tls ? "https" : "http") &&
	       SET(CURLOPT_FOLLOWLOCATION, 0L) && SET(CURLOPT_PROXY, "") &&
	       SET(CURLOPT_NOPROXY, "*") && SET(CURLOPT_NETRC, (long)CURL_NETRC_IGNORED) &&
	       SET(CURLOPT_PATH_AS_IS, 1L) && SET(CURLOPT_NOSIGNAL, 1L) &&
	       SET(CURLOPT_TIMEOUT_MS, left_ms) &&
	       SET(CURLOPT_HTTP_VERSION, (long)CURL_HTTP_VERSION_1_1) &&
	       SET(CURLOPT_HTTP09_ALLOWED, 0L) && SET(CURLOPT_FRESH_CONNECT, 1L) &&
	       SET(CURLOPT_FORBID_REUSE, 1L) && SET(CURLOPT_SSL_VERIFYPEER, 1L) &&
	       SET(CURLOPT_SSL_VERIFYHOST, 2L) &&
	       SET(CURLOPT_SSLVERSION, (long)CURL_SSLVERSION_TLSv1_2) &&
	       SET(CURLOPT_USERAGENT, "sallyport") &&
	       SET(CURLOPT_MAXFILESIZE, (long)SP_JWKS_MAX_BYTES) &&
	       (!in->ca_file || (SET(CURLOPT_CAINFO, in->ca_file) && SET(CURLOPT_CAPATH, NULL)));
}

/// A literal address needs no pin.
static bool set_handlers(
	CURL *c, struct get *g, bool literal, struct curl_slist *pinned, struct curl_slist *heads)
{
	return heads && (literal || (pinned && SET(CURLOPT_RESOLVE, pinned))) &&
	       SET(CURLOPT_HTTPHEADER, heads) && SET(CURLOPT_OPENSOCKETFUNCTION, open_socket) &&
	       SET(CURLOPT_OPENSOCKETDATA, g) && SET(CURLOPT_HEADERFUNCTION, on_head) &&
	       SET(CURLOPT_HEADERDATA, g) && SET(CURLOPT_WRITEFUNCTION, on_body) &&
	       SET(CURLOPT_WRITEDATA, g);
}
#undef SET

static int judge(CURL *c, CURLcode r, const struct get *g, const char *host, char *why)
{
	long status = 0;

	if (g->stray)
		return sp_fetch_fail(why, -EACCES, "%s led to an address not checked", host);
	if (g->too_big || r == CURLE_FILESIZE_EXCEEDED)
		return sp_fetch_fail(why, -E2BIG, "%s sent more than 256 KiB", host);
	if (r == CURLE_OPERATION_TIMEDOUT)
		return sp_fetch_fail(why, -ETIMEDOUT, "%s did not answer in time", host);
	if (r != CURLE_OK)
		return sp_fetch_fail(why, -ECONNABORTED, "%s: %s", host, curl_easy_strerror(r));
	curl_easy_getinfo(c, CURLINFO_RESPONSE_CODE, &status);
	if (status != 200)
		return sp_fetch_fail(why, status == 404 ? -ENOENT : -EPROTO,
			"%s answered with status %ld", host, status);
	return 0;
}

int sp_fetch_get(const struct sp_fetch_issuer *in, const struct sp_fetch_url *url,
	bool allow_private, struct sp_fetch_body *ret, char why[SP_FETCH_WHY_MAX])
{
	uint64_t total_ns = in->total_ns ? in->total_ns : TOTAL_DEFAULT_S * SP_NS_PER_SEC;
	uint64_t end_ns = sp_clock_boot_ns() + total_ns, now_ns;
	struct get g = {.body = ret};
	struct curl_slist *pinned, *heads;
	CURL *c;
	int err;

	SP_TRY(resolve(in, url, allow_private, &g.addrs, why));
	now_ns = sp_clock_boot_ns();
	if (now_ns + SP_NS_PER_MS > end_ns)
		return sp_fetch_fail(why, -ETIMEDOUT, "%s did not resolve in time", url->host);
	c = curl_easy_init();
	pinned = pins(url, &g.addrs);
	heads = curl_slist_append(NULL, "Accept: application/json, application/jwk-set+json");
	ret->n = 0;
	if (c && set_rules(c, in, url, (long)((end_ns - now_ns) / SP_NS_PER_MS)) &&
		set_handlers(c, &g, url->literal, pinned, heads))
		err = judge(c, curl_easy_perform(c), &g, url->host, why);
	else
		err = sp_fetch_fail(why, -ENOMEM, "the HTTP library refuses its settings");
	curl_easy_cleanup(c);
	curl_slist_free_all(pinned);
	curl_slist_free_all(heads);
	return err;
}
