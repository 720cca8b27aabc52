#include "controlplane/control/secrets.h"

#include "controlplane/control/tls_files.h"

#include "common/banned.h"

int sp_secrets_init(struct sp_secrets *s, struct sp_root *root, const struct sp_shm *region)
{
	struct sp_secrets_region *r = (struct sp_secrets_region *)region->base;

	if (r->half_bytes < sizeof(struct sp_secrets_half) || r->half_off[0] % 8 ||
		r->half_off[1] % 8 || !sp_shm_at(region, r->half_off[0], r->half_bytes) ||
		!sp_shm_at(region, r->half_off[1], r->half_bytes))
		return -EINVAL;
	*s = (struct sp_secrets){.root = root, .region = r, .shm = *region};
	return 0;
}

static struct sp_secrets_half *half(const struct sp_secrets *s, uint64_t which)
{
	return sp_shm_at(&s->shm, s->region->half_off[which & 1], s->region->half_bytes);
}

const struct sp_secrets_half *sp_secrets_current(const struct sp_secrets *s)
{
	uint64_t head = atomic_load(&s->root->secrets_head);

	return head ? half(s, head) : NULL;
}

/// A worker that was started and has not said which half it took may be reading either.
static bool in_use(const struct sp_secrets *s, uint64_t generation)
{
	for (uint32_t i = 0; i < s->root->workers; i++) {
		const struct sp_worker_slot *w = &s->root->worker[i];

		if (atomic_load(&w->pid) != 0 && atomic_load(&w->seen_secrets) < generation)
			return true;
	}
	return false;
}

static uint32_t put_text(struct sp_out *o, const struct sp_pem *pem, uint32_t *ret_len)
{
	uint32_t off = (uint32_t)o->len;

	sp_out_put(o, pem->p, pem->n);
	*ret_len = (uint32_t)pem->n;
	return off;
}

static void fill_cert(struct sp_out *o, const struct sp_tls_cert *in, struct sp_secret_cert *ret)
{
	ret->chain_off = put_text(o, &in->chain, &ret->chain_len);
	ret->key_off = put_text(o, &in->key, &ret->key_len);
	ret->names_n = in->names_n;
	memcpy(ret->names, in->names, sizeof(ret->names));
}

/// The whole half but for its generation, in a buffer of `cap` bytes. -EFBIG.
static int fill(uint8_t *buf, size_t cap, const struct sp_tls_files *f, const struct sp_keys *k)
{
	struct sp_secrets_half *h = (struct sp_secrets_half *)buf;
	struct sp_out o = sp_out_init(buf, cap);

	o.len = sizeof(*h);
	h->certs_n = f->certs_n;
	for (uint32_t i = 0; i < f->certs_n; i++)
		fill_cert(&o, &f->cert[i], &h->cert[i]);
	if (f->client_ca.n)
		h->client_ca_off = put_text(&o, &f->client_ca, &h->client_ca_len);
	memcpy(h->ticket, k->ticket, sizeof(h->ticket));
	memcpy(h->session_key, k->session, sizeof(h->session_key));
	memcpy(h->session_key_id, k->session_id, sizeof(h->session_key_id));
	h->bytes = (uint32_t)o.len;
	return o.overflow ? -EFBIG : 0;
}

/// Same content, whatever the generation.
static bool same(const struct sp_secrets_half *a, const struct sp_secrets_half *b)
{
	size_t off = offsetof(struct sp_secrets_half, bytes);

	return a->bytes == b->bytes &&
	       memcmp((const uint8_t *)a + off, (const uint8_t *)b + off, a->bytes - off) == 0;
}

int sp_secrets_publish(struct sp_secrets *s, const struct sp_tls_files *f, const struct sp_keys *k)
{
	const struct sp_secrets_half *now = sp_secrets_current(s);
	uint64_t head = atomic_load(&s->root->secrets_head), generation = head >> 8;
	uint64_t which = head ? (head & 1) ^ 1 : 0;
	size_t cap = s->region->half_bytes;
	struct sp_secrets_half *next = calloc(1, cap);
	int err;

	if (!next)
		return -ENOMEM;
	err = fill((uint8_t *)next, cap, f, k);
	if (err >= 0 && now && same(now, next))
		err = 1;
	else if (err >= 0 && now && in_use(s, generation))
		err = -EBUSY;
	if (err == 0) {
		next->generation = generation + 1;
		memcpy(half(s, which), next, next->bytes);
		atomic_store(&s->root->secrets_head, (generation + 1) << 8 | which);
	}
	sp_wipe(next, sp_min((size_t)next->bytes, cap));
	free(next);
	return err;
}
