// SPDX-License-Identifier: LGPL-2.1-or-later
/* /proc/iomem: which addresses are memory, and whose. Without CAP_SYS_ADMIN the kernel shows zeros. */
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "private.h"

/* "  100000000-11fffffff : System RAM (kmem)": two spaces a level. */
static bool parse_line(char *line, struct mo_iomem *range)
{
	size_t nr_spaces = strspn(line, " ");
	int len = 0;

	if (sscanf(line + nr_spaces, "%" SCNx64 "-%" SCNx64 " : %n", &range->start_addr, &range->last_addr, &len) != 2 || !len)
		return false;
	range->depth = (unsigned int)nr_spaces / 2;
	range->name = line + nr_spaces + len;
	return true;
}

int mo_iomem_each(struct mo_ctx *ctx, mo_iomem_fn *fn, void *data)
{
	char *text, *line, *save = NULL;
	bool hidden = true;
	struct mo_iomem range;
	int err = mo_read_file(ctx, &text, NULL, "/proc/iomem");

	if (err)
		return err;
	for (line = strtok_r(text, "\n", &save); line; line = strtok_r(NULL, "\n", &save)) {
		if (!parse_line(line, &range))
			continue;
		hidden = hidden && !range.last_addr;
		err = fn(data, &range);
		if (err)
			break;
	}
	free(text);
	return !err && hidden ? -EACCES : err;
}

bool mo_iomem_is_system_ram(const char *name)
{
	return !strncmp(name, "System RAM", strlen("System RAM"));
}

struct cover {
	uint64_t start_addr, last_addr;
	uint64_t len_bytes;	/* of it that is System RAM */
};

static int add_cover(void *data, const struct mo_iomem *range)
{
	struct cover *cover = data;
	uint64_t start_addr = range->start_addr > cover->start_addr ? range->start_addr : cover->start_addr;
	uint64_t last_addr = range->last_addr < cover->last_addr ? range->last_addr : cover->last_addr;

	if (mo_iomem_is_system_ram(range->name) && start_addr <= last_addr)
		cover->len_bytes += last_addr - start_addr + 1;
	return 0;
}

int mo_iomem_is_ram(struct mo_ctx *ctx, uint64_t start_addr, uint64_t len_bytes)
{
	struct cover cover = { start_addr, start_addr + len_bytes - 1, 0 };
	int err = mo_iomem_each(ctx, add_cover, &cover);

	if (err)
		return err;
	return cover.len_bytes == len_bytes;
}
