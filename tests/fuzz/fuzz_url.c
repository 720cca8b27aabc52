/// An accepted URL reads the same when spelled plainly, and libcurl, another reader, sees the same
/// host and port.
#include "tests/support/url_spelling.h"

#include <curl/curl.h>
#include <stdio.h>
#include "common/banned.h"

static void curl_agrees(struct sp_bytes text)
{
	static uint8_t buf[SP_URL_MAX + 64];
	char zero_ended[SP_URL_MAX + 1], *host = NULL, *port = NULL, *user = NULL;
	struct sp_url u;
	CURLU *h = curl_url();

	if (sp_url_parse(text, buf, sizeof(buf), &u) != SP_URL_OK || u.host.n == 0)
		goto done;
	memcpy(zero_ended, text.p, text.n);
	zero_ended[text.n] = 0;
	SP_BUG_IF(!h || curl_url_set(h, CURLUPART_URL, zero_ended, 0) != CURLUE_OK);
	SP_BUG_IF(curl_url_get(h, CURLUPART_USER, &user, 0) != CURLUE_NO_USER);
	SP_BUG_IF(curl_url_get(h, CURLUPART_PORT, &port, CURLU_DEFAULT_PORT) != CURLUE_OK);
	SP_BUG_IF(strtoul(port, NULL, 10) != u.port);
	SP_BUG_IF(curl_url_get(h, CURLUPART_HOST, &host, 0) != CURLUE_OK);
	if (host[0] != '[') {
		struct sp_bytes seen = sp_bytes_cstr(host);

		seen.n -= seen.p[seen.n - 1] == '.';
		SP_BUG_IF(!sp_bytes_ieq(seen, u.host));
	}
done:
	curl_free(host);
	curl_free(port);
	curl_free(user);
	curl_url_cleanup(h);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct sp_bytes text = sp_bytes(data, size);

	if (url_check_normal(text))
		curl_agrees(text);
	return 0;
}
