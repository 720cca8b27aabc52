/// What is accepted, libcurl, which opens it, reads as the same scheme, host, port and path.
#include "controlplane/control/fetch_url.h"

#include <curl/curl.h>
#include <stdio.h>
#include "common/banned.h"

static void check_part(CURLU *h, CURLUPart part, unsigned flags, const char *want)
{
	char *got = NULL;

	SP_BUG_IF(curl_url_get(h, part, &got, flags) != CURLUE_OK);
	SP_BUG_IF(strcmp(got, want) != 0);
	curl_free(got);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct sp_fetch_url u;
	char host[SP_FETCH_HOST_MAX + 3], port[8], path[SP_FETCH_URL_MAX + 1];
	char *query = NULL, *user = NULL, *fragment = NULL;
	CURLU *h;

	if (sp_fetch_url_parse(sp_bytes(data, size), &u) < 0)
		return 0;
	SP_BUG_IF(strlen(u.text) != size || memcmp(u.text, data, size) != 0);
	h = curl_url();
	SP_BUG_IF(!h || curl_url_set(h, CURLUPART_URL, u.text, CURLU_PATH_AS_IS) != CURLUE_OK);
	snprintf(host, sizeof(host), "%s", u.host);
	snprintf(port, sizeof(port), "%u", u.port);
	snprintf(path, sizeof(path), "%.*s", (int)strcspn(u.path, "?"), *u.path ? u.path : "/");
	check_part(h, CURLUPART_SCHEME, 0, u.tls ? "https" : "http");
	if (!strchr(u.host, ':'))
		check_part(h, CURLUPART_HOST, 0, host);
	check_part(h, CURLUPART_PORT, CURLU_DEFAULT_PORT, port);
	check_part(h, CURLUPART_PATH, 0, *u.path ? path : "/");
	SP_BUG_IF(curl_url_get(h, CURLUPART_USER, &user, 0) != CURLUE_NO_USER);
	SP_BUG_IF(curl_url_get(h, CURLUPART_FRAGMENT, &fragment, 0) != CURLUE_NO_FRAGMENT);
	if (strchr(u.path, '?') && curl_url_get(h, CURLUPART_QUERY, &query, 0) == CURLUE_OK)
		SP_BUG_IF(strcmp(query, strchr(u.path, '?') + 1) != 0);
	curl_free(query);
	curl_url_cleanup(h);
	return 0;
}
