#include "dataplane/identity/failures.h"

#include "common/clock.h"
#include "config/snapshot.h"
#include "common/banned.h"

#define SETS 1024u
#define WAYS 4u
#define WINDOW_NS (60 * SP_NS_PER_SEC)

struct entry {
	uint8_t key[SP_FAILURES_KEY];
	uint64_t since_ns; ///< of the window; boot time
	uint32_t n;        ///< 0 = empty
};
struct sp_failures {
	uint32_t per_minute;
	struct entry entry[SETS][WAYS];
};

int sp_failures_new(uint32_t per_minute, struct sp_failures **ret)
{
	struct sp_failures *f = calloc(1, sizeof(*f));

	if (!f)
		return -ENOMEM;
	f->per_minute = per_minute;
	*ret = f;
	return 0;
}

struct sp_failures *sp_failures_free(struct sp_failures *f)
{
	free(f);
	return NULL;
}

static unsigned set_of(const uint8_t key[SP_FAILURES_KEY])
{
	uint64_t h = sp_snap_hash(sp_bytes(key, SP_FAILURES_KEY));

	return (unsigned)((h ^ h >> 32) % SETS);
}

static bool over(const struct entry *e, uint64_t now_ns)
{
	return e->n == 0 || now_ns - e->since_ns >= WINDOW_NS;
}

bool sp_failures_may(const struct sp_failures *f, const uint8_t key[SP_FAILURES_KEY], uint64_t now_ns,
	uint64_t *ret_retry_ms)
{
	const struct entry *set = f->entry[set_of(key)];

	if (f->per_minute == 0)
		return true;
	for (unsigned i = 0; i < WAYS; i++) {
		if (memcmp(set[i].key, key, SP_FAILURES_KEY) != 0 || over(&set[i], now_ns) ||
			set[i].n < f->per_minute)
			continue;
		*ret_retry_ms = (set[i].since_ns + WINDOW_NS - now_ns) / SP_NS_PER_MS + 1;
		return false;
	}
	return true;
}

void sp_failures_add(struct sp_failures *f, const uint8_t key[SP_FAILURES_KEY], uint64_t now_ns)
{
	struct entry *set = f->entry[set_of(key)], *at = set;

	for (unsigned i = 0; i < WAYS; i++) {
		if (!over(&set[i], now_ns) && memcmp(set[i].key, key, SP_FAILURES_KEY) == 0) {
			set[i].n++;
			return;
		}
		if (!over(at, now_ns) && (over(&set[i], now_ns) || set[i].since_ns < at->since_ns))
			at = &set[i];
	}
	*at = (struct entry){.since_ns = now_ns, .n = 1};
	memcpy(at->key, key, SP_FAILURES_KEY);
}
