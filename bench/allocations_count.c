/// Preloaded into a gateway process by bench/allocations: counts what is asked of the allocator, in
/// a file named by SP_ALLOCATIONS and mapped before the process gives up opening files. While
/// `trace` is set it also keeps from where.
#include "bench/allocations_count.h"

#include <dlfcn.h>
#include <execinfo.h>
#include <fcntl.h>
#include <malloc.h>
#include <sys/mman.h>
#include "common/banned.h"

/// What dlsym() itself allocates before the allocator is found.
static _Alignas(16) char early[16384];
static size_t early_used;

static struct count_page *page;
static atomic_flag sites_busy = ATOMIC_FLAG_INIT;
static _Thread_local bool inside __attribute__((tls_model("initial-exec")));

static void *(*next_malloc)(size_t);
static void *(*next_calloc)(size_t, size_t);
static void *(*next_realloc)(void *, size_t);
static void *(*next_memalign)(size_t, size_t);
static void (*next_free)(void *);

static void find(void *to, const char *name)
{
	void *at = dlsym(RTLD_NEXT, name);

	SP_BUG_IF(!at);
	memcpy(to, &at, sizeof(at));
}

static void *early_take(size_t n)
{
	size_t at = early_used;

	n = (n + 15) & ~(size_t)15;
	SP_BUG_IF(n > sizeof(early) - at);
	early_used += n;
	return early + at;
}

static bool is_early(const void *p)
{
	return (const char *)p >= early && (const char *)p < early + sizeof(early);
}

static void look_up(void)
{
	static bool looking;

	if (next_free || looking)
		return;
	looking = true;
	find(&next_malloc, "malloc");
	find(&next_calloc, "calloc");
	find(&next_realloc, "realloc");
	find(&next_memalign, "aligned_alloc");
	find(&next_free, "free");
}

static void keep_site(void **pc, int depth, size_t bytes)
{
	for (unsigned i = 0; i < COUNT_SITES; i++) {
		struct count_site *s = &page->site[i];

		if (s->depth == 0) {
			memcpy(s->pc, pc, (size_t)depth * sizeof(*pc));
			s->depth = (uint64_t)depth;
		}
		if (s->depth != (uint64_t)depth ||
			memcmp(s->pc, pc, (size_t)depth * sizeof(*pc)) != 0)
			continue;
		s->n++;
		s->bytes += bytes;
		return;
	}
	page->unplaced++;
}

static void trace(size_t bytes)
{
	void *pc[COUNT_DEPTH]; // of these the first are ours: the script leaves them out
	int depth = backtrace(pc, COUNT_DEPTH);

	if (depth <= 0)
		return;
	while (atomic_flag_test_and_set_explicit(&sites_busy, memory_order_acquire))
		;
	keep_site(pc, depth, bytes);
	atomic_flag_clear_explicit(&sites_busy, memory_order_release);
}

static void count(uint64_t *which, size_t bytes)
{
	if (!page || inside)
		return;
	__atomic_fetch_add(which, 1, __ATOMIC_RELAXED);
	__atomic_fetch_add(&page->bytes, bytes, __ATOMIC_RELAXED);
	if (!atomic_load_explicit(&page->trace, memory_order_relaxed))
		return;
	inside = true;
	trace(bytes);
	inside = false;
}

#define WHICH(name) (page ? &page->name : NULL)

void *malloc(size_t n)
{
	look_up();
	if (!next_malloc)
		return early_take(n);
	count(WHICH(malloc), n);
	return next_malloc(n);
}

void *calloc(size_t n, size_t size)
{
	look_up();
	if (!next_calloc)
		return early_take(n * size);
	count(WHICH(calloc), n * size);
	return next_calloc(n, size);
}

void *realloc(void *p, size_t n)
{
	void *fresh;

	look_up();
	if (next_realloc && !is_early(p)) {
		count(WHICH(realloc), n);
		return next_realloc(p, n);
	}
	fresh = malloc(n);
	if (fresh && p)
		memcpy(fresh, p, sp_min(n, (size_t)(early + sizeof(early) - (char *)p)));
	return fresh;
}

void *aligned_alloc(size_t align, size_t n)
{
	look_up();
	count(WHICH(aligned), n);
	return next_memalign(align, n);
}

void *memalign(size_t align, size_t n)
{
	return aligned_alloc(align, n);
}

int posix_memalign(void **ret, size_t align, size_t n)
{
	void *p = aligned_alloc(align, n);

	if (!p)
		return ENOMEM;
	*ret = p;
	return 0;
}

void free(void *p)
{
	if (!p || is_early(p))
		return;
	look_up();
	if (page && !inside)
		__atomic_fetch_add(&page->free, 1, __ATOMIC_RELAXED);
	next_free(p);
}

__attribute__((constructor)) static void begin(void)
{
	const char *path = getenv("SP_ALLOCATIONS");
	void *first[2], *at;
	int fd = path ? open(path, O_RDWR | O_CLOEXEC) : -1;

	if (fd < 0)
		return;
	(void)backtrace(first, 2); // loads the unwinder while files can still be opened
	at = mmap(NULL, sizeof(*page), PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
	close(fd);
	if (at != MAP_FAILED)
		page = at;
}
