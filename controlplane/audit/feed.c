#include "controlplane/audit/feed.h"

#include <sys/eventfd.h>
#include "common/banned.h"

static uint32_t mix(uint64_t h)
{
	uint32_t short_one;

	h ^= h >> 32;
	h *= 0xd6e8feb86659fd93ull;
	h ^= h >> 32;
	h *= 0xd6e8feb86659fd93ull;
	short_one = (uint32_t)(h >> 32);
	return short_one ? short_one : 1;
}

uint32_t sp_dim_hash_u(uint64_t v)
{
	return mix(v + 0x9e3779b97f4a7c15ull);
}

/// What is left of `all` bytes as a little-endian number: with more before it, out of the last eight.
static uint64_t rest(struct sp_bytes b, size_t all)
{
	uint64_t w = 0;

	if (all >= sizeof(w)) {
		memcpy(&w, b.p + b.n - sizeof(w), sizeof(w));
		return w >> 8 * (sizeof(w) - b.n);
	}
	for (size_t i = 0; i < b.n; i++)
		w |= (uint64_t)b.p[i] << 8 * i;
	return w;
}

/// Collisions cost a look at one record more: what is found is compared with what was asked.
static inline __attribute__((always_inline)) uint32_t hash_bytes(struct sp_bytes b)
{
	uint64_t h = b.n * 0x9e3779b97f4a7c15ull, w;
	size_t all = b.n;

	for (; b.n >= sizeof(w); b.p += sizeof(w), b.n -= sizeof(w)) {
		memcpy(&w, b.p, sizeof(w));
		h = (h ^ w) * 0xff51afd7ed558ccdull;
		h ^= h >> 29;
	}
	if (b.n) {
		w = rest(b, all);
		h = (h ^ w) * 0xff51afd7ed558ccdull;
		h ^= h >> 29;
	}
	return mix(h);
}

uint32_t sp_dim_hash_bytes(struct sp_bytes b)
{
	return hash_bytes(b);
}

static inline __attribute__((always_inline)) uint32_t dim_hash(
	const struct sp_record *r, enum sp_dim d, enum sp_record_field f)
{
	if (!sp_record_has(r, f))
		return 0;
	return sp_dim_is_number(d) ? sp_dim_hash_of(d, r->u[f]) : hash_bytes(r->b[f]);
}

void sp_feed_entry_fill(const struct sp_record *r, struct sp_feed_entry *ret)
{
	ret->time_ns = sp_record_has(r, SP_F_TIME) ? r->u[SP_F_TIME] : 0;
#define X(sym) ret->hash[SP_DIM_##sym] = dim_hash(r, SP_DIM_##sym, SP_F_##sym);
	SP_DIMS(X)
#undef X
}

int sp_feed_init(struct sp_feed *f, int writer_event)
{
	*f = (struct sp_feed){.writer_event = writer_event, .wake_at = SP_FEED_WAKE};
	pthread_mutex_init(&f->lock, NULL);
	f->event = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	if (f->event < 0)
		return -errno;
	f->entry = malloc(SP_FEED_ENTRIES * sizeof(*f->entry));
	if (!f->entry) {
		sp_close_fd(&f->event);
		return -ENOMEM;
	}
	return 0;
}

void sp_feed_done(struct sp_feed *f)
{
	sp_close_fd(&f->event);
	free(f->entry);
	f->entry = NULL;
	pthread_mutex_destroy(&f->lock);
}

static void wake(int fd)
{
	uint64_t one = 1;

	// Full means that a wake is already on its way.
	(void)!write(fd, &one, sizeof(one));
}

void sp_feed_put(struct sp_feed *f, const struct sp_feed_entry *e, uint32_t n, uint64_t durable_seq)
{
	bool enough;

	pthread_mutex_lock(&f->lock);
	atomic_store(&f->durable_seq, durable_seq);
	enough = f->entries < f->wake_at && f->entries + n >= f->wake_at;
	if (n <= SP_FEED_ENTRIES - f->entries) {
		if (n)
			memcpy(f->entry + f->entries, e, n * sizeof(*e));
		f->entries += n;
	}
	pthread_mutex_unlock(&f->lock);
	if (enough)
		wake(f->event);
}

void sp_feed_wake_at(struct sp_feed *f, uint32_t entries)
{
	bool enough;

	pthread_mutex_lock(&f->lock);
	enough = entries < f->wake_at && f->entries >= entries;
	f->wake_at = entries;
	pthread_mutex_unlock(&f->lock);
	if (enough)
		wake(f->event);
}

uint32_t sp_feed_acts(struct sp_feed *f, struct sp_feed_act *ret, uint32_t max)
{
	uint32_t n;

	pthread_mutex_lock(&f->lock);
	n = sp_min(f->acts, max);
	if (n) {
		memcpy(ret, f->act, n * sizeof(*ret));
		f->acts -= n;
		memmove(f->act, f->act + n, f->acts * sizeof(*ret));
	}
	pthread_mutex_unlock(&f->lock);
	return n;
}

void sp_feed_tree(struct sp_feed *f, uint64_t size, const uint8_t root[SP_SHA256])
{
	bool news;

	pthread_mutex_lock(&f->lock);
	news = f->tree_size != size;
	f->tree_size = size;
	memcpy(f->tree_root, root, SP_SHA256);
	pthread_mutex_unlock(&f->lock);
	if (news)
		wake(f->event);
}

uint64_t sp_feed_take_tree(struct sp_feed *f, uint8_t root[SP_SHA256])
{
	uint64_t size;

	pthread_mutex_lock(&f->lock);
	size = f->tree_size;
	memcpy(root, f->tree_root, SP_SHA256);
	pthread_mutex_unlock(&f->lock);
	return size;
}

void sp_feed_leave(struct sp_feed *f)
{
	atomic_store(&f->leaving, true);
	wake(f->event);
}

uint32_t sp_feed_take(struct sp_feed *f, struct sp_feed_entry **e, uint64_t *ret_durable)
{
	struct sp_feed_entry *come;
	uint32_t n;

	pthread_mutex_lock(&f->lock);
	n = f->entries;
	come = f->entry;
	f->entry = *e;
	f->entries = 0;
	*ret_durable = atomic_load(&f->durable_seq);
	pthread_mutex_unlock(&f->lock);
	*e = come;
	return n;
}

bool sp_feed_act_room(struct sp_feed *f)
{
	bool room;

	pthread_mutex_lock(&f->lock);
	room = f->acts < SP_FEED_ACTS;
	pthread_mutex_unlock(&f->lock);
	return room;
}

int sp_feed_act(struct sp_feed *f, struct sp_bytes record)
{
	int err = -EBUSY;

	pthread_mutex_lock(&f->lock);
	if (record.n > sizeof(f->act[0].record)) {
		err = -EMSGSIZE;
	} else if (f->acts < SP_FEED_ACTS) {
		struct sp_feed_act *a = &f->act[f->acts++];

		a->len = (uint32_t)record.n;
		memcpy(a->record, record.p, record.n);
		err = 0;
	}
	pthread_mutex_unlock(&f->lock);
	if (!err)
		wake(f->writer_event);
	return err;
}
