/// A request head for tests, read by the real parser from header lines.
#pragma once

#include "dataplane/http/http1.h"

#include <stdio.h>

struct head_of {
	struct sp_http1 *parser;
	const struct sp_http_head *head;
	uint8_t buf[8192];
};

/// `lines` each end with CRLF; aborts when the parser refuses them.
static inline void head_of(struct head_of *h, const char *lines)
{
	static const struct sp_http_limits limits = {8192, 64, 1024};
	size_t used;
	int n = snprintf((char *)h->buf, sizeof(h->buf),
		"POST /mcp HTTP/1.1\r\nHost: a\r\nContent-Length: 0\r\n%s\r\n", lines);

	h->parser = calloc(1, sp_http1_size());
	SP_BUG_IF(!h->parser || n < 0 || (size_t)n >= sizeof(h->buf));
	sp_http1_init(h->parser, false, &limits);
	SP_BUG_IF(sp_http1_parse(h->parser, h->buf, (size_t)n, &used) != SP_HTTP1_DONE);
	h->head = sp_http1_head(h->parser);
}

static inline void head_of_done(struct head_of *h)
{
	free(h->parser);
}
