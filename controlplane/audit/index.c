#include "controlplane/audit/index.h"

#include "common/plan.h"

#include <fcntl.h>
#include <lmdb.h>
#include <stdio.h>
#include <sys/stat.h>
#include "common/banned.h"

#define LOCK_BYTES 16384 ///< more than LMDB asks for
#define MAP_BYTES (64ull << 30)

struct meta {
	uint32_t version, reserved;
	uint8_t store_id[16];
};

struct sp_index {
	MDB_env *env;
	MDB_txn *txn; ///< blocks that became full since the last flush, and are nowhere else; NULL = none
	MDB_dbi blocks, metas;
	struct sp_block_builder *builder;
	uint64_t first, next; ///< `first`: where the journal begins
	uint32_t n; ///< entries of the open block
	uint32_t pending; ///< blocks in txn
	struct sp_feed_entry entry[SP_BLOCK_RECORDS];
	alignas(8) uint8_t copy[SP_BLOCK_BYTES_MAX];
};

/// LMDB gives small values at any even address.
static int open_block(struct sp_index *x, const MDB_val *v, struct sp_block *ret)
{
	struct sp_bytes b = sp_bytes(v->mv_data, v->mv_size);

	if ((uintptr_t)b.p % 8 != 0) {
		if (b.n > sizeof(x->copy))
			return -EBADMSG;
		memcpy(x->copy, b.p, b.n);
		b.p = x->copy;
	}
	return sp_block_open(b, ret);
}

/// LMDB's own codes are below its base; the rest are errno values. -EUCLEAN: its files are not what it wrote.
static int err_of(int r)
{
	if (r == 0)
		return 0;
	if (r > 0)
		return -r;
	return r == MDB_MAP_FULL ? -ENOSPC : r == MDB_NOTFOUND ? -ENOENT : -EUCLEAN;
}
#define TRY_MDB(expr) SP_TRY(err_of(expr))

static MDB_val key_of(uint64_t *seq)
{
	return (MDB_val){sizeof(*seq), seq};
}

static bool same_store(struct sp_index *x, MDB_txn *t, const uint8_t store_id[16])
{
	uint64_t zero = 0;
	MDB_val k = key_of(&zero), v;
	struct meta m;

	if (mdb_get(t, x->metas, &k, &v) != 0 || v.mv_size != sizeof(m))
		return false;
	memcpy(&m, v.mv_data, sizeof(m));
	return m.version == SP_BLOCK_VERSION && memcmp(m.store_id, store_id, 16) == 0;
}

/// The first record not indexed, taking the last block as open when it is not full. 0 = none usable.
static uint64_t resume(struct sp_index *x, MDB_txn *t, uint64_t last_seq)
{
	struct sp_block b;
	MDB_cursor *c;
	MDB_val k, v;
	uint64_t next = 0;

	if (mdb_cursor_open(t, x->blocks, &c) != 0)
		return 0;
	if (mdb_cursor_get(c, &k, &v, MDB_LAST) == 0 &&
		open_block(x, &v, &b) == 0 &&
		b.head.first_seq + b.head.n - 1 <= last_seq)
		next = b.head.n < SP_BLOCK_RECORDS ? b.head.first_seq : b.head.first_seq + b.head.n;
	mdb_cursor_close(c);
	return next;
}

static int empty_it(struct sp_index *x, MDB_txn *t, const uint8_t store_id[16])
{
	struct meta m = {.version = SP_BLOCK_VERSION};
	uint64_t zero = 0;
	MDB_val k = key_of(&zero), v = {sizeof(m), &m};

	memcpy(m.store_id, store_id, sizeof(m.store_id));
	TRY_MDB(mdb_drop(t, x->blocks, 0));
	return err_of(mdb_put(t, x->metas, &k, &v, 0));
}

static int set_up(struct sp_index *x, const uint8_t store_id[16], uint64_t first_seq, uint64_t last_seq)
{
	MDB_txn *t;
	int err;

	TRY_MDB(mdb_txn_begin(x->env, NULL, 0, &t));
	err = err_of(mdb_dbi_open(t, "blocks", MDB_CREATE | MDB_INTEGERKEY, &x->blocks));
	if (!err)
		err = err_of(mdb_dbi_open(t, "meta", MDB_CREATE | MDB_INTEGERKEY, &x->metas));
	x->first = first_seq;
	if (!err && same_store(x, t, store_id))
		x->next = resume(x, t, last_seq);
	if (!err && x->next < first_seq) {
		err = empty_it(x, t, store_id);
		x->next = first_seq;
	}
	if (err) {
		mdb_txn_abort(t);
		return err;
	}
	return err_of(mdb_txn_commit(t));
}

/// LMDB writes its lock file through a mapping: on a full disk a hole in it would end the process, so there is none.
static int fill_lock_file(const char *path)
{
	char name[SP_PATH_MAX + 32];
	SP_AUTO_FD fd = -1;

	snprintf(name, sizeof(name), "%s/lock.mdb", path);
	fd = open(name, O_RDWR | O_CREAT | O_CLOEXEC, 0600);
	return fd < 0 ? -errno : -posix_fallocate(fd, 0, LOCK_BYTES);
}

static int open_env(struct sp_index *x, const char *path)
{
	if (mkdir(path, 0700) < 0 && errno != EEXIST)
		return -errno;
	SP_TRY(fill_lock_file(path));
	TRY_MDB(mdb_env_create(&x->env));
	TRY_MDB(mdb_env_set_mapsize(x->env, MAP_BYTES));
	TRY_MDB(mdb_env_set_maxdbs(x->env, 4));
	// A crash may undo the last commit, which is then read from the journal again; it spoils nothing.
	return err_of(mdb_env_open(x->env, path, MDB_NORDAHEAD | MDB_NOMETASYNC, 0600));
}

static int open_once(const char *path, const uint8_t store_id[16], uint64_t first_seq,
	uint64_t last_seq, struct sp_index **ret)
{
	struct sp_index *x = calloc(1, sizeof(*x));
	int err;

	if (!x)
		return -ENOMEM;
	err = sp_block_builder_new(&x->builder);
	if (!err)
		err = open_env(x, path);
	if (!err)
		err = set_up(x, store_id, first_seq, last_seq);
	if (err) {
		sp_index_close(x);
		return err;
	}
	*ret = x;
	return 0;
}

int sp_index_remove(const char *path)
{
	static const char *const names[] = {"data.mdb", "lock.mdb"};
	SP_AUTO_FD dir = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC | O_NOFOLLOW);

	if (dir < 0)
		return -errno;
	for (size_t i = 0; i < SP_ARRAY_LEN(names); i++)
		if (unlinkat(dir, names[i], 0) < 0 && errno != ENOENT)
			return -errno;
	return 0;
}

int sp_index_open(const char *path, const uint8_t store_id[16], uint64_t first_seq,
	uint64_t last_seq, struct sp_index **ret)
{
	int err = open_once(path, store_id, first_seq, last_seq, ret);

	if (err != -EUCLEAN)
		return err;
	SP_TRY(sp_index_remove(path));
	return open_once(path, store_id, first_seq, last_seq, ret);
}

void sp_index_close(struct sp_index *x)
{
	if (x->txn)
		(void)mdb_txn_commit(x->txn); // what is missing is read from the journal
	if (x->env)
		mdb_env_close(x->env);
	sp_block_builder_free(x->builder);
	free(x);
}

uint64_t sp_index_next(const struct sp_index *x)
{
	return x->next;
}

/// The blocks since the last flush are lost: go on behind what is written, as after a start.
static int fall_back(struct sp_index *x, int err)
{
	MDB_txn *t;

	if (x->txn)
		mdb_txn_abort(x->txn);
	x->txn = NULL;
	x->pending = 0;
	if (mdb_txn_begin(x->env, NULL, MDB_RDONLY, &t) != 0)
		return -EUCLEAN; // nobody knows what it lacks
	x->next = sp_max(resume(x, t, UINT64_MAX), x->first);
	x->n = 0;
	mdb_txn_abort(t);
	return err;
}

static int put_block(struct sp_index *x)
{
	struct sp_bytes b = sp_block_build(x->builder, x->entry, x->n);
	uint64_t seq = x->entry[0].seq;
	MDB_val k = key_of(&seq), v = {b.n, (void *)b.p};

	if (!x->txn)
		TRY_MDB(mdb_txn_begin(x->env, NULL, 0, &x->txn));
	x->pending++;
	return err_of(mdb_put(x->txn, x->blocks, &k, &v, 0));
}

int sp_index_flush(struct sp_index *x)
{
	int err = x->txn ? err_of(mdb_txn_commit(x->txn)) : 0;

	x->txn = NULL;
	x->pending = 0;
	return err ? fall_back(x, err) : 0;
}

uint32_t sp_index_pending(const struct sp_index *x)
{
	return x->pending;
}

int sp_index_add(struct sp_index *x, const struct sp_feed_entry *e)
{
	int err;

	SP_BUG_IF(e->seq != x->next);
	x->entry[x->n++] = *e;
	x->next++;
	if (x->n < SP_BLOCK_RECORDS)
		return 0;
	err = put_block(x);
	x->n = 0;
	return err ? fall_back(x, err) : 0;
}

int sp_index_drop_before(struct sp_index *x, uint64_t seq)
{
	MDB_cursor *c;
	MDB_val k, v;
	MDB_txn *t;
	int r;

	x->first = sp_max(x->first, seq); // whatever becomes of the rest, they are not wanted again
	SP_TRY(sp_index_flush(x));
	TRY_MDB(mdb_txn_begin(x->env, NULL, 0, &t));
	r = mdb_cursor_open(t, x->blocks, &c);
	if (r) {
		mdb_txn_abort(t);
		return err_of(r);
	}
	for (r = mdb_cursor_get(c, &k, &v, MDB_FIRST); r == 0;
		r = mdb_cursor_get(c, &k, &v, MDB_NEXT)) {
		struct sp_block b;

		if (open_block(x, &v, &b) == 0 &&
			b.head.first_seq + b.head.n > seq)
			break;
		r = mdb_cursor_del(c, 0);
		if (r)
			break;
	}
	mdb_cursor_close(c);
	return err_of(mdb_txn_commit(t));
}

/// Set the cursor on the block that holds `seq`, or the nearest one in the direction.
static int seek(MDB_cursor *c, uint64_t seq, bool down, MDB_val *k, MDB_val *v)
{
	uint64_t first;
	int r;

	*k = key_of(&seq);
	r = mdb_cursor_get(c, k, v, MDB_SET_RANGE);
	if (r == 0) {
		memcpy(&first, k->mv_data, sizeof(first));
		if (first == seq)
			return 0;
		r = mdb_cursor_get(c, k, v, MDB_PREV);
		if (r == MDB_NOTFOUND && !down)
			r = mdb_cursor_get(c, k, v, MDB_FIRST);
		return r;
	}
	return r == MDB_NOTFOUND ? mdb_cursor_get(c, k, v, MDB_LAST) : r;
}

/// The open block as it is in memory; one of an older form may be written of it.
static bool walk_open(struct sp_index *x, sp_index_each each, void *ctx)
{
	struct sp_block b;

	return sp_block_open(sp_block_build(x->builder, x->entry, x->n), &b) < 0 || each(ctx, &b);
}

/// *ret_more = the caller wants more.
static int walk_written(struct sp_index *x, MDB_cursor *c, uint64_t seq, bool down, uint64_t but,
	sp_index_each each, void *ctx, bool *ret_more)
{
	MDB_val k, v;
	int r;

	for (r = seek(c, seq, down, &k, &v); r == 0;
		r = mdb_cursor_get(c, &k, &v, down ? MDB_PREV : MDB_NEXT)) {
		struct sp_block b;

		SP_TRY(open_block(x, &v, &b));
		if (b.head.first_seq == but)
			continue;
		*ret_more = each(ctx, &b);
		if (!*ret_more)
			return 0;
	}
	return r == MDB_NOTFOUND ? 0 : err_of(r);
}

int sp_index_walk(struct sp_index *x, uint64_t seq, bool down, sp_index_each each, void *ctx)
{
	bool open = x->n > 0, more = true;
	MDB_txn *t = x->txn; // sees what is in it
	MDB_cursor *c;
	int r;

	if (open && down && !walk_open(x, each, ctx))
		return 0;
	if (!t)
		TRY_MDB(mdb_txn_begin(x->env, NULL, MDB_RDONLY, &t));
	r = err_of(mdb_cursor_open(t, x->blocks, &c));
	if (r == 0) {
		r = walk_written(x, c, seq, down, open ? x->entry[0].seq : 0, each, ctx, &more);
		mdb_cursor_close(c);
	}
	if (!x->txn)
		mdb_txn_abort(t);
	if (open && !down && more && r == 0)
		(void)walk_open(x, each, ctx);
	return r;
}
