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
#define SMALLS 512u	///< to be kept
#define RECORD_LEAST 16384u
#define RECORD 20480u
#define RECORDS 64u
#define PLACES ((size_t)RECORDS * RECORD)
_Static_assert(SP_TLS_MEMORY_MAX == SMALLS * SMALL + PLACES, "what tls.h promises");

struct block {
	struct block *next;
};

/// Small blocks that went out last: nearly all come back at once, and asking the allocator about them takes longer than
/// all else here.
#define RECENT 8u
static void *recent[RECENT];
static unsigned recent_at;

static struct {
	struct block *small, *record;
	unsigned small_n, record_n; ///< kept
	size_t small_usable; ///< what the allocator says of one, by which it is known when it comes back
	uint8_t *places;     ///< of records; NULL before sp_tls_memory()
	uint32_t begun;	     ///< of those, the others take no memory
	uint32_t filled[RECORDS]; ///< bytes of a place that a peer's hold
} kept;

static size_t place(const void *p)
{
	return (size_t)((uintptr_t)p - (uintptr_t)kept.places);
}

static void *pop(struct block **from, unsigned *n)
{
	struct block *b = *from;

	*from = b->next;
	--*n;
	return b;
}

static void push(struct block **to, unsigned *n, void *p)
{
	struct block *b = p;

	b->next = *to;
	*to = b;
	++*n;
}

static void *take_record(void)
{
	if (kept.record)
		return pop(&kept.record, &kept.record_n);
	if (kept.begun < RECORDS)
		return kept.places + (size_t)kept.begun++ * RECORD;
	return malloc(RECORD);
}

static void *take(size_t n, const char *file, int line)
{
	(void)file;
	(void)line;
	if (n > RECORD_LEAST && n <= RECORD)
		return take_record();
	if (n <= SMALL_LEAST || n > SMALL)
		return malloc(n);
	if (!kept.small)
		return malloc(SMALL);
	recent[recent_at] = kept.small;
	recent_at = (recent_at + 1) % RECENT;
	return pop(&kept.small, &kept.small_n);
}

/// True when `p` went out as a small block not long ago, which is forgotten with that.
static bool was_recent(const void *p)
{
	for (unsigned i = 0; i < RECENT; i++) {
		if (recent[i] != p)
			continue;
		recent[i] = NULL;
		return true;
	}
	return false;
}

static void give_record(void *p, uint32_t *filled)
{
	sp_wipe(p, *filled);
	*filled = 0;
	push(&kept.record, &kept.record_n, p);
}

static void give_allocated(void *p)
{
	size_t usable = was_recent(p) ? kept.small_usable : malloc_usable_size(p);

	if (usable == kept.small_usable && kept.small_n < SMALLS) {
		push(&kept.small, &kept.small_n, p);
		return;
	}
	if (usable >= RECORD && usable < RECORD + RECORD / 8) // one for which there was no place
		sp_wipe(p, usable);
	free(p);
}

static void give(void *p, const char *file, int line)
{
	size_t at = place(p);

	(void)file;
	(void)line;
	if (at < PLACES)
		give_record(p, &kept.filled[at / RECORD]);
	else if (p)
		give_allocated(p);
}

static void *resize(void *p, size_t n, const char *file, int line)
{
	void *to;

	if (!p || place(p) >= PLACES) {
		if (p)
			(void)was_recent(p);
		return realloc(p, n);
	}
	if (n && n <= RECORD)
		return p;
	to = n ? malloc(n) : NULL;
	if (to)
		memcpy(to, p, RECORD);
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
	void *one = malloc(SMALL), *p;

	if (!one)
		return -ENOMEM;
	kept.small_usable = malloc_usable_size(one);
	free(one);
	p = mmap(NULL, PLACES, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
	if (p == MAP_FAILED)
		return -errno;
	kept.places = p;
	if (CRYPTO_set_mem_functions(take, resize, give) == 1)
		return 0;
	kept.places = NULL;
	munmap(p, PLACES);
	return -EBUSY;
}

size_t sp_tls_memory_kept(void)
{
	return kept.small_n * (size_t)SMALL + kept.record_n * (size_t)RECORD;
}
