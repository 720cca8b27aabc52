/// Cost of understanding one message: the strict scan of its JSON, repeated keys sought, and its
/// envelope.
#pragma once

/// Median microseconds a KiB over rounds of a mix of tools/call frames of 300 bytes to 8 KiB, both
/// eras, made from shared/corpora/tool-calls.jsonl ($SP_SHARED or ../shared), or from built-in
/// samples when it is absent; negative when a frame was refused.
double sp_bench_frame_us_per_kib(void);
