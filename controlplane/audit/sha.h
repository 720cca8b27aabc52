/// SHA-256 of a few short pieces. The low-level calls of libcrypto: an EVP digest of so little costs
/// twice as much, and audit does three a record. Any process, never fails.
#pragma once

#include "common/bytes.h"

#define SP_SHA256 32u

void sp_sha256(const struct sp_bytes *piece, unsigned n, uint8_t ret[SP_SHA256]);
