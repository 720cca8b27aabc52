#include "bench/load_hist.h"
#include "common/banned.h"

static uint32_t slot_of(uint64_t v)
{
	unsigned shift;

	if (v < 2 * HIST_HALF)
		return (uint32_t)v;
	shift = 63 - 10 - (unsigned)__builtin_clzll(v);
	return (shift + 1) * HIST_HALF + (uint32_t)(v >> shift) - HIST_HALF;
}

static uint64_t upper_of(uint32_t slot)
{
	unsigned shift;

	if (slot < 2 * HIST_HALF)
		return slot;
	shift = slot / HIST_HALF - 1;
	return (((uint64_t)(slot % HIST_HALF) + HIST_HALF + 1) << shift) - 1;
}

void hist_add(struct hist *h, uint64_t v)
{
	h->slot[slot_of(v)]++;
	h->n++;
	h->sum += v;
	h->max = sp_max(h->max, v);
}

void hist_merge(struct hist *to, const struct hist *from)
{
	for (uint32_t i = 0; i < HIST_SLOTS; i++)
		to->slot[i] += from->slot[i];
	to->n += from->n;
	to->sum += from->sum;
	to->max = sp_max(to->max, from->max);
}

uint64_t hist_at(const struct hist *h, double share)
{
	uint64_t want = (uint64_t)(share * (double)h->n + 0.999999), seen = 0;

	if (!h->n)
		return 0;
	want = sp_max(want, (uint64_t)1);
	for (uint32_t i = 0; i < HIST_SLOTS; i++) {
		seen += h->slot[i];
		if (seen >= want)
			return sp_min(upper_of(i), h->max);
	}
	return h->max;
}
