#include "controlplane/audit/open_calls.h"

#include "common/fold.h"

#include <sys/random.h>
#include "common/banned.h"

/// Slots to begin with: what is looked at all the time should fit the cache.
#define FEW 512u

int sp_open_calls_init(struct sp_open_calls *t, uint32_t most)
{
	uint32_t size = 16;
	uint64_t key[3];

	if (most > 1u << 24)
		return -EINVAL;
	if (getrandom(key, sizeof(key), 0) != sizeof(key))
		return -EIO;
	while (size < 2 * most)
		size *= 2;
	*t = (struct sp_open_calls){.mask = sp_min(size, FEW) - 1, .mask_most = size - 1, .most = most};
	t->key[0] = key[0];
	t->key[1] = key[1];
	t->key[2] = key[2] | 1;
	t->slot = calloc(size, sizeof(*t->slot));
	t->other = calloc(size, sizeof(*t->slot));
	if (t->slot && t->other)
		return 0;
	sp_open_calls_done(t);
	return -ENOMEM;
}

void sp_open_calls_done(struct sp_open_calls *t)
{
	free(t->slot);
	free(t->other);
	*t = (struct sp_open_calls){0};
}

void sp_open_calls_clear(struct sp_open_calls *t)
{
	memset(t->slot, 0, ((size_t)t->mask + 1) * sizeof(*t->slot));
	t->mask = sp_min(t->mask, FEW - 1);
	t->used = 0;
}

/// A worker counts its calls, in whichever byte of the id, and a hostile one chooses them: each half goes through
/// two multiplications, both by what nobody knows. After one alone a count can still lie in a few long runs.
static uint32_t home(const struct sp_open_calls *t, const uint8_t *call)
{
	uint64_t a, b;

	memcpy(&a, call, sizeof(a));
	memcpy(&b, call + sizeof(a), sizeof(b));
	return (uint32_t)sp_fold(sp_fold(a ^ t->key[0], b ^ t->key[1]), t->key[2]) & t->mask;
}

static uint32_t find(const struct sp_open_calls *t, const uint8_t *call)
{
	uint32_t i = home(t, call);

	while (t->slot[i].seq && memcmp(t->slot[i].call, call, SP_CALL_ID) != 0)
		i = (i + 1) & t->mask;
	return i;
}

/// Twice as many slots: half of them are always free.
static void widen(struct sp_open_calls *t)
{
	struct sp_open_call *old = t->slot;
	uint32_t n = t->mask + 1;

	t->slot = t->other;
	t->mask = 2 * t->mask + 1;
	for (uint32_t i = 0; i < n; i++)
		if (old[i].seq)
			t->slot[find(t, old[i].call)] = old[i];
	memset(old, 0, (size_t)n * sizeof(*old));
	t->other = old;
}

void sp_open_calls_add(struct sp_open_calls *t, const struct sp_open_call *c)
{
	uint32_t i = find(t, c->call);

	if (t->slot[i].seq == 0) {
		if (t->used >= t->most) {
			t->untracked++;
			return;
		}
		t->used++;
		if (2 * t->used > t->mask && t->mask < t->mask_most) {
			t->slot[i] = *c;
			widen(t);
			return;
		}
	} else if (t->slot[i].worker != c->worker) {
		return;
	}
	t->slot[i] = *c;
}

void sp_open_calls_close(
	struct sp_open_calls *t, const uint8_t call[SP_CALL_ID], uint32_t worker)
{
	uint32_t i = find(t, call), j;

	if (t->slot[i].seq == 0 || (worker != SP_FRAME_OWN && worker != t->slot[i].worker))
		return;
	t->used--;
	// Close the gap, so that no search ends too soon.
	for (j = (i + 1) & t->mask; t->slot[j].seq; j = (j + 1) & t->mask) {
		uint32_t h = home(t, t->slot[j].call);

		if (((j - h) & t->mask) >= ((j - i) & t->mask)) {
			t->slot[i] = t->slot[j];
			i = j;
		}
	}
	t->slot[i] = (struct sp_open_call){0};
}

const struct sp_open_call *sp_open_calls_next(const struct sp_open_calls *t, uint32_t *i)
{
	while (*i <= t->mask) {
		const struct sp_open_call *c = &t->slot[(*i)++];

		if (c->seq)
			return c;
	}
	return NULL;
}
