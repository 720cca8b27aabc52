/// OpenSSL's memory. A handshake takes and gives back some seven hundred blocks, a record a buffer and
/// a few small ones, the same sizes each time: what comes back waits in the list of its size, which is
/// told by where it lies. A record is decrypted in its buffer, so what a peer filled of that is wiped
/// before it waits.
#include "dataplane/tls/private.h"

#include <malloc.h>
#include <openssl/crypto.h>
#include <sys/mman.h>
#ifdef TLS_SANITIZED
#include <sanitizer/asan_interface.h>
#include <sanitizer/lsan_interface.h>
#endif
#include "common/banned.h"

#define RECORD_LEAST 16384u
#define RECORD 20480u
#define RECORDS 64u
#define PLACES ((size_t)RECORDS * RECORD)

#define STEP 16u ///< all sizes are so many of these, and all blocks lie so
#define BLOCK_MAX 8192u
#define CHUNK 65536u ///< has blocks of one size
#define CHUNKS 2048u
#define CHUNKS_STEP 16u ///< so many become writable at once
_Static_assert(CHUNKS % CHUNKS_STEP == 0, "the last step is a whole one");
_Static_assert(SP_TLS_MEMORY_MAX == PLACES + (size_t)CHUNKS * CHUNK, "what tls.h promises");

/// Four between two powers of two: a fifth is lost at most.
static const uint16_t sizes[] = {16, 32, 48, 64, 80, 96, 112, 128, 160, 192, 224, 256, 320, 384, 448,
	512, 640, 768, 896, 1024, 1280, 1536, 1792, 2048, 2560, 3072, 3584, 4096, 5120, 6144, 7168,
	BLOCK_MAX};
#define SIZES SP_ARRAY_LEN(sizes)

struct block {
	struct block *next;
};

static struct {
	uint8_t *base; ///< places of records, then chunks; NULL before sp_tls_memory()
	size_t waits;  ///< bytes in the lists
	uint32_t begun_places, begun_chunks, open_chunks;
	struct block *record;
	uint32_t filled[RECORDS]; ///< bytes of a place that a peer's hold
	bool more_records; ///< once there was no place for one
	struct {
		struct block *waits;
		uint8_t *fresh, *end; ///< of its last chunk
	} list[SIZES];
	uint8_t size_of[CHUNKS];
	uint8_t size_for[BLOCK_MAX / STEP + 1];
} kept;

static size_t place(const void *p)
{
	return (size_t)((uintptr_t)p - (uintptr_t)kept.base);
}

static size_t size_at(size_t at)
{
	return at < PLACES ? RECORD : sizes[kept.size_of[(at - PLACES) / CHUNK]];
}

/// Only the first `n` bytes of a block of ours are somebody's: AddressSanitizer tells who touches others.
static inline void *lend(void *p, size_t n)
{
#ifdef TLS_SANITIZED
	size_t at = place(p);

	if (at < SP_TLS_MEMORY_MAX) {
		__asan_unpoison_memory_region(p, n);
		__asan_poison_memory_region((uint8_t *)p + n, size_at(at) - n);
	}
#else
	(void)n;
#endif
	return p;
}

static void *take_record(void)
{
	struct block *b = kept.record;

	if (b) {
		lend(b, sizeof(*b));
		kept.record = b->next;
		kept.waits -= RECORD;
		return b;
	}
	if (kept.begun_places < RECORDS)
		return kept.base + (size_t)kept.begun_places++ * RECORD;
	kept.more_records = true;
	return malloc(RECORD);
}

/// Addresses count as memory once they can be written to, where the kernel promises no more than it has
/// (vm.overcommit_memory=2).
static bool open_chunk(void)
{
	uint8_t *next = kept.base + PLACES + (size_t)kept.open_chunks * CHUNK;

	if (kept.begun_chunks < kept.open_chunks)
		return true;
	if (kept.open_chunks == CHUNKS || mprotect(next, CHUNKS_STEP * CHUNK, PROT_READ | PROT_WRITE) < 0)
		return false;
	kept.open_chunks += CHUNKS_STEP;
	return true;
}

/// One that was never used.
static void *begin_block(unsigned size)
{
	size_t bytes = sizes[size];
	uint8_t *p = kept.list[size].fresh;

	if ((size_t)(kept.list[size].end - p) < bytes) {
		if (!open_chunk())
			return malloc(bytes);
		kept.size_of[kept.begun_chunks] = (uint8_t)size;
		p = kept.base + PLACES + (size_t)kept.begun_chunks++ * CHUNK;
		kept.list[size].end = p + CHUNK;
	}
	kept.list[size].fresh = p + bytes;
	return p;
}

static void *take(size_t n, const char *file, int line)
{
	struct block *b;
	unsigned size;

	(void)file;
	(void)line;
	if (sp_unlikely(n > BLOCK_MAX))
		return n > RECORD_LEAST && n <= RECORD ? lend(take_record(), n) : malloc(n);
	size = kept.size_for[(n + STEP - 1) / STEP];
	b = kept.list[size].waits;
	if (sp_unlikely(!b))
		return lend(begin_block(size), n);
	lend(b, sizeof(*b));
	kept.list[size].waits = b->next;
	kept.waits -= sizes[size];
	return lend(b, n);
}

static void give_record(struct block *b, uint32_t *filled)
{
	lend(b, RECORD);
	sp_wipe(b, *filled);
	*filled = 0;
	b->next = kept.record;
	kept.record = b;
	lend(b, 0);
	kept.waits += RECORD;
}

static void give_allocated(void *p)
{
	size_t usable = kept.more_records ? malloc_usable_size(p) : 0;

	if (usable >= RECORD && usable < RECORD + RECORD / 8) // one for which there was no place
		sp_wipe(p, usable);
	free(p);
}

static void give(void *p, const char *file, int line)
{
	struct block *b = p;
	size_t at = place(p);
	unsigned size;

	(void)file;
	(void)line;
	if (sp_unlikely(at >= SP_TLS_MEMORY_MAX)) {
		if (p)
			give_allocated(p);
	} else if (at < PLACES) {
		give_record(p, &kept.filled[at / RECORD]);
	} else {
		size = kept.size_of[(at - PLACES) / CHUNK];
		lend(b, sizeof(*b));
		b->next = kept.list[size].waits;
		kept.list[size].waits = b;
		lend(b, 0);
		kept.waits += sizes[size];
	}
}

static void *resize(void *p, size_t n, const char *file, int line)
{
	size_t at = place(p), had;
	void *to;

	if (!p || at >= SP_TLS_MEMORY_MAX)
		return realloc(p, n);
	had = size_at(at);
	if (n && n <= had)
		return lend(p, n);
	to = n ? take(n, file, line) : NULL;
	if (to)
		memcpy(to, lend(p, had), had);
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
	static const int flags = MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE;
	void *p = mmap(NULL, SP_TLS_MEMORY_MAX, PROT_NONE, flags, -1, 0);

	if (p == MAP_FAILED)
		return -errno;
	if (mprotect(p, PLACES, PROT_READ | PROT_WRITE) < 0) {
		munmap(p, SP_TLS_MEMORY_MAX);
		return -ENOMEM;
	}
	kept.base = p;
	for (unsigned n = 0, size = 0; n < SP_ARRAY_LEN(kept.size_for); n++) {
		size += n * STEP > sizes[size];
		kept.size_for[n] = (uint8_t)size;
	}
	if (CRYPTO_set_mem_functions(take, resize, give) != 1) {
		kept.base = NULL;
		munmap(p, SP_TLS_MEMORY_MAX);
		return -EBUSY;
	}
#ifdef TLS_SANITIZED
	__asan_poison_memory_region(p, SP_TLS_MEMORY_MAX);
	__lsan_register_root_region(p, SP_TLS_MEMORY_MAX);
#endif
	return 0;
}

size_t sp_tls_memory_kept(void)
{
	return kept.waits;
}
