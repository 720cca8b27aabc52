/// OpenSSL's memory. For every record it takes and gives back a buffer and a few small blocks, the same sizes each
/// time: those wait for the next record, all else goes to the allocator. A record is decrypted in its buffer, so what
/// a peer filled of that is wiped before it waits.
#include "dataplane/tls/private.h"

#include <malloc.h>
#include <openssl/crypto.h>
#include <sys/mman.h>
#include "common/banned.h"

#define SMALL_LEAST 32u ///< a length being written, four a record: asked for with more than this
#define SMALL 48u	///< and with at most this
#define SMALLS 512u	///< there are places for
#define RECORD_LEAST 16384u
#define RECORD 20480u
#define RECORDS 64u
#define PLACES ((size_t)RECORDS * RECORD)
#define ALL (PLACES + (size_t)SMALLS * SMALL)
_Static_assert(SP_TLS_MEMORY_MAX == ALL, "what tls.h promises");

struct block {
	struct block *next;
};

/// Blocks of one size, which wait here or were never used: those take no memory.
struct shelf {
	struct block *free;
	uint32_t free_n, begun;
};

static struct {
	struct shelf record, small;
	uint8_t *places; ///< of records, then of small blocks; NULL before sp_tls_memory()
	bool outside;	 ///< there was no place for a record at least once
	uint32_t filled[RECORDS]; ///< bytes of a place that a peer's hold
} kept;

/// Where a block lies within the places; what comes from the allocator is beyond all of them.
static size_t place(const void *p)
{
	return (size_t)((uintptr_t)p - (uintptr_t)kept.places);
}

static void *take_place(struct shelf *s, uint8_t *first, size_t each, uint32_t n)
{
	struct block *b = s->free;

	if (!b)
		return s->begun < n ? first + s->begun++ * each : NULL;
	s->free = b->next;
	s->free_n--;
	return b;
}

static void give_place(struct shelf *s, void *p)
{
	struct block *b = p;

	b->next = s->free;
	s->free = b;
	s->free_n++;
}

static void *take(size_t n, const char *file, int line)
{
	void *p = NULL;

	(void)file;
	(void)line;
	if (n > RECORD_LEAST && n <= RECORD) {
		p = take_place(&kept.record, kept.places, RECORD, RECORDS);
		n = RECORD;
		kept.outside = kept.outside || !p;
	} else if (n > SMALL_LEAST && n <= SMALL) {
		p = take_place(&kept.small, kept.places + PLACES, SMALL, SMALLS);
	}
	return p ? p : malloc(n);
}

/// To the allocator. Asking it for a size takes longer than all else here: only where it may be a record's.
static void give_allocated(void *p)
{
	size_t usable = kept.outside ? malloc_usable_size(p) : 0;

	if (usable >= RECORD && usable < RECORD + RECORD / 8)
		sp_wipe(p, usable);
	free(p);
}

static void give(void *p, const char *file, int line)
{
	size_t at = place(p);

	(void)file;
	(void)line;
	if (at < PLACES) {
		sp_wipe(p, kept.filled[at / RECORD]);
		kept.filled[at / RECORD] = 0;
		give_place(&kept.record, p);
	} else if (at < ALL) {
		give_place(&kept.small, p);
	} else if (p) {
		give_allocated(p);
	}
}

static void *resize(void *p, size_t n, const char *file, int line)
{
	size_t at = place(p), had = at < PLACES ? RECORD : SMALL;
	void *to;

	if (!p || at >= ALL)
		return realloc(p, n);
	if (n && n <= had)
		return p;
	to = n ? malloc(n) : NULL;
	if (to)
		memcpy(to, p, had);
	if (to || !n)
		give(p, file, line);
	return to;
}

void tls_memory_filled(const void *p, size_t n)
{
	size_t at = place(p);
	uint32_t *filled, end;

	if (at >= PLACES)
		return;
	filled = &kept.filled[at / RECORD];
	end = (uint32_t)sp_min(at % RECORD + n, (size_t)RECORD);
	*filled = sp_max(*filled, end);
}

int sp_tls_memory(void)
{
	void *p = mmap(NULL, ALL, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);

	if (p == MAP_FAILED)
		return -errno;
	kept.places = p;
	if (CRYPTO_set_mem_functions(take, resize, give) == 1)
		return 0;
	kept.places = NULL;
	munmap(p, ALL);
	return -EBUSY;
}

size_t sp_tls_memory_kept(void)
{
	return kept.small.free_n * (size_t)SMALL + kept.record.free_n * (size_t)RECORD;
}
