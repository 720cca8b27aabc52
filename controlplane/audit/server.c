#include "controlplane/audit/server_inner.h"

#include "common/clock.h"
#include "common/log.h"
#include <poll.h>
#include <stdio.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include "common/banned.h"

#define INDEX_NICE 15
#define SPARE_MS 50 ///< how often it is looked whether a segment wants its successor
#define STRANGER_NS (2 * SP_NS_PER_SEC)
#define FOLLOW_NS (20 * SP_NS_PER_MS) ///< what comes at once is shown at once

static int open_socket(struct sp_server *s)
{
	char path[SP_PATH_MAX + 16];

	if (s->plan->run_dir[0] == 0)
		return 0;
	snprintf(path, sizeof(path), "%s/audit.sock", s->plan->run_dir);
	return sp_unix_listen(path, 0666, 16, &s->listener);
}

static void server_free(struct sp_server *s)
{
	sp_close_fd(&s->listener);
	if (s->index)
		sp_index_close(s->index);
	sp_signer_free(s->signer);
	free(s->taken);
	free(s->hits);
	free(s->chunk);
	free(s);
}

int sp_server_new(struct sp_root *root, const struct sp_plan *plan, int dir, struct sp_feed *feed,
	struct sp_journal *journal, struct sp_server **ret)
{
	struct sp_server *s = calloc(1, sizeof(*s));
	int err = -ENOMEM;

	if (!s)
		return err;
	s->root = root;
	s->plan = plan;
	s->dir = dir;
	s->feed = feed;
	s->journal = journal;
	s->listener = -1;
	for (unsigned i = 0; i < SP_SERVER_CONNS; i++)
		s->conn[i].fd = -1;
	s->taken = calloc(SP_FEED_ENTRIES, sizeof(*s->taken));
	s->hits = calloc(SP_QUERY_LIMIT_MAX, sizeof(*s->hits));
	if (s->taken && s->hits)
		err = open_socket(s);
	if (err < 0) {
		server_free(s);
		return err;
	}
	*ret = s;
	return 0;
}

static void drop_conn(struct sp_conn *c)
{
	if (c->fd < 0)
		return;
	sp_close_fd(&c->fd);
	free(c->out);
	c->out = NULL;
	c->out_n = c->out_cap = 0;
	if (c->verifying)
		sp_verify_done(&c->verify);
	c->verifying = c->following = c->failed = false;
	c->in_n = c->sent = 0;
}

/// Root, who runs control, and who runs this may everything; for all others the roles of the configuration count.
enum sp_ctl_access sp_server_access(const struct sp_server *s, const struct sp_conn *c)
{
	if (c->peer.uid == 0 || c->peer.uid == geteuid() || c->peer.uid == s->plan->uid_control)
		return SP_ACCESS_ADMIN;
	return sp_role_table_of(&s->root->control, c->peer.uid, c->group, c->groups_n);
}

static void accept_conn(struct sp_server *s)
{
	int fd = accept4(s->listener, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC);
	struct sp_unix_peer peer;

	if (fd < 0)
		return;
	if (sp_unix_peer(fd, &peer) == 0)
		for (unsigned i = 0; i < SP_SERVER_CONNS; i++) {
			struct sp_conn *c = &s->conn[i];

			if (c->fd >= 0)
				continue;
			c->fd = fd;
			c->peer = peer;
			c->since_ns = sp_clock_boot_ns();
			c->group[0] = peer.gid;
			c->groups_n = 1 + sp_unix_peer_groups(fd, c->group + 1, SP_SERVER_GROUPS - 1);
			return;
		}
	close(fd);
}

/// One without a role has a moment to hear that it has none: it may not keep the seats from the others. One that
/// lost its role hears no more.
static void show_out(struct sp_server *s, uint64_t now)
{
	for (unsigned i = 0; i < SP_SERVER_CONNS; i++) {
		struct sp_conn *c = &s->conn[i];

		enum sp_ctl_access access = c->fd >= 0 ? sp_server_access(s, c) : SP_ACCESS_ADMIN;

		if ((access == SP_ACCESS_NONE && now - c->since_ns > STRANGER_NS) ||
			(access < SP_ACCESS_REVIEW && (c->following || c->verifying)))
			drop_conn(c);
	}
}

static bool busy(const struct sp_conn *c)
{
	return c->following || c->verifying || c->out_n;
}

/// Requests already read whole, one after another.
static bool run_requests(struct sp_server *s, struct sp_conn *c)
{
	while (!busy(c)) {
		struct sp_bytes body;
		int n = sp_ctl_frame(sp_bytes(c->in, c->in_n),
			SP_SERVER_REQUEST_MAX - SP_CTL_HEAD_BYTES, &body);

		if (n < 0)
			return false;
		if (n == 0)
			return true;
		if (!sp_server_request(s, c, body))
			return false;
		c->in_n -= SP_CTL_HEAD_BYTES + body.n;
		memmove(c->in, c->in + SP_CTL_HEAD_BYTES + body.n, c->in_n);
	}
	return true;
}

static bool receive(struct sp_conn *c)
{
	ssize_t n = recv(c->fd, c->in + c->in_n, sizeof(c->in) - c->in_n, MSG_DONTWAIT);

	if (n < 0)
		return errno == EAGAIN || errno == EINTR;
	c->in_n += (size_t)n;
	return n > 0;
}

static bool send_out(struct sp_conn *c)
{
	ssize_t n;

	if (c->out_n == 0)
		return true;
	n = send(c->fd, c->out + c->sent, c->out_n - c->sent, MSG_DONTWAIT | MSG_NOSIGNAL);
	if (n < 0)
		return errno == EAGAIN || errno == EINTR;
	c->sent += (size_t)n;
	if (c->sent == c->out_n)
		c->out_n = c->sent = 0;
	return true;
}

static void serve(struct sp_server *s, struct sp_conn *c, short revents)
{
	bool alive = true;

	if (revents & (POLLIN | POLLHUP | POLLERR))
		alive = c->in_n < sizeof(c->in) ? receive(c) : (revents & POLLIN) != 0;
	if (alive)
		alive = run_requests(s, c);
	if (alive && (c->following || c->verifying) &&
		c->out_n == 0)
		sp_server_continue(s, c);
	if (alive)
		alive = send_out(c);
	if (!alive || c->failed)
		drop_conn(c);
}

static bool followed(const struct sp_server *s)
{
	for (unsigned i = 0; i < SP_SERVER_CONNS; i++)
		if (s->conn[i].fd >= 0 && s->conn[i].following)
			return true;
	return false;
}

static int wait_ms(const struct sp_server *s, uint64_t now)
{
	for (unsigned i = 0; i < SP_SERVER_CONNS; i++)
		if (s->conn[i].fd >= 0 && s->conn[i].verifying && s->conn[i].out_n == 0)
			return 0;
	if (s->due_ns)
		return s->due_ns > now ? (int)((s->due_ns - now) / SP_NS_PER_MS) + 1 : 0;
	return -1;
}

static void keep_index(struct sp_server *s, uint64_t now, bool at_once)
{
	int err;

	if (!at_once && (!s->due_ns || now < s->due_ns))
		return;
	err = sp_server_catch_up(s);
	if (err < 0 && now - s->log_ns > 10 * SP_NS_PER_SEC) {
		s->log_ns = now;
		sp_log_err("index", err, "the index is behind the journal");
	}
}

static void sign_tree(struct sp_server *s, uint64_t now)
{
	uint8_t root[SP_SHA256];
	uint64_t size = sp_feed_take_tree(s->feed, root);

	int err = 0;

	if (size == 0 || size == s->signed_size)
		return;
	// Records are taken without checkpoints, too: a full disk may keep them from being written.
	if (!s->signer)
		err = sp_signer_new(s->dir, s->journal->store_id, &s->signer);
	if (!err)
		err = sp_signer_publish(s->signer, s->dir, size, root);
	if (!err) {
		s->signed_size = size;
	} else if (now - s->log_ns > 10 * SP_NS_PER_SEC) {
		s->log_ns = now;
		sp_log_err("checkpoint", err, "the newest one cannot be written");
	}
}

static void poll_once(struct sp_server *s)
{
	struct pollfd f[2 + SP_SERVER_CONNS] = {{.fd = s->feed->event, .events = POLLIN},
		{.fd = s->listener, .events = POLLIN}};
	uint64_t now = sp_clock_boot_ns(), count;
	bool follow = followed(s);

	for (unsigned i = 0; i < SP_SERVER_CONNS; i++) {
		struct sp_conn *c = &s->conn[i];

		f[2 + i].fd = c->fd;
		f[2 + i].events = (c->in_n < sizeof(c->in) ? POLLIN : 0) |
			(c->fd >= 0 && c->out_n ? POLLOUT : 0);
	}
	// Who asks has the index take what is there: by itself it takes a part of a block at a time.
	sp_feed_wake_at(s->feed, follow ? 1 : SP_FEED_WAKE);
	(void)poll(f, SP_ARRAY_LEN(f), wait_ms(s, now));
	now = sp_clock_boot_ns();
	if (f[0].revents & POLLIN) {
		(void)!read(s->feed->event, &count, sizeof(count));
		s->due_ns = s->due_ns ? s->due_ns : now + (follow ? FOLLOW_NS : 0);
	}
	keep_index(s, now, false);
	sign_tree(s, now);
	show_out(s, now);
	if (f[1].revents & POLLIN)
		accept_conn(s);
	for (unsigned i = 0; i < SP_SERVER_CONNS; i++)
		if (s->conn[i].fd >= 0 && (f[2 + i].fd == s->conn[i].fd))
			serve(s, &s->conn[i], f[2 + i].revents);
	sp_server_retain(s, now);
}

static void *run(void *arg)
{
	struct sp_server *s = arg;

	// The index may be late, a worker may not: where both share a core, this thread gives way.
	(void)setpriority(PRIO_PROCESS, 0, INDEX_NICE);
	s->due_ns = 1; // what the last life left out of the index
	while (!atomic_load(&s->feed->leaving))
		poll_once(s);
	keep_index(s, sp_clock_boot_ns(), true);
	sign_tree(s, sp_clock_boot_ns());
	return NULL;
}

/// The next segment's file is made by a thread that does not give way: the writer waits for it when a segment
/// is full before its successor is there.
static void *make_spares(void *arg)
{
	struct sp_server *s = arg;

	while (!atomic_load(&s->feed->leaving)) {
		if (atomic_load_explicit(&s->journal->spare_wanted, memory_order_relaxed))
			(void)!sp_journal_prepare(s->journal); // the writer tries itself when this failed
		(void)poll(NULL, 0, SPARE_MS);
	}
	return NULL;
}

int sp_server_start(struct sp_server *s)
{
	int r = pthread_create(&s->spares, NULL, make_spares, s);

	if (r)
		return -r;
	r = pthread_create(&s->thread, NULL, run, s);
	if (r) {
		sp_feed_leave(s->feed);
		pthread_join(s->spares, NULL);
		return -r;
	}
	s->started = true;
	return 0;
}

void sp_server_stop(struct sp_server *s)
{
	sp_feed_leave(s->feed);
	if (s->started) {
		pthread_join(s->thread, NULL);
		pthread_join(s->spares, NULL);
	}
	for (unsigned i = 0; i < SP_SERVER_CONNS; i++)
		drop_conn(&s->conn[i]);
	server_free(s);
}
