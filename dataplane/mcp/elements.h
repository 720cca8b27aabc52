/// The elements of a JSON array that was scanned before, one after another, without an index. Pure.
#pragma once

#include "common/bytes.h"

/// The element that begins at or behind `at` in `array` (with its brackets; *at is 0 at first): true, its bytes and
/// where to go on. False at the end. Of text that is no valid array the answers mean nothing, but stay within it.
bool sp_elements_next(struct sp_bytes array, size_t *at, struct sp_bytes *ret);
