#include "tools/sallyctl/ask.h"

#include "common/clock.h"
#include "common/unixsock.h"

#include <stdio.h>
#include "common/banned.h"

static enum sp_ctl_code unreachable(bool quiet, const char *path, int err)
{
	const char *mend = "";

	if (err == -ENOENT || err == -ECONNREFUSED)
		mend = "; is the gateway running? '--run-dir' says where its sockets are";
	else if (err == -EACCES)
		mend = "; your user may not reach it: ask for a role in the configuration "
		       "(control.roles)";
	else if (err == -ETIMEDOUT)
		mend = "; '--timeout' waits longer";
	if (!quiet)
		fprintf(stderr, "sallyctl: %s: %s%s\n", path, strerror(-err), mend);
	return SP_CTL_NO_CONNECTION;
}

static enum sp_ctl_code build_request(const struct sp_line *l, struct sp_cv_out *o)
{
	int err;

	sp_ctl_request_begin(o, 1, sp_bytes_cstr(l->command->words));
	err = sp_line_args(l, sp_clock_wall_ns(), o);
	if (err < 0)
		return err == -EIO ? SP_CTL_REFUSED : SP_CTL_USAGE;
	err = sp_ctl_frame_end(o, SP_CTL_REQUEST_MAX);
	if (err < 0) {
		fprintf(stderr, "sallyctl: the request: %s\n", strerror(-err));
		return SP_CTL_USAGE;
	}
	return SP_CTL_OK;
}

/// One frame's body in heap memory.
static int receive(int fd, int timeout_ms, uint8_t **ret, struct sp_bytes *ret_body)
{
	uint8_t head[SP_CTL_HEAD_BYTES], *buf;
	uint32_t n;
	int err;

	SP_TRY(sp_unix_read_all(fd, head, sizeof(head), timeout_ms));
	n = (uint32_t)head[0] | (uint32_t)head[1] << 8 | (uint32_t)head[2] << 16 |
	    (uint32_t)head[3] << 24;
	if (n == 0 || n > SP_CTL_ANSWER_MAX)
		return -EBADMSG;
	buf = malloc(n);
	if (!buf)
		return -ENOMEM;
	err = sp_unix_read_all(fd, buf, n, timeout_ms);
	if (err < 0) {
		free(buf);
		return err;
	}
	*ret = buf;
	*ret_body = sp_bytes(buf, n);
	return 0;
}

static enum sp_ctl_code answers(
	const struct sp_line *l, int fd, const char *path, bool quiet, sp_answer_fn fn, void *user)
{
	// once answers stream in, the next may take as long as it likes
	int timeout_ms = (int)l->timeout_s * 1000;

	for (;;) {
		struct sp_ctl_answer a;
		struct sp_bytes body;
		uint8_t *buf;
		bool over;
		int err = receive(fd, timeout_ms, &buf, &body);

		if (err < 0)
			return unreachable(quiet, path, err);
		err = sp_ctl_answer_read(body, &a);
		if (err < 0) {
			free(buf);
			return unreachable(quiet, path, err);
		}
		over = fn(&a, user) != 0 || !a.more;
		err = a.code == SP_CTL_OK ? SP_CTL_OK : SP_CTL_REFUSED;
		free(buf);
		if (over)
			return (enum sp_ctl_code)err;
		timeout_ms = -1;
	}
}

static enum sp_ctl_code exchange(const struct sp_line *l, const struct sp_cv_out *request,
	bool quiet, sp_answer_fn fn, void *user)
{
	char path[512];
	SP_AUTO_FD fd = -1;
	int err;

	snprintf(path, sizeof(path), "%s/%s.sock", l->run_dir,
		l->command->server == SP_CTL_AUDIT ? "audit" : "control");
	err = sp_unix_connect(path, (int)l->timeout_s * 1000, &fd);
	if (err >= 0)
		err = sp_unix_write_all(
			fd, request->buf.data, request->buf.size, (int)l->timeout_s * 1000);
	if (err < 0)
		return unreachable(quiet, path, err);
	return answers(l, fd, path, quiet, fn, user);
}

enum sp_ctl_code sp_ask(const struct sp_line *l, bool quiet, sp_answer_fn fn, void *user)
{
	struct sp_cv_out o;
	enum sp_ctl_code code;

	sp_cv_out_init(&o);
	code = build_request(l, &o);
	if (code == SP_CTL_OK)
		code = exchange(l, &o, quiet, fn, user);
	sp_cv_out_done(&o);
	return code;
}
