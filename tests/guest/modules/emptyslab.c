// SPDX-License-Identifier: GPL-2.0-only
/*
 * Slabs without an object in use, which their cache keeps for later: they go when the cache is shrunk.
 *
 *	insmod emptyslab.ko; echo 1 > /sys/module/emptyslab/parameters/fill	# on node 1
 */
#include <linux/mm.h>
#include <linux/module.h>
#include <linux/slab.h>

#define NR_OBJECTS 512
#define OBJECT_BYTES 2000

static struct kmem_cache *cache;

/* A cache with a constructor shares its slabs with no other. */
static void make(void *object)
{
	memset(object, 0, OBJECT_BYTES);
}

static int fill(const char *text, const struct kernel_param *param)
{
	void **objects = kvcalloc(NR_OBJECTS, sizeof(*objects), GFP_KERNEL);
	int node, err = kstrtoint(text, 0, &node), nr = 0;

	if (!objects)
		return -ENOMEM;
	while (!err && nr < NR_OBJECTS) {
		objects[nr] = kmem_cache_alloc_node(cache, GFP_KERNEL | __GFP_THISNODE, node);
		if (!objects[nr])
			err = -ENOMEM;
		else
			nr++;
	}
	while (nr)
		kmem_cache_free(cache, objects[--nr]);
	kvfree(objects);
	return err;
}

static const struct kernel_param_ops fill_ops = { .set = fill };
module_param_cb(fill, &fill_ops, NULL, 0200);
MODULE_PARM_DESC(fill, "Number of the node where slabs are filled and emptied");

static int __init emptyslab_init(void)
{
	cache = kmem_cache_create("mo_emptyslab", OBJECT_BYTES, 0, 0, make);
	return cache ? 0 : -ENOMEM;
}
module_init(emptyslab_init);

static void __exit emptyslab_exit(void)
{
	kmem_cache_destroy(cache);
}
module_exit(emptyslab_exit);

MODULE_DESCRIPTION("Slabs without an object in use");
MODULE_LICENSE("GPL");
