// SPDX-License-Identifier: GPL-2.0-only
/* What a page holds: where it belongs and how often it was written. */
#include "live.h"

uint64_t word_of(uint64_t place, uint32_t generation, size_t i)
{
	uint64_t x = place + generation * 0x9e3779b97f4a7c15ULL + i * 0xbf58476d1ce4e5b9ULL;

	return i == 0 ? place : i == 1 ? generation : x ^ (x >> 29);
}

void fill_page(uint64_t *page, uint64_t place, uint32_t generation)
{
	for (size_t i = 0; i < PAGE_WORDS; i++)
		page[i] = word_of(place, generation, i);
}

int check_page(const uint64_t *page, uint64_t place, uint32_t generation)
{
	for (size_t i = 0; i < PAGE_WORDS; i++)
		if (page[i] != word_of(place, generation, i))
			return (int)i;
	return -1;
}

bool is_zero_page(const uint64_t *page)
{
	for (size_t i = 0; i < PAGE_WORDS; i++)
		if (page[i])
			return false;
	return true;
}
