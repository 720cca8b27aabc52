#include "tools/demo/misbehave.h"
#include "common/banned.h"

static enum demo_after do_close(struct demo_buf *out, struct sp_bytes good)
{
	(void)out;
	(void)good;
	return DEMO_CLOSES;
}

static enum demo_after do_close_head(struct demo_buf *out, struct sp_bytes good)
{
	(void)good;
	demo_lit(out, "HTTP/1.1 200 OK\r\nContent-Ty");
	return DEMO_CLOSES;
}

static enum demo_after do_close_body(struct demo_buf *out, struct sp_bytes good)
{
	demo_http_answer(out, 200, SP_NOBYTES, good);
	out->len -= good.n / 2;
	return DEMO_CLOSES;
}

static enum demo_after do_close_after(struct demo_buf *out, struct sp_bytes good)
{
	demo_http_answer(out, 200, SP_NOBYTES, good);
	return DEMO_CLOSES;
}

static enum demo_after do_hang(struct demo_buf *out, struct sp_bytes good)
{
	(void)out;
	(void)good;
	return DEMO_HANGS;
}

static enum demo_after do_not_http(struct demo_buf *out, struct sp_bytes good)
{
	(void)good;
	demo_lit(out, "220 mail.example.com ESMTP\r\n\r\n");
	return DEMO_CLOSES;
}

static enum demo_after do_not_json(struct demo_buf *out, struct sp_bytes good)
{
	(void)good;
	demo_http_answer(out, 200, SP_NOBYTES, SP_LIT("{\"jsonrpc\": \"2.0\", oops"));
	return DEMO_ANSWERED;
}

static enum demo_after do_duplicate(struct demo_buf *out, struct sp_bytes good)
{
	struct demo_buf twice = {0};

	demo_put(&twice, good.p, good.n - 1);
	demo_lit(&twice, ",\"result\":{\"content\":[]}}");
	demo_http_answer(out, 200, SP_NOBYTES, demo_bytes(&twice));
	demo_buf_done(&twice);
	return DEMO_ANSWERED;
}

static enum demo_after do_wrong_id(struct demo_buf *out, struct sp_bytes good)
{
	(void)good;
	demo_http_answer(out, 200, SP_NOBYTES,
		SP_LIT("{\"jsonrpc\":\"2.0\",\"id\":\"somebody-elses\",\"result\":{\"content\":[]}}"));
	return DEMO_ANSWERED;
}

static enum demo_after do_http_500(struct demo_buf *out, struct sp_bytes good)
{
	(void)good;
	demo_lit(out, "HTTP/1.1 500 Internal Server Error\r\nContent-Type: text/plain\r\n"
		      "Content-Length: 27\r\n\r\nstack trace at db1.secret\r\n");
	return DEMO_ANSWERED;
}

static enum demo_after do_http_401(struct demo_buf *out, struct sp_bytes good)
{
	(void)good;
	demo_lit(out, "HTTP/1.1 401 Unauthorized\r\nWWW-Authenticate: Bearer "
		      "resource_metadata=\"https://upstream.example/elsewhere\"\r\n"
		      "Content-Length: 0\r\n\r\n");
	return DEMO_ANSWERED;
}

static enum demo_after do_redirect(struct demo_buf *out, struct sp_bytes good)
{
	(void)good;
	demo_lit(out, "HTTP/1.1 302 Found\r\nLocation: http://127.0.0.1:1/elsewhere\r\n"
		      "Content-Length: 0\r\n\r\n");
	return DEMO_ANSWERED;
}

static enum demo_after do_stream_cut(struct demo_buf *out, struct sp_bytes good)
{
	(void)good;
	demo_http_stream(out);
	demo_http_chunk(out, SP_LIT(": soon\n\n"));
	demo_http_chunk(out, SP_NOBYTES);
	return DEMO_ANSWERED;
}

static enum demo_after do_stream_junk(struct demo_buf *out, struct sp_bytes good)
{
	(void)good;
	demo_http_stream(out);
	demo_http_chunk(out, SP_LIT("data: {\"jsonrpc\":\n\n"));
	demo_http_chunk(out, SP_NOBYTES);
	return DEMO_ANSWERED;
}

static enum demo_after do_two_lengths(struct demo_buf *out, struct sp_bytes good)
{
	demo_http_answer(out, 200, SP_LIT("Content-Length: 1\r\n"), good);
	return DEMO_CLOSES;
}

static enum demo_after do_leave(struct demo_buf *out, struct sp_bytes good)
{
	demo_http_answer(out, 200, SP_LIT("Connection: close\r\n"), good);
	return DEMO_LEAVES;
}

enum demo_after demo_misbehave(struct demo_buf *out, struct sp_bytes how, struct sp_bytes good)
{
	static const struct {
		const char *how;
		enum demo_after (*fn)(struct demo_buf *out, struct sp_bytes good);
	} ways[] = {
		{"close", do_close},
		{"close_head", do_close_head},
		{"close_body", do_close_body},
		{"close_after", do_close_after},
		{"hang", do_hang},
		{"not_http", do_not_http},
		{"not_json", do_not_json},
		{"duplicate", do_duplicate},
		{"wrong_id", do_wrong_id},
		{"http_500", do_http_500},
		{"http_401", do_http_401},
		{"redirect", do_redirect},
		{"stream_cut", do_stream_cut},
		{"stream_junk", do_stream_junk},
		{"leave", do_leave},
		{"two_lengths", do_two_lengths},
	};

	for (size_t i = 0; i < SP_ARRAY_LEN(ways); i++)
		if (sp_bytes_eq(how, sp_bytes_cstr(ways[i].how)))
			return ways[i].fn(out, good);
	demo_http_answer(out, 200, SP_NOBYTES, good);
	return DEMO_ANSWERED;
}
