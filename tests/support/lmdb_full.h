/// LMDB on a disk that takes nothing while `disk_full` is set. Included once by a test, whose own mdb_txn_commit() it
/// is.
#pragma once

#include <dlfcn.h>
#include <errno.h>
#include <lmdb.h>
#include <stdbool.h>

static bool disk_full;

int mdb_txn_commit(MDB_txn *t)
{
	int (*real)(MDB_txn *);

	*(void **)&real = dlsym(RTLD_NEXT, __func__);
	if (!disk_full)
		return real(t);
	mdb_txn_abort(t);
	return ENOSPC;
}
