#include "controlplane/control/desk.h"

#include "common/clock.h"

#include <sys/socket.h>
#include "common/banned.h"

#define IDLE_NS (60 * SP_NS_PER_SEC)
#define STRANGER_MAX 4096u // bytes of a request from a peer without any role

struct client {
	int fd; ///< -1 = free
	struct sp_caller caller;
	uint8_t *in, *out;
	size_t in_n, in_cap, out_n, out_at;
	uint64_t active_ns;
};
struct sp_desk {
	struct sp_desk_ops ops;
	int listen_fd;
	struct client client[SP_DESK_CLIENTS];
};

int sp_desk_new(const char *path, const struct sp_desk_ops *ops, struct sp_desk **ret)
{
	struct sp_desk *s = calloc(1, sizeof(*s));
	int err;

	if (!s)
		return -ENOMEM;
	s->ops = *ops;
	for (unsigned i = 0; i < SP_DESK_CLIENTS; i++)
		s->client[i].fd = -1;
	// whoever connects is judged by who it is: reaching the socket gives nothing
	err = sp_unix_listen(path, 0666, 64, &s->listen_fd);
	if (err < 0) {
		free(s);
		return err;
	}
	*ret = s;
	return 0;
}

static void drop(struct client *c)
{
	sp_close_fd(&c->fd);
	if (c->in)
		sp_wipe(c->in, c->in_n);
	free(c->in);
	free(c->out);
	*c = (struct client){.fd = -1};
}

struct sp_desk *sp_desk_free(struct sp_desk *s)
{
	if (!s)
		return NULL;
	for (unsigned i = 0; i < SP_DESK_CLIENTS; i++)
		drop(&s->client[i]);
	sp_close_fd(&s->listen_fd);
	free(s);
	return NULL;
}

unsigned sp_desk_poll(const struct sp_desk *s, struct pollfd p[SP_DESK_POLL_MAX])
{
	unsigned n = 0;

	p[n++] = (struct pollfd){.fd = s->listen_fd, .events = POLLIN};
	for (unsigned i = 0; i < SP_DESK_CLIENTS; i++) {
		const struct client *c = &s->client[i];

		if (c->fd >= 0)
			p[n++] = (struct pollfd){.fd = c->fd, .events = c->out ? POLLOUT : POLLIN};
	}
	return n;
}

/// A free place, or that of whoever has been silent longest.
static struct client *place(struct sp_desk *s)
{
	struct client *oldest = &s->client[0];

	for (unsigned i = 0; i < SP_DESK_CLIENTS; i++) {
		if (s->client[i].fd < 0)
			return &s->client[i];
		if (s->client[i].active_ns < oldest->active_ns)
			oldest = &s->client[i];
	}
	drop(oldest);
	return oldest;
}

static void accept_one(struct sp_desk *s, uint64_t boot_ns)
{
	SP_AUTO_FD fd = accept4(s->listen_fd, NULL, NULL, SOCK_CLOEXEC | SOCK_NONBLOCK);
	struct client *c;

	if (fd < 0)
		return;
	c = place(s);
	if (sp_unix_peer(fd, &c->caller.peer) < 0)
		return;
	s->ops.who(s->ops.ctx, &c->caller);
	c->active_ns = boot_ns;
	c->fd = sp_take_fd(&fd);
}

static void answer(
	struct sp_desk *s, struct client *c, struct sp_bytes body, struct sp_reply *reply)
{
	const struct sp_ctl_command *cmd;
	struct sp_ctl_request r;
	int err = sp_ctl_request_read(body, &r, &reply->id);

	if (err < 0) {
		sp_reply_error(
			reply, err == -EPROTONOSUPPORT
				       ? "this gateway speaks version 1 of the control protocol"
				       : "not a request of the control protocol");
		return;
	}
	cmd = sp_ctl_command_find(r.command);
	if (!cmd || cmd->server != SP_CTL_CONTROL) {
		sp_reply_error(reply, "there is no command '%.*s' here", SP_FMT(r.command));
		return;
	}
	s->ops.who(s->ops.ctx, &c->caller); // roles may have changed since it connected
	if (c->caller.access < cmd->access) {
		sp_reply_error(reply,
			"'%s' needs the role %s; %s has %s (control.roles in the configuration)",
			cmd->words, sp_ctl_access_name(cmd->access), c->caller.name,
			sp_ctl_access_name(c->caller.access));
		s->ops.refused(s->ops.ctx, cmd, &c->caller);
		return;
	}
	s->ops.run(s->ops.ctx, cmd, &r, &c->caller, reply);
	SP_BUG_IF(!reply->data && !reply->error);
}

/// Run one request and queue its answer. -errno when no answer can be made.
static int serve(struct sp_desk *s, struct client *c, struct sp_bytes body)
{
	struct sp_reply reply = {0};
	int err = 0;

	sp_cv_out_init(&reply.out);
	answer(s, c, body, &reply);
	if (reply.data)
		err = sp_ctl_frame_end(&reply.out, SP_CTL_ANSWER_MAX);
	else if (reply.out.failed)
		err = -ENOMEM;
	if (err >= 0) {
		c->out_n = reply.out.buf.size;
		c->out_at = 0;
		c->out = (uint8_t *)msgpack_sbuffer_release(&reply.out.buf);
	}
	sp_cv_out_done(&reply.out);
	return err;
}

static int grow(struct client *c)
{
	size_t most = c->caller.access == SP_ACCESS_NONE ? STRANGER_MAX
							 : SP_CTL_HEAD_BYTES + SP_CTL_REQUEST_MAX;
	size_t cap = c->in_cap ? c->in_cap * 2 : 4096;
	uint8_t *in;

	if (c->in_n < c->in_cap)
		return 0;
	if (c->in_cap >= most)
		return -EMSGSIZE;
	cap = sp_min(cap, most);
	in = realloc(c->in, cap);
	if (!in)
		return -ENOMEM;
	c->in = in;
	c->in_cap = cap;
	return 0;
}

static int read_some(struct client *c)
{
	ssize_t r;

	SP_TRY(grow(c));
	r = recv(c->fd, c->in + c->in_n, c->in_cap - c->in_n, 0);
	if (r < 0)
		return errno == EAGAIN || errno == EINTR ? 0 : -errno;
	c->in_n += (size_t)r;
	return r == 0 ? -EPIPE : 0;
}

/// Serve the first request in the buffer once it is whole.
static int serve_next(struct sp_desk *s, struct client *c)
{
	struct sp_bytes body;
	int n = sp_ctl_frame(sp_bytes(c->in, c->in_n), SP_CTL_REQUEST_MAX, &body), err;
	size_t used;

	if (n <= 0)
		return n;
	err = serve(s, c, body);
	used = SP_CTL_HEAD_BYTES + (size_t)n;
	memmove(c->in, c->in + used, c->in_n - used);
	c->in_n -= used;
	return err;
}

static int write_some(struct client *c)
{
	ssize_t w = send(c->fd, c->out + c->out_at, c->out_n - c->out_at, MSG_NOSIGNAL);

	if (w < 0)
		return errno == EAGAIN || errno == EINTR ? 0 : -errno;
	c->out_at += (size_t)w;
	if (c->out_at == c->out_n) {
		free(c->out);
		c->out = NULL;
	}
	return 0;
}

static int client_turn(struct sp_desk *s, struct client *c, short events)
{
	int err = 0;

	if (!c->out && events & (POLLIN | POLLHUP | POLLERR)) {
		err = read_some(c);
		if (err == 0)
			err = serve_next(s, c);
	}
	if (err >= 0 && c->out)
		err = write_some(c);
	if (err >= 0 && !c->out && c->in_n)
		err = serve_next(s, c);
	return err;
}

void sp_desk_turn(struct sp_desk *s, const struct pollfd *p, unsigned n, uint64_t boot_ns)
{
	for (unsigned i = 1; i < n; i++) {
		for (unsigned k = 0; k < SP_DESK_CLIENTS && p[i].revents; k++) {
			struct client *c = &s->client[k];

			if (c->fd != p[i].fd)
				continue;
			c->active_ns = boot_ns;
			if (client_turn(s, c, p[i].revents) < 0)
				drop(c);
		}
	}
	for (unsigned k = 0; k < SP_DESK_CLIENTS; k++)
		if (s->client[k].fd >= 0 && boot_ns > s->client[k].active_ns + IDLE_NS)
			drop(&s->client[k]);
	if (n > 0 && p[0].revents)
		accept_one(s, boot_ns);
}
