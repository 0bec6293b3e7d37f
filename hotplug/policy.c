// SPDX-License-Identifier: LGPL-2.1-or-later
/* The policy: what the administrator wants done with memory that is to go, or that comes; and its text. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <ini.h>

#include "library.h"
#include "policy.h"

#define LINE_BYTES_MAX 190		/* libinih takes 197; what it is built for may differ */
#define PROBLEMS_MAX 100		/* a file that is none has one in each line */
#define NO_SECTION "\001"		/* what inih takes for the name of one that has none */
#define SECTION_KEY "\001"		/* behind each header, so that sections without a key are seen, too */

#define FUNCTIONS(each) \
	each(ini_parse_stream)

LIBRARY(inih, "libinih.so.1 libinih.so.0", FUNCTIONS)

static const struct mo_policy defaults = {
	.source = MO_POLICY_DEFAULTS,
	.timeout_ms = 120000,
	.stall_ms = MO_STALL_USUAL,
	.swap = MO_SWAP_AUTO,
	.gone_timeout_ms = 30000,
	.requests_per_hour = 4,
	.inhibit = true,
	.hook_timeout_ms = 30000,
	.hooks_dir = "/etc/memoffline/hooks.d",
	.online_zone = MO_ZONE_MOVABLE,
	.movable_ratio = 3,
};

struct policy *mo_policy_new(void)
{
	struct policy *policy = calloc(1, sizeof(*policy));

	if (policy)
		policy->values = defaults;
	return policy;
}

struct mo_policy *mo_policy_unref(struct mo_policy *values)
{
	struct policy *policy = (struct policy *)values;

	if (!policy)
		return NULL;
	while (policy->nr_problems)
		free(policy->problems[--policy->nr_problems]);
	free(policy->problems);
	free(policy->to_nodes);
	free(policy->hooks_dir);
	free(policy);
	return NULL;
}

const char *mo_policy_problem(const struct mo_policy *values, size_t i)
{
	const struct policy *policy = (const struct policy *)values;

	return i < policy->nr_problems ? policy->problems[i] : NULL;
}

void mo_policy_problem_add(struct policy *policy, const char *fmt, ...)
{
	char **more = reallocarray(policy->problems, policy->nr_problems + 1, sizeof(*more));
	char *text = NULL;
	va_list args;

	if (more)
		policy->problems = more;
	va_start(args, fmt);
	if (!more || vasprintf(&text, fmt, args) < 0)
		policy->no_memory = true;
	else
		more[policy->nr_problems++] = text;
	va_end(args);
}

void mo_policy_take_values(struct policy *policy, struct policy *from)
{
	free(policy->to_nodes);
	free(policy->hooks_dir);
	policy->values = from ? from->values : defaults;
	policy->to_nodes = from ? from->to_nodes : NULL;
	policy->hooks_dir = from ? from->hooks_dir : NULL;
	if (!from)
		return;
	from->to_nodes = from->hooks_dir = NULL;
	from->values = defaults;
}

/* ---- values ---- */

struct key {
	const char *section, *name;
	bool (*parse)(struct policy *policy, const struct key *key, const char *text);
	size_t at;		/* of the value in struct mo_policy */
	uint32_t least, most;	/* of a number */
	const char *allowed;
};

static void *value_of(struct policy *policy, const struct key *key)
{
	return (char *)&policy->values + key->at;
}

static bool parse_yes(struct policy *policy, const struct key *key, const char *text)
{
	*(bool *)value_of(policy, key) = !strcmp(text, "yes");
	return !strcmp(text, "yes") || !strcmp(text, "no");
}

static bool read_number(const struct key *key, const char *text, uint32_t *number)
{
	unsigned long long value;
	char *end;

	if (*text < '0' || *text > '9')
		return false;
	errno = 0;
	value = strtoull(text, &end, 10);
	*number = (uint32_t)value;
	return !errno && !*end && value >= key->least && value <= key->most;
}

static bool parse_number(struct policy *policy, const struct key *key, const char *text)
{
	return read_number(key, text, value_of(policy, key));
}

static bool parse_seconds(struct policy *policy, const struct key *key, const char *text)
{
	uint32_t seconds;

	if (!read_number(key, text, &seconds))
		return false;
	*(uint32_t *)value_of(policy, key) = seconds * 1000;
	return true;
}

/* In MiB; of what has no unit only 0 is known. */
static bool parse_rate(struct policy *policy, const struct key *key, const char *text)
{
	static const char units[] = "mgt";
	const char *unit;
	uint64_t mib;
	char *end;

	if (*text < '0' || *text > '9')
		return false;
	errno = 0;
	mib = strtoull(text, &end, 10);
	unit = *end ? strchr(units, *end | 0x20) : NULL;
	if (errno || (!unit && (mib || *end)) || (unit && (end[1] || mib > UINT32_MAX)))
		return false;
	mib <<= unit ? 10 * (unit - units) : 0;
	*(uint32_t *)value_of(policy, key) = (uint32_t)mib;
	return mib <= UINT32_MAX;
}

static bool parse_swap(struct policy *policy, const struct key *key, const char *text)
{
	return !mo_swap_parse(text, value_of(policy, key));
}

static bool parse_remedies(struct policy *policy, const struct key *key, const char *text)
{
	return !mo_remedies_parse(text, value_of(policy, key));
}

static bool parse_zone(struct policy *policy, const struct key *key, const char *text)
{
	static const struct { const char *word; enum mo_zone zone; } words[] = {
		{ "movable", MO_ZONE_MOVABLE }, { "kernel", MO_ZONE_NORMAL }, { "auto", MO_ZONE_UNKNOWN },
	};

	for (size_t i = 0; i < ARRAY_SIZE(words); i++) {
		if (strcmp(text, words[i].word))
			continue;
		*(enum mo_zone *)value_of(policy, key) = words[i].zone;
		return true;
	}
	return false;
}

/* TEXT NULL: as if nothing had been said. */
static bool set_text(struct policy *policy, const struct key *key, char **owned, const char *text)
{
	char *copy = text ? strdup(text) : NULL;

	if (text && !copy)
		policy->no_memory = true;
	free(*owned);
	*owned = copy;
	*(const char **)value_of(policy, key) = copy;
	return true;
}

static bool parse_nodes(struct policy *policy, const struct key *key, const char *text)
{
	struct mo_nodeset set;

	if (!strcmp(text, "all"))
		return set_text(policy, key, &policy->to_nodes, NULL);
	return !mo_nodeset_parse(text, &set) && set_text(policy, key, &policy->to_nodes, text);
}

static bool parse_directory(struct policy *policy, const struct key *key, const char *text)
{
	return *text == '/' && set_text(policy, key, &policy->hooks_dir, text);
}

#define AT(member) offsetof(struct mo_policy, member)
#define ERRORS_MAX 1000000000

static const struct key keys[] = {
	{ "remove", "udev", parse_yes, AT(remove_by_udev), 0, 0, "yes or no" },
	{ "remove", "timeout", parse_seconds, AT(timeout_ms), 1, 86400, "1 to 86400 (seconds)" },
	{ "remove", "stall", parse_seconds, AT(stall_ms), 0, 86400, "0 to 86400 (seconds)" },
	{ "remove", "swap", parse_swap, AT(swap), 0, 0, "never, fallback or evict" },
	{ "remove", "remedy", parse_remedies, AT(remedies), 0, 0,
	  "none, all, or a list of cache, pageout, slab and cgroup" },
	{ "remove", "nodes", parse_nodes, AT(to_nodes), 0, 0, "all, or a list of nodes as 0,2-3" },
	{ "remove", "max-rate", parse_rate, AT(max_mib_s), 0, 0, "0, or 1m to 4095t (in a second)" },
	{ "remove", "gone-timeout", parse_seconds, AT(gone_timeout_ms), 1, 86400, "1 to 86400 (seconds)" },
	{ "remove", "requests", parse_number, AT(requests_per_hour), 0, 3600, "0 to 3600 (an hour)" },
	{ "remove", "wall", parse_yes, AT(wall), 0, 0, "yes or no" },
	{ "remove", "inhibit", parse_yes, AT(inhibit), 0, 0, "yes or no" },
	{ "hooks", "timeout", parse_seconds, AT(hook_timeout_ms), 1, 86400, "1 to 86400 (seconds)" },
	{ "hooks", "directory", parse_directory, AT(hooks_dir), 0, 0, "a path that begins with /" },
	{ "online", "udev", parse_yes, AT(online_by_udev), 0, 0, "yes or no" },
	{ "online", "zone", parse_zone, AT(online_zone), 0, 0, "movable, kernel or auto" },
	{ "online", "ratio", parse_number, AT(movable_ratio), 0, 1000, "0 to 1000" },
	{ "errors", "page", parse_number, AT(error_page), 0, ERRORS_MAX, "0 to 1000000000" },
	{ "errors", "block", parse_number, AT(error_block), 0, ERRORS_MAX, "0 to 1000000000" },
	{ "errors", "device", parse_number, AT(error_device), 0, ERRORS_MAX, "0 to 1000000000" },
};

/* ---- a text, line by line ---- */

struct reading {
	struct policy *policy;
	const char *path;
	const char *text, *end;		/* that is left */
	unsigned int line;
	bool wants_key;			/* what inih was given last must turn out to be one */
	bool wants_section;		/* and before the next line, whether it knows the section */
};

static void PRINTF(2, 3) complain(struct reading *reading, const char *fmt, ...)
{
	char *text = NULL;
	va_list args;

	va_start(args, fmt);
	if (vasprintf(&text, fmt, args) < 0)
		text = NULL;
	va_end(args);
	if (text)
		mo_policy_problem_add(reading->policy, "%s:%u: %s", reading->path, reading->line, text);
	else
		reading->policy->no_memory = true;
	free(text);
}

/* "udev, timeout, ..." of a section; without one, "[remove], [hooks], ...". */
struct names { char text[160]; };

static struct names names_in(const char *section)
{
	struct names names = { "" };
	size_t len = 0;

	for (size_t i = 0; i < ARRAY_SIZE(keys); i++) {
		if (section ? strcmp(keys[i].section, section) : i && !strcmp(keys[i].section, keys[i - 1].section))
			continue;
		len += (size_t)snprintf(names.text + len, sizeof(names.text) - len, section ? "%s%s" : "%s[%s]",
					len ? ", " : "", section ? keys[i].name : keys[i].section);
	}
	return names;
}

static bool is_section(const char *name)
{
	for (size_t i = 0; i < ARRAY_SIZE(keys); i++)
		if (!strcmp(keys[i].section, name))
			return true;
	return false;
}

static const struct key *find_key(const char *section, const char *name)
{
	for (size_t i = 0; i < ARRAY_SIZE(keys); i++)
		if (!strcmp(keys[i].section, section) && !strcmp(keys[i].name, name))
			return &keys[i];
	return NULL;
}

/* Called by inih. What stands in a section that is not known has been told with the section. */
static int take(void *data, const char *section, const char *name, const char *value)
{
	struct reading *reading = data;
	const struct key *key = find_key(section, name);

	reading->wants_key = false;
	if (!strcmp(name, SECTION_KEY)) {
		if (!is_section(section))
			complain(reading, "there is no section [%s]; there are %s", section, names_in(NULL).text);
	} else if (!*section) {
		complain(reading, "'%s' stands before any section; begin one, there are %s", name, names_in(NULL).text);
	} else if (!key && is_section(section)) {
		complain(reading, "there is no key '%s' in [%s]; there are %s", name, section, names_in(section).text);
	} else if (key && !key->parse(reading->policy, key, value ? value : "")) {
		complain(reading, "%s can't be '%s'; it is %s", name, value ? value : "", key->allowed);
	}
	return 1;
}

static bool is_blank(const char *text)
{
	text += strspn(text, " \t\r\v\f");
	return !*text || strchr("#;", *text);
}

/* What inih gets instead of LINE, or NULL: it is to see nothing of it. */
static const char *judge(struct reading *reading, const char *line)
{
	const char *end = strchr(line, ']');

	if (is_blank(line))
		return NULL;
	reading->wants_key = *line != '[';
	if (reading->wants_key)
		return line;
	reading->wants_section = end && is_blank(end + 1);
	if (reading->wants_section)
		return line;
	complain(reading, end ? "nothing may stand behind the ] of a section; begin a new line"
			      : "the name of a section ends with ]; complete it");
	return "[" NO_SECTION "]";
}

static const char *take_line(struct reading *reading, char *line, size_t size)
{
	const char *start = reading->text, *newline = memchr(start, '\n', (size_t)(reading->end - start));
	size_t len = (size_t)((newline ? newline : reading->end) - start);

	reading->text += len + !!newline;
	reading->line++;
	while (len && strchr(" \t\r", *start) && *start)	/* inih would take it for more of the line before */
		start++, len--;
	if (memchr(start, '\0', len))
		complain(reading, "there is a NUL byte in it; the file is damaged, or no text");
	else if (len > LINE_BYTES_MAX || len >= size)
		complain(reading, "the line has %zu bytes; %d are allowed", len, LINE_BYTES_MAX);
	else {
		memcpy(line, start, len);
		line[len] = '\0';
		return judge(reading, line);
	}
	return NULL;
}

static void end_line(struct reading *reading)
{
	if (reading->wants_key)
		complain(reading, "this is no 'key = value', and no [section]; a comment begins with # or ;");
	reading->wants_key = false;
}

/* Called by inih, for each line. */
static char *next_line(char *line, int size, void *stream)
{
	struct reading *reading = stream;
	const char *text = NULL;

	end_line(reading);
	if (reading->wants_section)
		text = SECTION_KEY "=";
	reading->wants_section = false;
	while (!text && reading->text < reading->end && reading->policy->nr_problems < PROBLEMS_MAX)
		text = take_line(reading, line, (size_t)size);
	if (text && text != line)
		snprintf(line, (size_t)size, "%s", text);
	return text ? line : NULL;
}

int mo_policy_can_parse(const char **why)
{
	int err = open_inih();

	*why = inih.why;
	return err;
}

void mo_policy_parse(struct policy *policy, const char *path, const char *text, size_t len)
{
	struct reading reading = { .policy = policy, .path = path, .text = text, .end = text + len };

	inih.ini_parse_stream(next_line, &reading, take, &reading);
	end_line(&reading);
}
