// SPDX-License-Identifier: GPL-2.0-only
/*
 * show-progress [fail | held | slab]: the progress of an offline of four blocks as the command shows it, without the
 * offline. The last page of each block holds it up: a process's, or one of the kernel.
 */
#include <string.h>

#include "command.h"
#include "out.h"

#define NR_BLOCKS 4
#define BLOCK_PAGES 32768
#define STEPS 8

static const struct mo_owner owner = { .pid = 4711, .comm = "qemu\x1b[31m-kvm", .vma = "" };

static void show_stuck(struct mo_progress *progress, const char *how)
{
	progress->stuck_pfn = UINT64_C(0x123456789);
	progress->stuck_kind = strcmp(how, "slab") ? MO_KIND_NR : MO_KIND_SLAB;
	progress->stuck_owner = strcmp(how, "held") ? NULL : &owner;
	progress_show(NULL, progress);
	progress->stuck_pfn = UINT64_MAX;
	progress->stuck_kind = MO_KIND_NR;
	progress->stuck_owner = NULL;
}

static void show_block(struct mo_progress *progress, uint32_t number, const char *how)
{
	progress->block = number;
	progress->error = 0;
	for (unsigned int i = 0; i < STEPS; i++) {
		progress->phase = i ? MO_PHASE_MIGRATE : MO_PHASE_ISOLATE;
		progress->pages_left -= BLOCK_PAGES / STEPS;
		progress->elapsed_ms += 250;
		progress->eta_ms = progress->pages_left / 16;
		if (i == STEPS - 1)
			show_stuck(progress, how);
		else
			progress_show(NULL, progress);
	}
}

int main(int argc, char **argv)
{
	struct call call = { 0 };
	struct mo_progress progress = {
		.phase = MO_PHASE_LOCK, .nr_blocks = NR_BLOCKS, .pages_left = NR_BLOCKS * BLOCK_PAGES,
		.pages_total = NR_BLOCKS * BLOCK_PAGES, .eta_ms = UINT64_MAX, .stuck_pfn = UINT64_MAX,
		.stuck_kind = MO_KIND_NR,
	};
	const char *how = argc > 1 ? argv[1] : "";
	bool fails = !strcmp(how, "fail");

	progress_begin(&call, -1, 4096);
	progress_show(NULL, &progress);
	for (uint32_t i = 0; i < NR_BLOCKS; i++) {
		show_block(&progress, 35 - i, how);
		progress.phase = MO_PHASE_DONE;
		progress.error = fails && i == NR_BLOCKS - 1 ? -16 : 0;
		progress.nr_done += !progress.error;
		progress_show(NULL, &progress);
	}
	progress.phase = MO_PHASE_ROLLBACK;
	for (uint32_t number = 33; fails && number < 36; number++) {
		progress.block = number;
		progress_show(NULL, &progress);
	}
	progress_end();
	return out_close(EXIT_SUCCESS);
}
