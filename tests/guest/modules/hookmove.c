// SPDX-License-Identifier: GPL-2.0-only
/*
 * A device whose memory no kernel can move: pages of its own, in VMAs without struct pages. Its hook moves them.
 *
 *	insmod hookmove.ko [sleep_ms=MS] [error=ERRNO]
 *	echo N > /sys/module/hookmove/parameters/registered	# returns when no call of the hook runs any more
 *
 * Each open file of /dev/hookmove has memory of its own, which is allocated when it is touched first, by the policy of
 * the task. read() gives the page frame numbers, 8 bytes a page of the file. All that map it, also after a fork, see
 * the same bytes.
 */
#include <linux/delay.h>
#include <linux/fs.h>
#include <linux/highmem.h>
#include <linux/mempolicy.h>
#include <linux/miscdevice.h>
#include <linux/mm.h>
#include <linux/module.h>
#include <linux/mutex.h>
#include <linux/slab.h>
#include <linux/uaccess.h>

#include "include/linux/memoffline-vma.h"

#define MAX_PAGES	8192

static unsigned int sleep_ms;
module_param(sleep_ms, uint, 0644);
MODULE_PARM_DESC(sleep_ms, "Milliseconds that the hook sleeps");
static unsigned int error;
module_param(error, uint, 0644);
MODULE_PARM_DESC(error, "What the hook refuses with, as a positive number; 0: it does not");
static atomic_t begun = ATOMIC_INIT(0);
module_param_named(begun, begun.counter, int, 0444);
MODULE_PARM_DESC(begun, "Calls of the hook that began");
static atomic_t calls = ATOMIC_INIT(0);
module_param_named(calls, calls.counter, int, 0444);
MODULE_PARM_DESC(calls, "Calls of the hook that ended");
static atomic_t moved = ATOMIC_INIT(0);
module_param_named(moved, moved.counter, int, 0444);
MODULE_PARM_DESC(moved, "Pages that the hook moved");

/* Of one open file. An mmap lock, or the lock of a VMA, comes before its lock. */
struct memory {
	struct mutex lock;		/* held, nobody maps a page and the pages stay */
	struct page *pages[MAX_PAGES];
};

#ifdef HAVE_VM_FLAGS_SET
#define add_flags vm_flags_set
#else
static void add_flags(struct vm_area_struct *vma, unsigned long flags)
{
	vma->vm_flags |= flags;
}
#endif

/* Movable, since it can be moved: so it may lie in blocks that go offline. */
static struct page *alloc_at(int nid)
{
	return alloc_pages_node(nid, GFP_HIGHUSER_MOVABLE | __GFP_THISNODE | __GFP_NOWARN, 0);
}

/* ---- a fault ---- */

static vm_fault_t fault(struct vm_fault *vmf)
{
	struct memory *memory = vmf->vma->vm_private_data;
	vm_fault_t ret = VM_FAULT_SIGBUS;
	struct page **page;

	if (vmf->pgoff >= MAX_PAGES)
		return ret;
	page = &memory->pages[vmf->pgoff];
	mutex_lock(&memory->lock);
	if (!*page)
		*page = alloc_page(GFP_HIGHUSER_MOVABLE | __GFP_ZERO);
	if (*page)
		ret = vmf_insert_pfn(vmf->vma, vmf->address, page_to_pfn(*page));
	else
		ret = VM_FAULT_OOM;
	mutex_unlock(&memory->lock);
	return ret;
}

static const struct vm_operations_struct vm_ops = { .fault = fault };

/* ---- the hook ---- */

static struct page *alloc_among(const nodemask_t *nodes, int source_nid)
{
	struct page *page = NULL;
	int nid;

	for_each_node_mask(nid, *nodes) {
		if (nid != source_nid)
			page = alloc_at(nid);
		if (page)
			return page;
	}
	return node_isset(source_nid, *nodes) ? alloc_at(source_nid) : NULL;
}

/* Nobody has it mapped from the first step to the last: faults wait for the lock. */
static int move_page(struct memory *memory, struct vm_area_struct *vma, unsigned long addr, const nodemask_t *to)
{
	pgoff_t pgoff = linear_page_index(vma, addr);
	struct page *old = memory->pages[pgoff], *new = alloc_among(to, page_to_nid(old));

	if (!new)
		return -ENOMEM;
	unmap_mapping_range(vma->vm_file->f_mapping, (loff_t)pgoff << PAGE_SHIFT, PAGE_SIZE, 1);
	copy_highpage(new, old);
	memory->pages[pgoff] = new;
	__free_page(old);
	atomic_inc(&moved);
	return vmf_insert_pfn(vma, addr, page_to_pfn(new)) & VM_FAULT_ERROR ? -ENOMEM : 0;
}

static int move_all(struct vm_area_struct *vma, const nodemask_t *from, const nodemask_t *to)
{
	struct memory *memory = vma->vm_private_data;
	unsigned long addr;
	int err = 0;

	mutex_lock(&memory->lock);
	for (addr = vma->vm_start; addr < vma->vm_end && !err; addr += PAGE_SIZE) {
		pgoff_t pgoff = linear_page_index(vma, addr);

		if (pgoff < MAX_PAGES && memory->pages[pgoff] &&
		    node_isset(page_to_nid(memory->pages[pgoff]), *from))
			err = move_page(memory, vma, addr, to);
	}
	mutex_unlock(&memory->lock);
	return err;
}

static int migrate(struct vm_area_struct *vma, const nodemask_t *from, const nodemask_t *to, unsigned int flags)
{
	int err;

	mmap_assert_locked(vma->vm_mm);
	atomic_inc(&begun);
	msleep(READ_ONCE(sleep_ms));
	err = -(int)READ_ONCE(error);
	if (!err && flags != MPOL_MF_MOVE && flags != MPOL_MF_MOVE_ALL)
		err = -EINVAL;
	if (!err)
		err = move_all(vma, from, to);
	atomic_inc(&calls);
	return err;
}

/* ---- being registered ---- */

static DEFINE_MUTEX(registering);
static bool registered;

static int register_hook(bool on)
{
	int err = 0;

	mutex_lock(&registering);
	if (on && !registered)
		err = memoffline_register_vma_migrate(&vm_ops, migrate, THIS_MODULE);
	else if (!on && registered)
		memoffline_unregister_vma_migrate(&vm_ops);
	if (!err)
		registered = on;
	mutex_unlock(&registering);
	return err;
}

static int set_registered(const char *text, const struct kernel_param *param)
{
	bool on;
	int err = kstrtobool(text, &on);

	return err ?: register_hook(on);
}

static const struct kernel_param_ops registered_ops = { .set = set_registered, .get = param_get_bool };
module_param_cb(registered, &registered_ops, &registered, 0644);
MODULE_PARM_DESC(registered, "Whether the hook is registered (default Y)");

/* ---- the device ---- */

static int open(struct inode *inode, struct file *file)
{
	struct memory *memory = kvzalloc(sizeof(*memory), GFP_KERNEL);

	if (!memory)
		return -ENOMEM;
	mutex_init(&memory->lock);
	file->private_data = memory;
	return 0;
}

static int release(struct inode *inode, struct file *file)
{
	struct memory *memory = file->private_data;
	unsigned int i;

	for (i = 0; i < MAX_PAGES; i++)
		if (memory->pages[i])
			__free_page(memory->pages[i]);
	kvfree(memory);
	return 0;
}

static int map(struct file *file, struct vm_area_struct *vma)
{
	if (!(vma->vm_flags & VM_SHARED) || linear_page_index(vma, vma->vm_end) > MAX_PAGES)
		return -EINVAL;
	add_flags(vma, VM_PFNMAP | VM_DONTEXPAND | VM_DONTDUMP);
	vma->vm_private_data = file->private_data;
	vma->vm_ops = &vm_ops;
	return 0;
}

static ssize_t read_pfns(struct file *file, char __user *buffer, size_t size, loff_t *pos)
{
	struct memory *memory = file->private_data;
	ssize_t done;
	u64 pfn;

	for (done = 0; size - done >= sizeof(pfn) && *pos / sizeof(pfn) < MAX_PAGES; done += sizeof(pfn)) {
		struct page *page;

		mutex_lock(&memory->lock);
		page = memory->pages[*pos / sizeof(pfn)];
		pfn = page ? page_to_pfn(page) : 0;
		mutex_unlock(&memory->lock);
		if (copy_to_user(buffer + done, &pfn, sizeof(pfn)))
			return -EFAULT;
		*pos += sizeof(pfn);
	}
	return done;
}

static const struct file_operations file_ops = {
	.owner = THIS_MODULE,
	.open = open,
	.release = release,
	.mmap = map,
	.read = read_pfns,
};

static struct miscdevice device = { .minor = MISC_DYNAMIC_MINOR, .name = "hookmove", .fops = &file_ops };

static int __init hookmove_init(void)
{
	int err = register_hook(true);

	if (err)
		return err;
	err = misc_register(&device);
	if (err)
		register_hook(false);
	return err;
}
module_init(hookmove_init);

static void __exit hookmove_exit(void)
{
	misc_deregister(&device);
	register_hook(false);
}
module_exit(hookmove_exit);

MODULE_LICENSE("GPL");
MODULE_DESCRIPTION("Memory without struct pages, which its hook moves");
