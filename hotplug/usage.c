// SPDX-License-Identifier: LGPL-2.1-or-later
/* Zones and pools of huge pages as they were used when somebody first asked; few plans do. */
#include <stdlib.h>

#include "private.h"

struct mo_usage {
	bool has_zones, has_pools;	/* they were read, or could not be */
	struct mo_zones zones;
	struct mo_pools pools;
};

struct mo_usage *mo_usage_new(void)
{
	return calloc(1, sizeof(struct mo_usage));
}

void mo_usage_free(struct mo_usage *usage)
{
	if (!usage)
		return;
	mo_zones_free(&usage->zones);
	mo_pools_free(&usage->pools);
	free(usage);
}

const struct mo_zones *mo_memory_zones(const struct mo_memory *memory)
{
	struct mo_usage *usage = memory->usage;

	if (!usage->has_zones && mo_zones_read(memory->ctx, &usage->zones))
		usage->zones = (struct mo_zones){ 0 };
	usage->has_zones = true;
	return &usage->zones;
}

const struct mo_pools *mo_memory_pools(const struct mo_memory *memory)
{
	struct mo_usage *usage = memory->usage;

	if (!usage->has_pools && mo_pools_read(memory, &usage->pools))
		usage->pools = (struct mo_pools){ 0 };
	usage->has_pools = true;
	return &usage->pools;
}
