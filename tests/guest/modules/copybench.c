// SPDX-License-Identifier: GPL-2.0-only
/*
 * The floor under an evacuation: how long the kernel's own routine takes to copy so many pages, with so many threads.
 *
 *	insmod copybench.ko nr_pages=30720 nr_threads=2 from=1 to=0; dmesg | tail -n 1
 *
 * Loading it does the work and then fails with EAGAIN, so that there is nothing to unload.
 */
#include <linux/completion.h>
#include <linux/highmem.h>
#include <linux/kthread.h>
#include <linux/ktime.h>
#include <linux/mm.h>
#include <linux/module.h>

static unsigned int nr_pages = 1024;
module_param(nr_pages, uint, 0444);
MODULE_PARM_DESC(nr_pages, "Pages of the base size to copy");
static unsigned int nr_threads = 1;
module_param(nr_threads, uint, 0444);
MODULE_PARM_DESC(nr_threads, "Threads that share them, at most 64");
static int from;
module_param(from, int, 0444);
MODULE_PARM_DESC(from, "Node of the sources");
static int to;
module_param(to, int, 0444);
MODULE_PARM_DESC(to, "Node of the targets");

#ifdef HAVE_COPY_MC_HIGHPAGE
#define copy_one copy_mc_highpage
#else
#define copy_one copy_highpage
#endif

struct copier {
	struct page **src;
	struct page **dst;
	unsigned int nr;
	struct completion done;
};

static int copy(void *data)
{
	struct copier *copier = data;
	unsigned int i;

	for (i = 0; i < copier->nr; i++)
		copy_one(copier->dst[i], copier->src[i]);
	complete(&copier->done);
	return 0;
}

static void free_all(struct page **pages)
{
	unsigned int i;

	for (i = 0; pages && i < nr_pages && pages[i]; i++)
		__free_page(pages[i]);
	kvfree(pages);
}

static struct page **alloc_all(int nid)
{
	struct page **pages = kvcalloc(nr_pages, sizeof(*pages), GFP_KERNEL);
	unsigned int i;

	for (i = 0; pages && i < nr_pages; i++) {
		pages[i] = alloc_pages_node(nid, GFP_HIGHUSER_MOVABLE, 0);
		if (!pages[i]) {
			free_all(pages);
			return NULL;
		}
	}
	return pages;
}

static u64 run(struct copier *copiers, struct page **src, struct page **dst)
{
	unsigned int share = DIV_ROUND_UP(nr_pages, nr_threads), i, first;
	u64 start_ns = ktime_get_ns();

	for (i = 0; i < nr_threads; i++) {
		first = min(i * share, nr_pages);
		copiers[i].src = src + first;
		copiers[i].dst = dst + first;
		copiers[i].nr = min(share, nr_pages - first);
		init_completion(&copiers[i].done);
		if (i && IS_ERR(kthread_run(copy, &copiers[i], "copybench/%u", i)))
			copy(&copiers[i]);
	}
	copy(&copiers[0]);
	for (i = 0; i < nr_threads; i++)
		wait_for_completion(&copiers[i].done);
	return ktime_get_ns() - start_ns;
}

static int __init copybench_init(void)
{
	struct copier *copiers;
	struct page **src, **dst;
	int err = -ENOMEM;

	if (!nr_pages || !nr_threads || nr_threads > 64)
		return -EINVAL;
	copiers = kcalloc(nr_threads, sizeof(*copiers), GFP_KERNEL);
	src = alloc_all(from);
	dst = alloc_all(to);
	if (copiers && src && dst) {
		pr_info("copybench: %u pages, %u threads: %llu ns\n", nr_pages, nr_threads, run(copiers, src, dst));
		err = -EAGAIN;
	}
	free_all(dst);
	free_all(src);
	kfree(copiers);
	return err;
}
module_init(copybench_init);

MODULE_LICENSE("GPL");
MODULE_DESCRIPTION("Time the kernel's copy of pages");
