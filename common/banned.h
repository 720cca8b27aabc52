/// Last include of every .c file: calls that have no bounds, or hide failure.
/// (clang's fortified headers define some of them as macros, so gcc alone enforces this.)
#pragma once
#ifndef __clang__
#pragma GCC poison strcpy strcat sprintf vsprintf gets atoi atol atoll strtok strncpy strncat
#endif
