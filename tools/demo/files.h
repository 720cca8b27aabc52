/// Whole small files, for the subcommands that write a demo's folder.
#pragma once

#include "common/bytes.h"

/// Create or replace `dir`/`name` with `mode`. Says what failed on standard error.
SP_MUST_CHECK int demo_file_write(const char *dir, const char *name, struct sp_bytes text, unsigned mode);
/// The whole file with a NUL behind it, from malloc(); NULL and a message when it cannot be read.
char *demo_file_read(const char *path);
/// Create a folder (its parent must exist); an existing one is fine.
SP_MUST_CHECK int demo_folder(const char *path);
