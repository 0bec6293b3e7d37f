/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Libraries that few commands need: who does need one opens it, so that all others start faster and take less memory.
 * FUNCTIONS(each) names what is used of one: each(LIBRARY_MEMBER) declares a pointer to each function by its own name,
 * and each(LIBRARY_FIND), where "library" points to these and to the handle, is false only if all of them were found.
 */
#ifndef MO_LIBRARY_H
#define MO_LIBRARY_H

#include <dlfcn.h>

#define LIBRARY_MEMBER(name) __typeof__(name) *name;
#define LIBRARY_FIND(name) !(library->name = (__typeof__(library->name))dlsym(library->handle, #name)) ||

#endif
