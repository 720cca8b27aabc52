/// SHA-256 of short inputs. The low-level calls of libcrypto: a one-shot digest fetches its algorithm anew each
/// time, which costs five times what hashing so little does. Any process, never blocks, never fails.
#pragma once

#include "common/bytes.h"

#define SP_SHA256 32u

/// Of `n` pieces, one behind the other.
void sp_sha256(const struct sp_bytes *piece, unsigned n, uint8_t ret[SP_SHA256]);
void sp_sha256_of(struct sp_bytes b, uint8_t ret[SP_SHA256]);
