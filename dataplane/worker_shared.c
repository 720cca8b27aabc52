#include "dataplane/worker_shared.h"

#include "common/childfd.h"
#include "common/banned.h"

bool sp_worker_outdated(const struct sp_worker *w)
{
	const struct sp_root *r = w->root;

	return atomic_load_explicit(&r->policy_head, memory_order_acquire) != w->policy_head ||
		atomic_load_explicit(&r->secrets_head, memory_order_acquire) != w->secrets_head ||
		atomic_load_explicit(&r->shadow_head, memory_order_acquire) != w->shadow_head ||
		(!w->draining && atomic_load_explicit(&r->run_state, memory_order_acquire));
}

/// Keys follow the auth epoch, so a publish that leaves issuers alone keeps them and the token cache.
/// Both are taken up or neither: a ring never stands beside a snapshot of another epoch.
static int take_keys_and_upstreams(struct sp_worker *w, const struct sp_snap *s)
{
	struct sp_keyring *k = NULL;
	int err;

	if (!w->keyring || w->keys_epoch != s->h->auth_epoch)
		SP_TRY(sp_keyring_new(s, &k));
	err = sp_upstreams_refresh(w->upstreams, s);
	if (err < 0) {
		sp_keyring_free(k);
		return err;
	}
	if (k) {
		sp_keyring_free(w->keyring);
		w->keyring = k;
		w->keys_epoch = s->h->auth_epoch;
	}
	return 0;
}

static int attach_slot(const struct sp_worker *w, uint64_t head, struct sp_snap *ret)
{
	const struct sp_policy_region *r = (const void *)w->policy.base;
	uint32_t slot = (uint32_t)(head & 0xff);
	uint64_t bytes;
	const void *at;

	if (head == 0 || slot >= SP_POLICY_SLOTS)
		return -ENOENT;
	bytes = atomic_load_explicit(&r->used[slot], memory_order_acquire);
	at = sp_shm_at(&w->policy, r->slots_off + slot * r->slot_bytes, bytes);
	if (!at || bytes > r->slot_bytes)
		return -EINVAL;
	return sp_snap_attach(at, bytes, ret);
}

static void take_policy(struct sp_worker *w, uint64_t head)
{
	uint32_t slot = (uint32_t)(head & 0xff);
	struct sp_snap s;

	w->policy_head = head; // a broken snapshot is not tried again: the old one stays
	if (attach_slot(w, head, &s) < 0 || take_keys_and_upstreams(w, &s) < 0)
		return;
	SP_BUG_IF(w->held[slot].calls != 0); // control reused a slot that calls still pin
	w->held[slot] = (struct sp_held_snap){.snap = s, .generation = head >> 8};
	w->current = slot;
	w->has_policy = true;
	sp_shadow_policy_changed(&w->shadow);
	atomic_store_explicit(&w->slot->seen_policy, head >> 8, memory_order_release);
}

/// A candidate that cannot be read is not judged by; control sees that it was not taken up.
static void take_shadow(struct sp_worker *w, uint64_t head)
{
	struct sp_snap s;
	int err = attach_slot(w, head, &s);

	w->shadow_head = head;
	sp_shadow_take(w, err == 0 ? &s : NULL);
	if (err == 0 || head == 0)
		sp_shadow_tell(w, head >> 8);
}

static void take_secrets(struct sp_worker *w, uint64_t head)
{
	const struct sp_secrets_region *r = (const void *)w->secrets.base;
	uint32_t half = (uint32_t)(head & 0xff);
	struct sp_tls_server *server;
	const void *at;

	w->secrets_head = head;
	if (head == 0 || half > 1)
		return;
	at = sp_shm_at(&w->secrets, r->half_off[half], r->half_bytes);
	if (!at)
		return;
	sp_session_keys_set(&w->session_keys, at);
	if (((const struct sp_secrets_half *)at)->certs_n) { // none: plain listeners only
		if (sp_tls_server_new(at, &server) < 0)
			return;
		sp_tls_server_free(w->tls);
		w->tls = server;
	}
	atomic_store_explicit(&w->slot->seen_secrets, head >> 8, memory_order_release);
}

void sp_worker_tell_control(struct sp_worker *w, const struct sp_control_msg *m)
{
	uint64_t one = 1;

	if (sp_channel_msg_put(&w->channel, false, m) == 0 &&
		write(SP_FD_CONTROL_EVENT, &one, sizeof(one)) < 0)
		return; // it looks by itself soon
}

void sp_worker_refresh(struct sp_worker *w)
{
	uint64_t policy = atomic_load_explicit(&w->root->policy_head, memory_order_acquire);
	uint64_t secrets = atomic_load_explicit(&w->root->secrets_head, memory_order_acquire);

	uint64_t shadow = atomic_load_explicit(&w->root->shadow_head, memory_order_acquire);

	if (sp_unlikely(secrets != w->secrets_head))
		take_secrets(w, secrets);
	if (sp_unlikely(policy != w->policy_head))
		take_policy(w, policy);
	if (sp_unlikely(shadow != w->shadow_head))
		take_shadow(w, shadow);
	atomic_store_explicit(&w->slot->seen_revoked,
		atomic_load_explicit(&w->root->revoked_head, memory_order_acquire), memory_order_relaxed);
}
