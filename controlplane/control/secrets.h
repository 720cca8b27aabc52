/// Certificates and keys for the workers: read from files, checked, written into the half of the
/// secrets region no worker uses. Control's one thread.
#pragma once

#include "common/shm.h"
#include "config/gateway.h"
#include "controlplane/control/keys.h"

/// PEM texts of one configuration, checked: each key belongs to its certificate. Heap.
struct sp_tls_files;
/// Read and check them all. -EBADMSG with every problem in `check`, -ENOMEM.
SP_MUST_CHECK int sp_tls_files_read(
	const struct sp_gateway *g, struct sp_check *check, struct sp_tls_files **ret);
/// -EBADMSG with a problem in `check` when a half of so many bytes has no room for them.
SP_MUST_CHECK int sp_tls_files_room(
	const struct sp_tls_files *f, const struct sp_gateway *g, uint64_t bytes, struct sp_check *check);
struct sp_tls_files *sp_tls_files_free(struct sp_tls_files *f); ///< wiped
/// Days until the first certificate ends; INT_MAX when there is none.
int sp_tls_files_days_left(const struct sp_tls_files *f, uint64_t wall_ns);

struct sp_secrets {
	struct sp_root *root;
	struct sp_secrets_region *region;
	struct sp_shm shm;
};
SP_MUST_CHECK int sp_secrets_init(
	struct sp_secrets *s, struct sp_root *root, const struct sp_shm *region);
/// The half in force, or NULL.
const struct sp_secrets_half *sp_secrets_current(const struct sp_secrets *s);
/// Put them in force: 0, 1 when nothing differs from what is, -EFBIG, or -EBUSY while a worker has
/// not taken up the half before (try again later). Nobody is woken here.
SP_MUST_CHECK int sp_secrets_publish(
	struct sp_secrets *s, const struct sp_tls_files *f, const struct sp_keys *k);
