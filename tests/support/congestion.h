/// What a TCP socket's congestion control is, and another one than the plain of common/loopback.h for it.
#pragma once

#include "common/base.h"

#include <netinet/in.h>
#include <netinet/tcp.h>
#include <setjmp.h>
#include <stdarg.h>
#include <sys/socket.h>
#include <cmocka.h>

/// false when the system has none but the plain one.
static inline bool congestion_another(int fd)
{
	static const char *const others[] = {"cubic", "bbr"};

	for (size_t i = 0; i < SP_ARRAY_LEN(others); i++)
		if (setsockopt(fd, IPPROTO_TCP, TCP_CONGESTION, others[i], (socklen_t)strlen(others[i])) == 0)
			return true;
	return false;
}

static inline bool congestion_plain(int fd)
{
	char used[32] = {0};
	socklen_t n = sizeof(used) - 1;

	assert_int_equal(getsockopt(fd, IPPROTO_TCP, TCP_CONGESTION, used, &n), 0);
	return strcmp(used, "reno") == 0;
}
