/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Takes the place of kernel/pure.h, so that the module's pure parts are compiled in user space: included first by the
 * compiler's -include, it defines the guard of the other.
 */
#ifndef MEMOFFLINE_PURE_H
#define MEMOFFLINE_PURE_H

#include <errno.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

typedef uint64_t u64;
typedef uint32_t u32;
typedef int32_t s32;

#define GFP_KERNEL		1u
#define __GFP_RETRY_MAYFAIL	2u
#define __GFP_NOWARN		4u

/* The next allocation but so many fails, and those after it do not; below 0: none does. */
extern int pure_fails_after;

static inline void *kvcalloc(size_t nr, size_t size, unsigned int gfp)
{
	(void)gfp;
	if (pure_fails_after >= 0 && !pure_fails_after--)
		return NULL;
	return calloc(nr, size);
}

static inline void *kzalloc(size_t size, unsigned int gfp)
{
	return kvcalloc(1, size, gfp);
}

static inline void kvfree(void *memory)
{
	free(memory);
}

static inline void kfree(void *memory)
{
	free(memory);
}

#endif
