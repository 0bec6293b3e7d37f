// SPDX-License-Identifier: GPL-2.0-only
/* memoffline bundle: one archive with all that a report of a problem needs. */
#include <inttypes.h>
#include <string.h>
#include <unistd.h>

#include "command.h"
#include "out.h"

enum { OPTION_REDACT = OPTION_FIRST, OPTION_PAGES };

static const struct option_text options[] = {
	{ OPTION_REDACT, "redact", NULL, "names of processes, files and cgroups, and serial numbers, become other words" },
	{ OPTION_PAGES, "pages", "WHEN", "the state of each page: always, never, or auto, the usual: up to 1 TiB of memory" },
	{ 0 }
};

static enum mo_bundle_pages parse_pages(const struct call *call, const char *text)
{
	static const char *const words[] = { "auto", "always", "never" };

	for (size_t i = 0; i < sizeof(words) / sizeof(words[0]); i++)
		if (!strcmp(text, words[i]))
			return (enum mo_bundle_pages)i;
	usage_error(call, "--pages takes always, never or auto, not '%s'", text);
}

/* Where the bundle itself goes to standard output, this is no place for words. */
static void print_bundle(const struct call *call, const struct mo_bundle_request *request,
			 const struct mo_bundle *bundle)
{
	const char *note;

	for (size_t i = 0; !call->quiet && (note = mo_bundle_note_text(bundle, i)); i++)
		tell("note: %s", note);
	if (!request->path)
		return;
	if (call->json) {
		puts(mo_bundle_manifest(bundle));
		return;
	}
	say("%s: %" PRIu64 " files", request->path, mo_bundle_nr_files(bundle));
	if (call->quiet)
		return;
	say_item("  look at it:  ", "memoffline list --sysroot %s", request->path);
	if (!request->redact)
		say_item("  note:        ", "it names processes, files and cgroups of this machine, and serial numbers: '--redact' "
			 "puts other words in their place");
}

static int write_bundle(struct call *call, const struct mo_bundle_request *request)
{
	struct mo_bundle *bundle;
	int err = mo_bundle_write(call->ctx, request, &bundle);

	if (err)
		return tell_error(call, err);
	print_bundle(call, request, bundle);
	mo_bundle_unref(bundle);
	return EXIT_SUCCESS;
}

static int run(struct call *call)
{
	struct mo_bundle_request request = MO_BUNDLE_REQUEST_INIT;
	const char *path;
	int id;

	while ((id = call_option(call)) != -1) {
		if (id == OPTION_REDACT)
			request.redact = true;
		else if (id == OPTION_PAGES)
			request.pages = parse_pages(call, optarg);
	}
	path = call_one_arg(call, "file");
	if (!path || !*path)
		usage_error(call, "which file? '-' is standard output");
	if (strcmp(path, "-")) {
		request.path = path;
		return write_bundle(call, &request);
	}
	if (call->json)
		usage_error(call, "standard output can't take both the bundle and --json; name a file");
	if (out_is_terminal(stdout))
		usage_error(call, "a bundle is nothing for a terminal; name a file, or send standard output elsewhere");
	request.fd = STDOUT_FILENO;
	return write_bundle(call, &request);
}

const struct command cmd_bundle = {
	.name = "bundle",
	.summary = "write all that a report of a problem needs to one file",
	.args = "FILE",
	.about = "Writes a tar archive, compressed by gzip, of what memoffline reads of this machine: blocks, nodes and devices, "
		 "the state of each page, what keeps memory now and whose it is, reports, history, configuration, and lines of the "
		 "kernel's log that are about memory. No content of memory is in it. Commands that only look take it as --sysroot. "
		 "A FILE that exists is replaced when the new one is complete; '-' is standard output.",
	.options = options,
	.exits = "  0  written, also where parts could not be read: memoffline/manifest.json in it tells which\n"
		 "  1  failed\n  2  wrong options\n",
	.examples = "  memoffline bundle --redact report.tar.gz\n"
		    "  memoffline why last --sysroot report.tar.gz\n",
	.run = run,
};
