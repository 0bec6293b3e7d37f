// SPDX-License-Identifier: GPL-2.0-only
/* make-tree DIR ITEM...: the sysfs of a machine that is not there, for --sysroot. The items are in tree.h. */
#include <stdio.h>

#include "tree.h"

int main(int argc, char **argv)
{
	if (argc < 3) {
		fprintf(stderr, "usage: make-tree DIR ITEM...\n"
			"items: block-size= blocks= node= dimm= dax= virtio-mem= iomem= file= link= fifo= remove=, see tree.h\n");
		return 2;
	}
	return tree_make(argv[1], (const char *const *)argv + 2) ? 1 : 0;
}
