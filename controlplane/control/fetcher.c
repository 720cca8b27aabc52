#include "controlplane/control/fetch.h"

#include <pthread.h>
#include <sys/eventfd.h>
#include "common/banned.h"

struct job {
	struct job *next;
	struct sp_fetcher *owner;
	pthread_t thread;
	struct sp_fetch_issuer in; ///< its strings are copies
	struct sp_fetched out;
};
struct sp_fetcher {
	pthread_mutex_t lock; ///< guards the two lists
	pthread_cond_t finished;
	struct job *running, *done; ///< done: oldest first
	int event_fd;
};

int sp_fetcher_new(struct sp_fetcher **ret, int *ret_event_fd)
{
	struct sp_fetcher *f = calloc(1, sizeof(*f));

	if (!f)
		return -ENOMEM;
	f->event_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	if (f->event_fd < 0) {
		int err = -errno;

		free(f);
		return err;
	}
	pthread_mutex_init(&f->lock, NULL);
	pthread_cond_init(&f->finished, NULL);
	*ret = f;
	*ret_event_fd = f->event_fd;
	return 0;
}

static void unlink_job(struct job **list, struct job *j)
{
	while (*list != j)
		list = &(*list)->next;
	*list = j->next;
}

static void *run(void *arg)
{
	struct job *j = arg, **end;
	struct sp_fetcher *f = j->owner;
	const uint64_t one = 1;

	j->out.err = sp_fetch_keys(&j->in, &j->out.keys, j->out.why);
	pthread_mutex_lock(&f->lock);
	unlink_job(&f->running, j);
	j->next = NULL;
	for (end = &f->done; *end; end = &(*end)->next)
		;
	*end = j;
	// The counter cannot overflow: it is read before it could reach 2^64.
	SP_BUG_IF(write(f->event_fd, &one, sizeof(one)) < 0);
	pthread_cond_signal(&f->finished);
	pthread_mutex_unlock(&f->lock);
	return NULL;
}

static void job_free(struct job *j)
{
	free((char *)j->in.issuer);
	free((char *)j->in.jwks_uri);
	free((char *)j->in.ca_file);
	free(j);
}

static const char *copy(const char *s)
{
	return s ? strdup(s) : NULL;
}

int sp_fetcher_start(struct sp_fetcher *f, uint32_t number, const struct sp_fetch_issuer *in)
{
	struct job *j = calloc(1, sizeof(*j));
	int err;

	if (!j)
		return -ENOMEM;
	*j = (struct job){.owner = f, .in = *in, .out.number = number};
	j->in.issuer = copy(in->issuer);
	j->in.jwks_uri = copy(in->jwks_uri);
	j->in.ca_file = copy(in->ca_file);
	if (!j->in.issuer || (in->jwks_uri && !j->in.jwks_uri) || (in->ca_file && !j->in.ca_file)) {
		job_free(j);
		return -ENOMEM;
	}
	pthread_mutex_lock(&f->lock);
	err = pthread_create(&j->thread, NULL, run, j);
	if (err == 0) {
		j->next = f->running;
		f->running = j;
	}
	pthread_mutex_unlock(&f->lock);
	if (err) {
		job_free(j);
		return -EAGAIN;
	}
	return 0;
}

int sp_fetcher_take(struct sp_fetcher *f, struct sp_fetched *ret)
{
	struct job *j;
	uint64_t n;

	pthread_mutex_lock(&f->lock);
	j = f->done;
	if (j)
		f->done = j->next;
	if (!f->done && read(f->event_fd, &n, sizeof(n)) < 0)
		SP_BUG_IF(errno != EAGAIN);
	pthread_mutex_unlock(&f->lock);
	if (!j)
		return -EAGAIN;
	pthread_join(j->thread, NULL);
	*ret = j->out;
	job_free(j);
	return 0;
}

struct sp_fetcher *sp_fetcher_free(struct sp_fetcher *f)
{
	struct sp_fetched out;

	if (!f)
		return NULL;
	pthread_mutex_lock(&f->lock);
	while (f->running)
		pthread_cond_wait(&f->finished, &f->lock);
	pthread_mutex_unlock(&f->lock);
	while (sp_fetcher_take(f, &out) == 0)
		sp_jwks_free(out.err == 0 ? out.keys : NULL);
	pthread_cond_destroy(&f->finished);
	pthread_mutex_destroy(&f->lock);
	close(f->event_fd);
	free(f);
	return NULL;
}
