/// The compiler and the platform as lwIP wants to know them.
#pragma once

#include <endian.h>
#include <errno.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#define LWIP_NO_INTTYPES_H 0
#define LWIP_PLATFORM_DIAG(x) ((void)0)
#define LWIP_PLATFORM_ASSERT(x) __builtin_trap()
#define LWIP_ERRNO_STDINCLUDE 1
