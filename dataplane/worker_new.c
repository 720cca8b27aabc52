/// Start of a worker: attach every region, size every pool. After this nothing is opened or mapped.
#include "dataplane/worker.h"

#include "common/childfd.h"
#include "common/rcu.h"
#include "dataplane/decide/facts.h"
#include "dataplane/worker_shared.h"

#include <openssl/rand.h>
#include "common/banned.h"

static int attach(int fd, enum sp_region_kind kind, size_t root_size, bool writable, void *ret)
{
	struct sp_shm shm;

	SP_TRY(sp_shm_attach(fd, kind, root_size, writable, &shm));
	*(void **)ret = shm.base;
	return 0;
}

static int attach_limits(struct sp_worker *w)
{
	struct sp_shm shm;

	SP_TRY(sp_shm_attach(
		SP_FD_LIMITS, SP_REGION_LIMITS, sizeof(struct sp_limits_region), true, &shm));
	return sp_history_attach(&shm, &w->history);
}

static int attach_regions(struct sp_worker *w)
{
	struct sp_shm channel, root;

	SP_TRY(sp_shm_attach(SP_FD_ROOT, SP_REGION_ROOT, sizeof(struct sp_root), true, &root));
	w->root = (struct sp_root *)root.base;
	SP_TRY(attach(SP_FD_PLAN, SP_REGION_PLAN, sizeof(struct sp_plan), false, &w->plan));
	SP_TRY(sp_shm_attach(SP_FD_POLICY, SP_REGION_POLICY, sizeof(struct sp_policy_region), false,
		&w->policy));
	SP_TRY(sp_shm_attach(SP_FD_SECRETS, SP_REGION_SECRETS, sizeof(struct sp_secrets_region), false,
		&w->secrets));
	SP_TRY(attach(SP_FD_REVOKED, SP_REGION_REVOKED, sizeof(struct sp_revoked_region), false,
		&w->revoked));
	SP_TRY(attach_limits(w));
	SP_TRY(sp_shm_attach(SP_FD_CHANNEL, SP_REGION_CHANNEL, sizeof(struct sp_channel_region), true,
		&channel));
	SP_TRY(sp_channel_attach_worker(&channel, &w->channel));
	w->qsbr = sp_rcu_at(&root);
	if (!w->qsbr || w->index >= w->root->workers || w->index >= SP_WORKERS_MAX)
		return -EINVAL;
	sp_rcu_register(w->qsbr, w->index);
	w->slot = &w->root->worker[w->index];
	w->epoch = atomic_load_explicit(&w->slot->epoch, memory_order_acquire);
	for (unsigned i = 0; i < SP_STAT__COUNT; i++) // counters go on over the lives of a worker
		w->stat[i] = w->published[i] = atomic_load_explicit(&w->slot->stat[i], memory_order_relaxed);
	return 0;
}

static uint32_t power_of_two(uint32_t most)
{
	uint32_t n = 64;

	while (n * 2 <= most)
		n *= 2;
	return n;
}

/// A quarter of the blocks receive, a quarter hold requests and answers, half wait to be sent.
static int make_pools(struct sp_worker *w, const struct sp_worker_kind *kind)
{
	const struct sp_plan *p = w->plan;
	size_t large = sp_max((size_t)p->max_answer_bytes, (size_t)p->max_head_bytes + p->max_body_bytes) +
		64 * 1024;
	struct sp_io_conf io = {
		.max_streams = p->max_connections + p->max_upstream_connections + 16,
		.blocks = p->buffer_blocks / 2,
		.recv_buffers = power_of_two(sp_min(p->buffer_blocks / 4, 1024u)),
	};
	struct sp_upstreams_conf up = {
		.wheel = &w->wheel,
		.now_ns = &w->now_ns,
		.stat = w->up_stat,
		.max_connections = p->max_upstream_connections,
		.max_exchanges = p->max_calls + 256,
		.limits = {p->max_head_bytes, p->max_headers, p->max_answer_bytes},
	};

	SP_TRY(kind->io_new(p, w->index, &io, &w->io));
	up.io = w->io;
	SP_TRY(sp_upstreams_new(&up, &w->upstreams));
	SP_TRY(sp_token_cache_new(p->token_cache_entries, &w->tokens));
	SP_TRY(sp_failures_new(p->refused_tokens_per_minute, &w->failures));
	SP_TRY(sp_session_keys_init(&w->session_keys));
	SP_TRY(sp_era_cache_init(&w->eras));
	SP_TRY(sp_param_cache_init(&w->params, p->header_tools));
	SP_TRY(sp_bufpool_init(&w->small, sp_max(p->buffer_blocks / 4, 2 * p->max_calls), 16 * 1024));
	SP_TRY(sp_bufpool_init(&w->large, p->max_calls, large));
	SP_TRY(sp_bufpool_init(&w->hellos, p->handshakes_waiting, SP_HELLO_BYTES));
	sp_bufpool_commit(&w->hellos); // a storm of them finds its memory there
	SP_TRY(sp_conn_pool_init(w, p->max_connections));
	SP_TRY(sp_call_pool_init(&w->calls, p->max_calls));
	SP_TRY(sp_partings_init(&w->partings, p->max_calls));
	SP_TRY(sp_facts_new(&w->facts));
	SP_TRY(sp_shadow_init(&w->shadow));
	w->shadow_head = UINT64_MAX; // also that there is no candidate is told once
	w->tok_north = malloc(p->max_json_tokens * sizeof(*w->tok_north));
	w->tok_south = malloc(p->max_json_tokens * sizeof(*w->tok_south));
	w->scratch = malloc(SP_SCRATCH_BYTES);
	w->agent_calls = calloc(w->history.agents, sizeof(*w->agent_calls));
	return w->agent_calls && w->tok_north && w->tok_south && w->scratch ? 0 : -ENOMEM;
}

static void on_event(void *user)
{
	(void)user; // whoever wrote wants a turn, and this is one
}

static int watch(struct sp_worker *w)
{
	for (uint32_t i = 0; i < w->plan->listeners_n; i++) {
		const struct sp_plan_listener *l = &w->plan->listener[i];
		sp_io_accept_fn accept = l->tls ? sp_conn_accept_tls : sp_conn_accept_plain;

		if (l->port)
			SP_TRY(sp_io_listen_addr(
				w->io, (const struct sockaddr *)&l->addr, l->addr_len, accept, w));
		else
			SP_TRY(sp_io_listen(w->io, SP_FD_LISTENER + (int)i, accept, w));
	}
	SP_TRY(sp_io_watch_event(w->io, SP_FD_EVENT, on_event, w));
	return sp_io_watch_hup(w->io, SP_FD_LIFE, sp_worker_orphaned, w);
}

int sp_worker_new(uint32_t index, const struct sp_worker_kind *kind, struct sp_worker **ret)
{
	struct sp_worker *w = aligned_alloc(64, (sizeof(*w) + 63) / 64 * 64);
	int err;

	if (!w)
		return -ENOMEM;
	memset(w, 0, sizeof(*w));
	w->index = index;
	w->now_ns = sp_clock_boot_ns();
	w->wall_ns = sp_clock_wall_ns();
	sp_wheel_init(&w->wheel, w->now_ns);
	err = attach_regions(w);
	if (err == 0)
		err = make_pools(w, kind);
	if (err == 0)
		err = watch(w);
	if (err == 0 && RAND_bytes(w->call_salt, sizeof(w->call_salt)) != 1)
		err = -EIO;
	if (err) {
		sp_worker_free(w);
		return err;
	}
	*ret = w;
	return 0;
}

struct sp_worker *sp_worker_free(struct sp_worker *w)
{
	if (!w)
		return NULL;
	w->io = sp_io_free(w->io); // first: what upstreams still have in flight lies in it
	w->upstreams = sp_upstreams_free(w->upstreams);
	sp_conn_pool_done(w);
	w->tls = sp_tls_server_free(w->tls);
	w->tokens = sp_token_cache_free(w->tokens);
	w->failures = sp_failures_free(w->failures);
	w->keyring = sp_keyring_free(w->keyring);
	sp_session_keys_done(&w->session_keys);
	sp_era_cache_done(&w->eras);
	sp_param_cache_done(&w->params);
	sp_call_pool_done(&w->calls);
	sp_partings_done(&w->partings);
	sp_bufpool_done(&w->small);
	sp_bufpool_done(&w->large);
	sp_bufpool_done(&w->hellos);
	free(w->agent_calls);
	free(w->tok_north);
	free(w->tok_south);
	free(w->scratch);
	sp_facts_free(w->facts);
	sp_shadow_done(&w->shadow);
	free(w);
	return NULL;
}
