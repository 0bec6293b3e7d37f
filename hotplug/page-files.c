// SPDX-License-Identifier: LGPL-2.1-or-later
/* The state of each page, as the kernel tells it, of the memory that is in blocks: the rest is a hole. */
#include <fcntl.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "bundle.h"

#define ENTRY_BYTES sizeof(uint64_t)
#define USUAL_MAX_PAGES (1ULL << 28)	/* 1 TiB of memory */

struct page_file {
	struct mo_bundle *bundle;
	const char *path;
	int fd;
	int err;		/* of the first part that could not be read */
};

/* The kernel does not say how long they are: the last entry that can be read, up to END. */
static int find_length(int fd, uint64_t end, uint64_t *len_bytes)
{
	uint64_t low = 0, high = end / ENTRY_BYTES, middle, entry;
	ssize_t n;

	while (low < high) {
		middle = low + (high - low) / 2;
		n = mo_read_at(fd, &entry, sizeof(entry), middle * ENTRY_BYTES);
		if (n < 0)
			return (int)n;
		if (n == ENTRY_BYTES)
			low = middle + 1;
		else
			high = middle;
	}
	*len_bytes = low * ENTRY_BYTES;
	return 0;
}

static int read_extent(void *data, uint64_t start, void *bytes, size_t len)
{
	struct page_file *file = data;
	ssize_t n = mo_read_at(file->fd, bytes, len, start);

	if (n < 0 && !file->err)
		file->err = (int)n;
	return 0;
}

/* Blocks in a row are one extent. */
static struct mo_extent *extents_of(const struct mo_memory *memory, size_t *nr)
{
	struct mo_extent *extents = calloc(mo_memory_nr_blocks(memory) + 1, sizeof(*extents)), *last = NULL;
	uint64_t len = mo_memory_block_pages(memory) * ENTRY_BYTES;
	const struct mo_block *block;

	for (size_t i = 0; extents && (block = mo_memory_block(memory, i)); i++) {
		if (last && last->start + last->len == block->number * len) {
			last->len += len;
			continue;
		}
		last = &extents[(*nr)++];
		*last = (struct mo_extent){ block->number * len, len };
	}
	return extents;
}

/* Extents as far as LEN_BYTES: the last that is left may become shorter. */
static size_t clip(const struct mo_extent *from, size_t nr, uint64_t len_bytes, struct mo_extent *to)
{
	size_t i;

	for (i = 0; i < nr && from[i].start < len_bytes; i++) {
		to[i] = from[i];
		if (to[i].len > len_bytes - to[i].start)
			to[i].len = len_bytes - to[i].start;
	}
	return i;
}

static int add_open_file(struct page_file *file, const struct mo_extent *extents, size_t nr)
{
	uint64_t len_bytes = 0, end = nr ? extents[nr - 1].start + extents[nr - 1].len : 0;
	struct mo_extent *clipped = calloc(nr + 1, sizeof(*clipped));
	int err;

	if (!clipped)
		return mo_bundle_no_memory(file->bundle);
	file->err = find_length(file->fd, end, &len_bytes);
	err = mo_bundle_add_sparse(file->bundle, file->path, len_bytes, clipped, clip(extents, nr, len_bytes, clipped),
				   read_extent, file);
	if (file->err)
		mo_bundle_miss(file->bundle, file->path, file->err);
	free(clipped);
	return err;
}

static int add_file(struct mo_bundle *bundle, const char *path, const struct mo_extent *extents, size_t nr)
{
	struct page_file file = { .bundle = bundle, .path = path, .fd = mo_open(bundle->ctx, O_RDONLY, "%s", path) };
	int err;

	if (file.fd < 0) {
		mo_bundle_miss(bundle, path, file.fd);
		return 0;
	}
	err = add_open_file(&file, extents, nr);
	close(file.fd);
	return err;
}

static int add_files(struct mo_bundle *bundle, const struct mo_memory *memory)
{
	static const char *const paths[] = { "/proc/kpageflags", "/proc/kpagecount", "/proc/kpagecgroup" };
	size_t nr = 0;
	struct mo_extent *extents = extents_of(memory, &nr);
	int err = extents ? 0 : mo_bundle_no_memory(bundle);

	for (size_t i = 0; i < ARRAY_SIZE(paths) && !err; i++)
		err = add_file(bundle, paths[i], extents, nr);
	free(extents);
	return err;
}

int mo_bundle_add_pages(struct mo_bundle *bundle, enum mo_bundle_pages pages)
{
	struct mo_memory *memory;
	uint64_t nr_pages;
	int err = 0;

	if (pages == MO_BUNDLE_PAGES_NEVER || mo_memory_read(bundle->ctx, &memory))
		return 0;	/* what could not be read of it is told already */
	nr_pages = mo_memory_nr_blocks(memory) * mo_memory_block_pages(memory);
	if (pages == MO_BUNDLE_PAGES_AUTO && nr_pages > USUAL_MAX_PAGES)
		mo_bundle_note(bundle, "the state of %" PRIu64 " pages is left out, since it would take %" PRIu64
			       " MiB before it is compressed: '--pages always' takes it in", nr_pages, nr_pages * 3 * ENTRY_BYTES >> 20);
	else
		err = add_files(bundle, memory);
	mo_memory_unref(memory);
	return err;
}
