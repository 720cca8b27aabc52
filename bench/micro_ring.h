/// Cost of carrying one audit record from a worker to the audit writer.
#pragma once

/// Median nanoseconds a 300-byte record takes to be reserved, written, published, looked at and
/// released, producer and consumer on threads of their own; negative when it could not be measured.
double sp_bench_ring_ns(void);
