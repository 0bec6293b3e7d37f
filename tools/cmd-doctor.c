// SPDX-License-Identifier: GPL-2.0-only
/* memoffline doctor: what will get in the way, and what to do about it. */
#include "command.h"
#include "out.h"

static const enum out_colour colours[] = {
	[MO_HEALTH_OK] = OUT_GREEN,
	[MO_HEALTH_NOTE] = OUT_PLAIN,
	[MO_HEALTH_WARNING] = OUT_YELLOW,
	[MO_HEALTH_PROBLEM] = OUT_RED,
};

static void print_findings(const struct call *call, const struct mo_doctor *doctor)
{
	const struct mo_finding *finding;
	char label[48];

	for (size_t i = 0; (finding = mo_doctor_finding(doctor, i)); i++) {
		if (call->quiet && finding->health < MO_HEALTH_WARNING)
			continue;
		snprintf(label, sizeof(label), "%s%-8s%s ", out_colour(stdout, colours[finding->health]), mo_health_name(finding->health),
			 out_colour(stdout, OUT_PLAIN));
		say_item(label, "%s: %s", finding->key, finding->text);
		snprintf(label, sizeof(label), "%-9s-> ", "");
		if (*finding->remedy)
			say_item(label, "%s", finding->remedy);
	}
}

static void print_json(const struct mo_doctor *doctor, enum mo_health worst)
{
	struct json_object *object = json_new(), *list, *item;
	const struct mo_finding *finding;

	json_text(object, "health", mo_health_name(worst));
	list = json_list(object, "findings");
	for (size_t i = 0; (finding = mo_doctor_finding(doctor, i)); i++) {
		item = json_item(list);
		json_text(item, "health", mo_health_name(finding->health));
		json_text(item, "key", finding->key);
		json_text(item, "text", finding->text);
		json_text(item, "remedy", finding->remedy);
	}
	json_print(object, false);
}

static int run(struct call *call)
{
	const struct mo_finding *finding;
	enum mo_health worst = MO_HEALTH_OK;
	struct mo_doctor *doctor;
	int err;

	while (call_option(call) != -1)
		;
	call_no_args(call);
	err = mo_doctor_new(call->ctx, &doctor);
	if (err)
		return tell_error(call, err);
	for (size_t i = 0; (finding = mo_doctor_finding(doctor, i)); i++)
		if (finding->health > worst)
			worst = finding->health;
	if (call->json)
		print_json(doctor, worst);
	else
		print_findings(call, doctor);
	mo_doctor_unref(doctor);
	return worst == MO_HEALTH_PROBLEM ? EXIT_FAILURE : EXIT_SUCCESS;
}

static const struct option_text options[] = { { 0 } };

const struct command cmd_doctor = {
	.name = "doctor",
	.summary = "say what will get in the way on this machine, and the remedy",
	.args = "",
	.about = "Looks at the kernel's configuration, boot options, udev rules and permissions for what will get in the way "
		 "of memory that shall go. With --quiet, only warnings and problems are shown. Writes nothing.",
	.options = options,
	.exits = "  0  no problem\n  1  a problem, or it failed\n  2  wrong options\n",
	.examples = "  memoffline doctor\n  memoffline doctor --json\n",
	.run = run,
};
