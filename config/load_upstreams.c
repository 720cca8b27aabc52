#include "config/load.h"

#include <sys/un.h>
#include "common/banned.h"

#define CA_MAX (1u << 20)
#define CREDENTIAL_MAX 8192u

struct loading {
	const struct sp_gateway *g;
	struct sp_check *check;
	struct sp_upstream_set set;
};

static int own(struct loading *l, const struct sp_text *path, size_t max, struct sp_bytes *ret)
{
	uint8_t *p;
	size_t n;
	int err = sp_load_file(path->s, max, &p, &n);

	if (err == -ENOMEM)
		return err;
	if (err) {
		sp_check_add(l->check, (struct sp_at){l->g->file, path->line, path->col}, NULL,
			"%s cannot be read: %s", path->s, strerror(-err));
		return -EBADMSG;
	}
	l->set.owned[l->set.owned_count] = p;
	l->set.owned_n[l->set.owned_count++] = n;
	*ret = sp_bytes(p, n);
	return 0;
}

static int read_ca(struct loading *l, const struct sp_gw_upstream *u, struct sp_upstream_facts *f)
{
	if (!u->ca_file.s)
		return 0;
	SP_TRY(own(l, &u->ca_file, CA_MAX, &f->ca_pem));
	if (memmem(f->ca_pem.p, f->ca_pem.n, "-----BEGIN CERTIFICATE-----", 27))
		return 0;
	sp_check_add(l->check, (struct sp_at){l->g->file, u->ca_file.line, u->ca_file.col}, NULL,
		"%s holds no PEM certificate", u->ca_file.s);
	return -EBADMSG;
}

/// The value goes into a header: one line, no control bytes, or it could write a header of its own.
static int read_credential(
	struct loading *l, const struct sp_gw_upstream *u, struct sp_upstream_facts *f)
{
	const struct sp_text *path = &u->credential.value_file;
	struct sp_bytes v;

	if (!path->s)
		return 0;
	SP_TRY(own(l, path, CREDENTIAL_MAX, &v));
	while (v.n && (v.p[v.n - 1] == '\n' || v.p[v.n - 1] == '\r'))
		v.n--;
	for (size_t i = 0; i < v.n; i++) {
		if (v.p[i] < ' ' || v.p[i] >= 0x7f)
			v.n = 0;
	}
	f->credential = v;
	if (v.n)
		return 0;
	sp_check_add(l->check, (struct sp_at){l->g->file, path->line, path->col}, NULL,
		"%s has to hold one line of visible characters", path->s);
	return -EBADMSG;
}

static void find_addresses(const struct sp_gw_upstream *u, sp_resolve_fn *resolve, void *user,
	struct sp_upstream_facts *f)
{
	struct sockaddr_storage addr[SP_UPSTREAM_ADDRS_MAX];
	uint32_t len[SP_UPSTREAM_ADDRS_MAX];
	int n = 1;

	if (u->kind == SP_UP_UNIX) {
		struct sockaddr_un un = {.sun_family = AF_UNIX};

		memcpy(un.sun_path, u->address,
			sp_min(strlen(u->address), sizeof(un.sun_path) - 1));
		memcpy(&addr[0], &un, sizeof(un));
		len[0] = sizeof(un);
	} else {
		n = resolve(user, u->address, u->port, addr, len);
	}
	if (n <= 0) {
		f->resolve_err = n ? n : -ENOENT;
		return;
	}
	f->addrs_n = (uint32_t)n;
	for (int i = 0; i < n; i++) {
		f->addr_len[i] = len[i];
		memcpy(f->addr[i], &addr[i], sp_min((size_t)len[i], sizeof(f->addr[i])));
	}
}

int sp_load_upstreams(const struct sp_gateway *g, sp_resolve_fn *resolve, void *user,
	struct sp_check *check, struct sp_upstream_set *ret)
{
	struct loading l = {.g = g, .check = check};
	int err = 0;

	l.set.n = g->upstreams.n;
	l.set.v = calloc(l.set.n + 1ul, sizeof(*l.set.v));
	l.set.owned = calloc(l.set.n * 2ul + 1, sizeof(*l.set.owned));
	l.set.owned_n = calloc(l.set.n * 2ul + 1, sizeof(*l.set.owned_n));
	if (!l.set.v || !l.set.owned || !l.set.owned_n)
		err = -ENOMEM;
	for (uint32_t i = 0; i < l.set.n && err != -ENOMEM; i++) {
		const struct sp_gw_upstream *u = sp_gw_upstream(g, i);
		int one = read_ca(&l, u, &l.set.v[i]);

		if (!one)
			one = read_credential(&l, u, &l.set.v[i]);
		if (one)
			err = one;
		else
			find_addresses(u, resolve, user, &l.set.v[i]);
	}
	if (err)
		sp_upstream_set_done(&l.set);
	else
		*ret = l.set;
	return err;
}

void sp_upstream_set_done(struct sp_upstream_set *s)
{
	for (uint32_t i = 0; i < s->owned_count; i++) {
		sp_wipe(s->owned[i], s->owned_n[i]);
		free(s->owned[i]);
	}
	free(s->owned);
	free(s->owned_n);
	free(s->v);
	*s = (struct sp_upstream_set){0};
}
