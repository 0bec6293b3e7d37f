/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Libraries that few commands need: who does need one opens it, so that all others start faster and take less memory.
 * FUNCTIONS(each) names what is used of one: each(LIBRARY_MEMBER) declares a pointer to each function by its own name,
 * and each(LIBRARY_FIND), where "library" points to these and to the handle, is false only if all of them were found.
 */
#ifndef MO_LIBRARY_H
#define MO_LIBRARY_H

#include <dlfcn.h>
#include <errno.h>
#include <pthread.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>

#define LIBRARY_MEMBER(name) __typeof__(name) *name;
#define LIBRARY_FIND(name) !(library->name = (__typeof__(library->name))dlsym(library->handle, #name)) ||

/* NAMES has a space between those that distributions give to the same interface. */
static inline void *library_open(const char *names)
{
	char name[64];
	void *handle;
	size_t len;

	do {
		len = strcspn(names, " ");
		snprintf(name, sizeof(name), "%.*s", (int)len, names);
		handle = dlopen(name, RTLD_NOW);
		names += len + strspn(names + len, " ");
	} while (!handle && *names);
	return handle;
}

/*
 * One that stays open: NAME.function() once open_NAME() has returned 0. It returns -ELIBACC, and NAME.why says why,
 * where the library, or a function of it, is missing.
 */
#define LIBRARY(NAME, SONAME, FUNCTIONS) \
static struct { \
	void *handle; \
	FUNCTIONS(LIBRARY_MEMBER) \
	bool is_open; \
	char why[160]; \
} NAME; \
static void open_##NAME##_once(void) \
{ \
	__typeof__(NAME) *library = &NAME; \
	library->handle = library_open(SONAME); \
	library->is_open = library->handle && !(FUNCTIONS(LIBRARY_FIND) false); \
	if (!library->is_open) \
		snprintf(library->why, sizeof(library->why), "%s", dlerror()); \
} \
static int open_##NAME(void) \
{ \
	static pthread_once_t once = PTHREAD_ONCE_INIT; \
	pthread_once(&once, open_##NAME##_once); \
	return NAME.is_open ? 0 : -ELIBACC; \
}

#endif
