/// What writes the parts of a snapshot: strings, tables, lists and indexes into one growing blob. Sticky failure:
/// after an error writes are dropped; look at sp_snap_put_err() at the end. Control process, tools, tests.
#pragma once

#include "config/blob.h"
#include "config/snapshot.h"

struct sp_snap_put_seen {
	uint32_t *slot; ///< number of a run + 1
	uint32_t mask, n, cap;
	struct sp_snap_str *run;
};
struct sp_snap_put {
	struct sp_blob blob;
	int err; ///< first -EINVAL
	struct sp_snap_put_seen strs, lists; ///< runs written once, whoever names them
	alignas(8) uint8_t scrap[1024]; ///< what is written to after the blob failed
};

/// Room for the header is taken at once.
void sp_snap_put_init(struct sp_snap_put *p);
void sp_snap_put_done(struct sp_snap_put *p);
/// Something of the input cannot be.
void sp_snap_put_refuse(struct sp_snap_put *p);
int sp_snap_put_err(const struct sp_snap_put *p);

struct sp_snap_str sp_snap_put_str(struct sp_snap_put *p, struct sp_bytes s);
/// The same text lies there once.
struct sp_snap_str sp_snap_put_once(struct sp_snap_put *p, struct sp_bytes s);
struct sp_snap_table sp_snap_put_table(struct sp_snap_put *p, uint32_t n, size_t size);
/// The same on a cache line: entries are whole rows.
struct sp_snap_table sp_snap_put_rows(struct sp_snap_put *p, uint32_t n, size_t size);
/// Entry `i` of a table for writing; moves when the blob grows. `size` is at most that of the scrap.
void *sp_snap_put_entry(struct sp_snap_put *p, struct sp_snap_table t, uint32_t i, size_t size);
/// Numbers; the same list lies there once.
struct sp_snap_table sp_snap_put_list(struct sp_snap_put *p, const uint32_t *v, uint32_t n);
/// Index over the names that open the entries of `t`, at most half full; a name twice refuses.
struct sp_snap_index sp_snap_put_index(struct sp_snap_put *p, struct sp_snap_table t, size_t size);
/// Room for an index of so many entries, at most half full, a slot of `size` bytes; empty.
struct sp_snap_index sp_snap_put_index_room(struct sp_snap_put *p, uint32_t entries, size_t size);
