#include "controlplane/control/keys.h"

#include "common/bytes.h"
#include "common/clock.h"
#include "controlplane/control/statefile.h"

#include <sys/random.h>
#include "common/banned.h"

#define FILE_NAME "session-keys"
#define FILE_MAGIC "SPSK0001"

/// The file, byte for byte; native order, it never leaves this host.
struct kept {
	char magic[8];
	uint64_t made_ns;
	uint8_t id[2];
	uint8_t zero[6];
	uint8_t key[2][32];
};

static int fresh(void *p, size_t n)
{
	return getrandom(p, n, 0) == (ssize_t)n ? 0 : -EIO;
}

static int keep(const struct sp_keys *k, int dir_fd)
{
	struct kept f = {.made_ns = k->session_made_ns};
	int err;

	memcpy(f.magic, FILE_MAGIC, sizeof(f.magic));
	memcpy(f.id, k->session_id, sizeof(f.id));
	memcpy(f.key, k->session, sizeof(f.key));
	err = sp_state_write(dir_fd, FILE_NAME, sp_bytes(&f, sizeof(f)));
	sp_wipe(&f, sizeof(f));
	return err;
}

static int load(struct sp_keys *k, int dir_fd)
{
	struct kept f;
	uint8_t *raw;
	size_t n;

	SP_TRY(sp_state_read(dir_fd, FILE_NAME, sizeof(f), &raw, &n));
	if (n == sizeof(f))
		memcpy(&f, raw, sizeof(f));
	sp_wipe(raw, n);
	free(raw);
	if (n != sizeof(f) || memcmp(f.magic, FILE_MAGIC, sizeof(f.magic)) != 0 ||
		f.id[0] == f.id[1])
		return -EBADMSG;
	k->session_made_ns = f.made_ns;
	memcpy(k->session_id, f.id, sizeof(f.id));
	memcpy(k->session, f.key, sizeof(f.key));
	sp_wipe(&f, sizeof(f));
	return 0;
}

static int make_ticket(struct sp_keys *k)
{
	struct sp_ticket_key t;

	SP_TRY(fresh(&t, sizeof(t)));
	memmove(&k->ticket[1], &k->ticket[0], sizeof(t) * (SP_TICKET_KEYS - 1));
	k->ticket[0] = t;
	sp_wipe(&t, sizeof(t));
	return 0;
}

int sp_keys_init(struct sp_keys *k, int dir_fd, const struct sp_secrets_half *running,
	uint64_t boot_ns, uint64_t rotation_ns)
{
	int err;

	*k = (struct sp_keys){.ticket_due_ns = boot_ns + rotation_ns};
	if (running)
		memcpy(k->ticket, running->ticket, sizeof(k->ticket));
	for (unsigned i = 0; !running && i < SP_TICKET_KEYS; i++)
		SP_TRY(make_ticket(k));
	err = load(k, dir_fd);
	if (err != -ENOENT)
		return err;
	SP_TRY(fresh(k->session, sizeof(k->session)));
	k->session_id[0] = 1;
	k->session_made_ns = sp_clock_wall_ns();
	return keep(k, dir_fd);
}

static int rotate_session(struct sp_keys *k, int dir_fd, uint64_t wall_ns)
{
	struct sp_keys next = *k;
	int err;

	memcpy(next.session[1], k->session[0], sizeof(next.session[1]));
	next.session_id[1] = k->session_id[0];
	next.session_id[0] = (uint8_t)(k->session_id[0] + 1);
	next.session_made_ns = wall_ns;
	err = fresh(next.session[0], sizeof(next.session[0]));
	if (err >= 0)
		err = keep(&next, dir_fd); // a key nobody will know after a crash must not seal
	if (err >= 0)
		*k = next;
	sp_wipe(&next, sizeof(next));
	return err;
}

int sp_keys_rotate(struct sp_keys *k, int dir_fd, uint64_t boot_ns, uint64_t wall_ns,
	uint64_t rotation_ns, uint64_t session_ns, bool *ret_changed)
{
	bool changed = false;

	if (boot_ns >= k->ticket_due_ns) {
		SP_TRY(make_ticket(k));
		k->ticket_due_ns = boot_ns + rotation_ns;
		changed = true;
	}
	if (wall_ns > k->session_made_ns && wall_ns - k->session_made_ns >= session_ns) {
		SP_TRY(rotate_session(k, dir_fd, wall_ns));
		changed = true;
	}
	*ret_changed = changed;
	return 0;
}

void sp_keys_done(struct sp_keys *k)
{
	sp_wipe(k, sizeof(*k));
}
