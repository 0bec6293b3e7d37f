/* SPDX-License-Identifier: GPL-2.0-only */
/* The one include of the parts that are compiled in user space as well; the tests put their own in its place. */
#ifndef MEMOFFLINE_PURE_H
#define MEMOFFLINE_PURE_H

#include <linux/bug.h>
#include <linux/kernel.h>
#include <linux/slab.h>
#include <linux/string.h>
#include <linux/types.h>

#endif
