/// Signed checkpoints of the journal's Merkle tree: who has one, and the public key, can prove later
/// that no record up to its size was changed or removed, whoever holds the files.
/// Form: C2SP tlog-checkpoint, a signed note with an Ed25519 signature (c2sp.org/tlog-checkpoint,
/// c2sp.org/signed-note). In the store's folder: `checkpoint` the newest one, `checkpoint.pub` the
/// verifier key, `checkpoint.key` the private key (made on first start).
#pragma once

#include "controlplane/audit/merkle.h"

#define SP_CHECKPOINT_FILE "checkpoint"
#define SP_CHECKPOINT_PUB "checkpoint.pub"
#define SP_CHECKPOINT_KEY "checkpoint.key"
#define SP_CHECKPOINT_MAX 1024u

struct sp_signer; ///< heap; holds the private key

/// Read or make the key in folder `dir`. -EBADMSG a key file that is none.
SP_MUST_CHECK int sp_signer_new(int dir, const uint8_t store_id[16], struct sp_signer **ret);
void sp_signer_free(struct sp_signer *s);
/// The note for a tree; -ENOSPC.
SP_MUST_CHECK int sp_signer_note(
	struct sp_signer *s, uint64_t size, const uint8_t root[SP_SHA256], struct sp_out *out);
/// Replace the newest checkpoint in `dir`.
SP_MUST_CHECK int sp_signer_publish(
	struct sp_signer *s, int dir, uint64_t size, const uint8_t root[SP_SHA256]);

struct sp_checkpoint {
	uint64_t size;
	uint8_t root[SP_SHA256];
};
/// Read a note and check its signature by the verifier key `vkey` (name+hash+key, one line). Pure.
/// -EBADMSG no such note or key, -EKEYREJECTED not signed by it.
SP_MUST_CHECK int sp_checkpoint_read(
	struct sp_bytes note, struct sp_bytes vkey, struct sp_checkpoint *ret);
/// The newest checkpoint of folder `dir`, by the verifier key in `key_dir`/`key_name`. -ENOENT without one.
SP_MUST_CHECK int sp_checkpoint_load(
	int dir, int key_dir, const char *key_name, struct sp_checkpoint *ret);
