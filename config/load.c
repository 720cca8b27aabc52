#include "config/load.h"

#include <fcntl.h>
#include <grp.h>
#include <pwd.h>
#include <sched.h>
#include <stdio.h>
#include <sys/stat.h>
#include "common/banned.h"

#define CONFIG_MAX (1u << 20)

static int read_fd(int fd, size_t n, uint8_t *buf)
{
	size_t done = 0;

	while (done < n) {
		ssize_t r = read(fd, buf + done, n - done);

		if (r < 0 && errno == EINTR)
			continue;
		if (r < 0)
			return -errno;
		if (r == 0)
			return -EAGAIN; // it shrank meanwhile: somebody is writing it
		done += (size_t)r;
	}
	return 0;
}

int sp_load_file(const char *path, size_t max, uint8_t **ret, size_t *ret_n)
{
	SP_AUTO_FD fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);
	struct stat st;
	uint8_t *buf;
	int err;

	if (fd < 0 || fstat(fd, &st) < 0)
		return -errno;
	if (!S_ISREG(st.st_mode))
		return -EISDIR;
	if ((uint64_t)st.st_size > max)
		return -E2BIG;
	buf = malloc((size_t)st.st_size + 1);
	if (!buf)
		return -ENOMEM;
	err = read_fd(fd, (size_t)st.st_size, buf);
	if (err) {
		free(buf);
		return err;
	}
	buf[st.st_size] = 0;
	*ret = buf;
	*ret_n = (size_t)st.st_size;
	return 0;
}

const char *sp_load_why(int err)
{
	switch (err) {
	case -E2BIG:
		return "it is larger than such a file may be";
	case -EISDIR:
		return "it is no regular file";
	case -EAGAIN:
		return "it changed while it was read";
	default:
		return strerror(-err);
	}
}

int sp_load_gateway(const char *path, struct sp_check *check, struct sp_gateway **ret)
{
	uint8_t *text = NULL;
	size_t n = 0;
	int err = sp_load_file(path, CONFIG_MAX, &text, &n);

	if (err == -ENOMEM)
		return err;
	if (err) {
		sp_check_add(check, (struct sp_at){path, 0, 0}, NULL, "cannot be read: %s",
			sp_load_why(err));
		return -EBADMSG;
	}
	err = sp_gateway_parse(sp_bytes(text, n), path, check, ret);
	free(text);
	return err;
}

int sp_resolve_system(void *user, const char *host, uint16_t port,
	struct sockaddr_storage addr[SP_UPSTREAM_ADDRS_MAX], uint32_t len[SP_UPSTREAM_ADDRS_MAX])
{
	struct addrinfo hints = {.ai_socktype = SOCK_STREAM, .ai_flags = AI_NUMERICSERV}, *list;
	char service[8];
	int n = 0, err;

	(void)user;
	snprintf(service, sizeof(service), "%u", port);
	err = getaddrinfo(host, service, &hints, &list);
	if (err)
		return err < 0 ? err : -EIO;
	for (struct addrinfo *a = list; a && n < (int)SP_UPSTREAM_ADDRS_MAX; a = a->ai_next) {
		if (a->ai_addrlen > sizeof(addr[n]))
			continue;
		memset(&addr[n], 0, sizeof(addr[n]));
		memcpy(&addr[n], a->ai_addr, a->ai_addrlen);
		len[n++] = (uint32_t)a->ai_addrlen;
	}
	freeaddrinfo(list);
	return n;
}

static int find_user(
	const struct sp_gateway *g, const struct sp_text *t, struct sp_check *check, uint32_t *ret)
{
	char buf[4096];
	struct passwd pw, *found = NULL;

	if (!t->s)
		return 0;
	if (getpwnam_r(t->s, &pw, buf, sizeof(buf), &found) != 0 || !found || pw.pw_uid == 0) {
		sp_check_add(check, (struct sp_at){g->file, t->line, t->col},
			"make it a system user, not root", "there is no user '%s' to run as", t->s);
		return -EBADMSG;
	}
	*ret = pw.pw_uid;
	return 0;
}

static int find_group(
	const struct sp_gateway *g, const struct sp_text *t, struct sp_check *check, uint32_t *ret)
{
	char buf[16384];
	struct group gr, *found = NULL;

	if (!t->s)
		return 0;
	if (getgrnam_r(t->s, &gr, buf, sizeof(buf), &found) != 0 || !found || gr.gr_gid == 0) {
		sp_check_add(check, (struct sp_at){g->file, t->line, t->col},
			"make it a system group", "there is no group '%s' to run as", t->s);
		return -EBADMSG;
	}
	*ret = gr.gr_gid;
	return 0;
}

int sp_load_plan_facts(const struct sp_gateway *g, const char *config_path, struct sp_check *check,
	struct sp_plan_source *ret)
{
	struct sp_plan_facts facts = {.cpus = 1};
	char *full = realpath(config_path, NULL);
	char path[SP_PATH_MAX];
	cpu_set_t cpus;
	int n;

	if (!full)
		return -errno;
	n = snprintf(path, sizeof(path), "%s", full);
	free(full);
	if (n < 0 || (size_t)n >= sizeof(path))
		return -ENAMETOOLONG;
	SP_TRY(find_user(g, &g->users.worker, check, &facts.uid_worker));
	SP_TRY(find_user(g, &g->users.control, check, &facts.uid_control));
	SP_TRY(find_user(g, &g->users.audit, check, &facts.uid_audit));
	SP_TRY(find_group(g, &g->users.group, check, &facts.gid));
	if (sched_getaffinity(0, sizeof(cpus), &cpus) == 0)
		facts.cpus = (uint32_t)CPU_COUNT(&cpus);
	memcpy(ret->path, path, sizeof(path));
	facts.config_path = ret->path;
	ret->facts = facts;
	return 0;
}
