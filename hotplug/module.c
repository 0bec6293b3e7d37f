// SPDX-License-Identifier: LGPL-2.1-or-later
/* The kernel module: is it loaded, can it be, is it in use. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/utsname.h>

#include <libkmod.h>

#include "private.h"

#define NAME "memoffline"
#define ENABLED "/sys/module/" NAME "/parameters/enabled"

bool mo_module_is_loaded(struct mo_ctx *ctx)
{
	return mo_exists(ctx, "/sys/module/" NAME "/parameters");
}

/* ---- in use, or set aside ---- */

bool mo_module_is_enabled(struct mo_ctx *ctx)
{
	char text[8];

	return mo_read_text(ctx, text, sizeof(text), ENABLED) > 0 && *text == 'Y';
}

int mo_module_enable(struct mo_ctx *ctx, bool enabled)
{
	int err = mo_write_text(ctx, enabled ? "Y" : "N", ENABLED);

	if (err == -ENOENT)
		return 0;	/* it was unloaded meanwhile */
	if (err)
		return mo_error(ctx, err, "can't write %s: %s; run it as root", ENABLED, strerror(-err));
	return 0;
}

/* ---- loading ---- */

static void log_kmod(void *data, int priority, const char *file, int line, const char *fn, const char *format,
		     va_list args)
{
	char *text;

	(void)priority;
	(void)file;
	(void)line;
	(void)fn;
	if (vasprintf(&text, format, args) < 0)
		return;
	text[strcspn(text, "\n")] = '\0';
	mo_log(data, MO_LOG_DEBUG, "libkmod: %s", text);
	free(text);
}

static const char *release(struct utsname *name)
{
	return uname(name) ? "this kernel" : name->release;
}

static int not_found(struct mo_ctx *ctx)
{
	struct utsname name;

	return mo_error(ctx, -ENOENT, "there is no module " NAME " for %s; build and install it ('make -C kernel modules_install' and "
			"depmod, or dkms), or do without ('--engine stock')", release(&name));
}

static int find_by_path(struct mo_ctx *ctx, struct kmod_ctx *kmod, struct kmod_module **module)
{
	const char *path = mo_ctx_module(ctx);
	int err = kmod_module_new_from_path(kmod, path, module);

	return err ? mo_error(ctx, err, "can't use the module %s: %s; name the file of a module", path, strerror(-err)) : 0;
}

/* A name stands for itself whether there is a file or not. */
static int find_by_name(struct mo_ctx *ctx, struct kmod_ctx *kmod, struct kmod_module **module)
{
	struct kmod_list *list = NULL;
	int err = kmod_module_new_from_lookup(kmod, NAME, &list);

	if (err < 0)
		return mo_error(ctx, err, "can't look for the module " NAME " in /lib/modules: %s; run depmod",
				strerror(-err));
	if (!list)
		return not_found(ctx);
	*module = kmod_module_get_module(list);
	kmod_module_unref_list(list);
	return 0;
}

static int find(struct mo_ctx *ctx, struct kmod_ctx **kmod, struct kmod_module **module)
{
	int err;

	*kmod = kmod_new(NULL, NULL);
	if (!*kmod)
		return mo_error(ctx, -ENOMEM, "no memory to look for the module " NAME);
	kmod_set_log_fn(*kmod, log_kmod, ctx);
	err = mo_ctx_module(ctx) ? find_by_path(ctx, *kmod, module) : find_by_name(ctx, *kmod, module);
	if (err)
		kmod_unref(*kmod);
	return err;
}

int mo_module_find(struct mo_ctx *ctx)
{
	struct kmod_module *module;
	struct kmod_ctx *kmod;
	int err;

	if (mo_ctx_get_sysroot(ctx))
		return mo_error(ctx, -EROFS, "a recorded tree has no modules; leave --sysroot out");
	err = find(ctx, &kmod, &module);
	if (err)
		return err;
	kmod_module_unref(module);
	kmod_unref(kmod);
	return 0;
}

/* Each setting of the kernel that forbids it, with the way out. NULL: none is known. */
static const char *ban(struct mo_ctx *ctx)
{
	uint64_t disabled = 0;
	char text[128];

	mo_read_u64(ctx, 10, &disabled, "/proc/sys/kernel/modules_disabled");
	if (disabled)
		return "loading of modules was switched off (kernel.modules_disabled); only a restart brings it back";
	if (mo_read_text(ctx, text, sizeof(text), "/sys/kernel/security/lockdown") > 0 && !strstr(text, "[none]"))
		return "the kernel is locked down (Secure Boot) and takes signed modules alone; sign it with a key that is enrolled "
		       "(mokutil --import), as dkms does, or switch Secure Boot off";
	if (mo_read_text(ctx, text, sizeof(text), "/sys/module/module/parameters/sig_enforce") > 0 && *text == 'Y')
		return "the kernel takes signed modules alone; sign it with a key that is enrolled (mokutil --import), as dkms does, or "
		       "boot without module.sig_enforce";
	return NULL;
}

static const char *why_not(struct mo_ctx *ctx, int err)
{
	switch (err) {
	case -EPERM:
	case -EACCES:
	case -EKEYREJECTED:
	case -ENOKEY:
	case -EBADMSG:
		return ban(ctx) ? ban(ctx) : "it takes root, with CAP_SYS_MODULE";
	case -ENOEXEC:
	case -EINVAL:
		return "it was built for another kernel; build it again for this one (make -C kernel, or dkms)";
	case -ENOENT:
		return "this kernel lacks functions that it needs; the kernel's log says which";
	case -ENOMEM:
		return "there is no memory for it; free some";
	default:
		return "the kernel's log may say more";
	}
}

static int insert(struct mo_ctx *ctx, struct kmod_module *module)
{
	int err;

	if (mo_ctx_module(ctx))
		err = kmod_module_insert_module(module, 0, NULL);
	else
		err = kmod_module_probe_insert_module(module, KMOD_PROBE_APPLY_BLACKLIST, NULL, NULL, NULL, NULL);
	if (err == -EEXIST)
		return 0;	/* somebody was faster */
	if (err == KMOD_PROBE_APPLY_BLACKLIST)
		return mo_error(ctx, -EPERM, "modprobe's configuration forbids the module " NAME " (blacklist); load it by hand "
				"(modprobe " NAME ") or remove that line");
	if (err)
		return mo_error(ctx, err, "the kernel did not take the module %s (%s): %s; '--engine stock' does without it",
				kmod_module_get_path(module), strerror(-err), why_not(ctx, err));
	return 0;
}

int mo_module_load(struct mo_ctx *ctx)
{
	struct kmod_module *module;
	struct kmod_ctx *kmod;
	int err;

	if (mo_ctx_get_sysroot(ctx))
		return mo_error(ctx, -EROFS, "no module can be loaded below --sysroot; leave it out");
	if (mo_module_is_loaded(ctx))
		return 0;
	err = find(ctx, &kmod, &module);
	if (err)
		return err;
	err = insert(ctx, module);
	if (!err)
		mo_log(ctx, MO_LOG_INFO, "loaded the module %s", kmod_module_get_path(module));
	kmod_module_unref(module);
	kmod_unref(kmod);
	return err;
}
