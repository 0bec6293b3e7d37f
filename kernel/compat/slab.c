// SPDX-License-Identifier: GPL-2.0-only
/*
 * The cache that a slab belongs to. Where struct slab and struct kmem_cache have what is needed is known to mm/ alone,
 * so that is found out on a cache of our own, whose address and name are known. Nothing is locked: a cache may go while
 * its name is read.
 */
#include <linux/mm.h>
#include <linux/slab.h>
#include <linux/string.h>
#include <linux/uaccess.h>

#include "compat.h"

#define PROBE_NAME	"memoffline_probe"
#define NOT_FOUND	-1
#define CACHE_WORDS	64	/* of struct kmem_cache that are searched for its name */

static int cache_word = NOT_FOUND;	/* of struct slab */
static int name_word = NOT_FOUND;	/* of struct kmem_cache */

static unsigned long word_at(const void *start, int word)
{
	unsigned long value;

	if (copy_from_kernel_nofault(&value, (const unsigned long *)start + word, sizeof(value)))
		return 0;
	return value;
}

static int find_cache(const struct folio *folio, const struct kmem_cache *cache)
{
	int word;

	for (word = 0; word < sizeof(struct page) / sizeof(unsigned long); word++)
		if (word_at(folio, word) == (unsigned long)cache)
			return word;
	return NOT_FOUND;
}

static int find_name(const struct kmem_cache *cache)
{
	char name[sizeof(PROBE_NAME)];
	int word;

	for (word = 0; word < CACHE_WORDS; word++)
		if (!copy_from_kernel_nofault(name, (void *)word_at(cache, word), sizeof(name)) &&
		    !memcmp(name, PROBE_NAME, sizeof(name)))
			return word;
	return NOT_FOUND;
}

/* The kernel shares the caches of others, but none that has a constructor. */
static void keep_apart(void *object)
{
}

bool mo_slab_init(void)
{
	struct kmem_cache *cache = kmem_cache_create(PROBE_NAME, sizeof(long), 0, 0, keep_apart);
	void *object;

	if (!cache)
		return false;
	object = kmem_cache_alloc(cache, GFP_KERNEL);
	if (object) {
		cache_word = find_cache(page_folio(virt_to_page(object)), cache);
		name_word = find_name(cache);
		kmem_cache_free(cache, object);
	}
	kmem_cache_destroy(cache);
	return cache_word != NOT_FOUND && name_word != NOT_FOUND;
}

/* Names are read byte by byte, since what follows a short one may not be there. */
static void copy_name(const char *from, char *name, size_t size)
{
	size_t i;

	for (i = 0; i < size - 1; i++)
		if (copy_from_kernel_nofault(&name[i], from + i, 1) || !name[i])
			break;
	name[i] = '\0';
}

void mo_slab_cache_name(struct folio *folio, char *name, size_t size)
{
	const void *cache;

	*name = '\0';
	if (cache_word == NOT_FOUND || name_word == NOT_FOUND)
		return;
	cache = (const void *)word_at(folio, cache_word);
	copy_name((const char *)word_at(cache, name_word), name, size);
	if (!folio_test_slab(folio) || word_at(folio, cache_word) != (unsigned long)cache)
		*name = '\0';	/* it was freed meanwhile, so that this may be anything */
}
