/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Makes the sysfs and proc of a machine below a directory, from one short word an item:
 *
 *	block-size=8000000		bytes in hexadecimal, as the kernel writes it (this is the default)
 *	blocks=32-35,online,Movable,1	state, valid_zones (+ stands for a space), nodes (0+1: mixed; -: none)
 *	node=0,0-1,1048576,524288,65536,10+20
 *					processors (-: none), KiB in all, free, page cache, distances
 *	dimm=PNP0C80:00,32-35		a memory module and its blocks
 *	dax=dax0.0,100000000,20000000	driven by kmem: first address and length, both hexadecimal
 *	virtio-mem=virtio0,100000000-11fffffff
 *	iomem=100000000-11fffffff : System RAM
 *	file=PATH,TEXT			any file below the directory; in TEXT, + after a backslash is a newline
 *	link=PATH,TARGET
 *	fifo=PATH			a file that blocks who reads it
 *	remove=PATH
 */
#ifndef TREE_H
#define TREE_H

/* ITEMS end with NULL. 0, or -1 after a message to stderr. DIR is made when it is missing. */
int tree_make(const char *dir, const char *const *items);
/* Removes DIR and all below it. */
int tree_remove(const char *dir);

#endif
