/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* What policy.c, a policy and its text, and policy-files.c, where texts come from, know of each other. */
#ifndef MO_POLICY_H
#define MO_POLICY_H

#include "private.h"

/* The policy as the library's users see it is the head of what is read. */
struct policy {
	struct mo_policy values;
	char *to_nodes, *hooks_dir;	/* the text behind values, or NULL */
	char **problems;
	size_t nr_problems;
	bool no_memory;
};

struct policy *mo_policy_new(void);	/* the defaults; NULL: no memory */
void mo_policy_problem_add(struct policy *policy, const char *fmt, ...) PRINTF(2, 3);
/* Its values become those of FROM, NULL: the defaults. Problems stay. */
void mo_policy_take_values(struct policy *policy, struct policy *from);
/* 0, or -ELIBACC and the rest of a sentence that says why no text can be parsed. */
int mo_policy_can_parse(const char **why);
/* Values in the text replace others, problems are added. PATH is for these alone. */
void mo_policy_parse(struct policy *policy, const char *path, const char *text, size_t len_bytes);

#endif
