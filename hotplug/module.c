// SPDX-License-Identifier: LGPL-2.1-or-later
/* The kernel module: is it loaded, can it be, is it in use. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/utsname.h>

#include <libkmod.h>

#include "library.h"
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

/* ---- looking for it ---- */

/* With what it needs itself (libcrypto) it takes a third of the memory of a short command. */
#define LIBKMOD "libkmod.so.2"
#define FUNCTIONS(each) \
	each(kmod_new) \
	each(kmod_unref) \
	each(kmod_set_log_fn) \
	each(kmod_module_new_from_path) \
	each(kmod_module_new_from_lookup) \
	each(kmod_module_get_module) \
	each(kmod_module_get_path) \
	each(kmod_module_insert_module) \
	each(kmod_module_probe_insert_module) \
	each(kmod_module_unref) \
	each(kmod_module_unref_list)

struct search {
	struct mo_ctx *ctx;
	void *handle;
	FUNCTIONS(LIBRARY_MEMBER)
	struct kmod_ctx *kmod;
	struct kmod_module *module;
};

static int open_libkmod(struct search *library)
{
	library->handle = dlopen(LIBKMOD, RTLD_NOW);
	if (!library->handle || FUNCTIONS(LIBRARY_FIND) false)
		return mo_error(library->ctx, -ELIBACC, "can't look for the module " NAME ": %s; install libkmod, "
				"or do without ('--engine stock')", dlerror());
	return 0;
}

static void end_search(struct search *search)
{
	if (search->module)
		search->kmod_module_unref(search->module);
	if (search->kmod)
		search->kmod_unref(search->kmod);
	if (search->handle)
		dlclose(search->handle);
}

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

static int find_by_path(struct search *search)
{
	const char *path = mo_ctx_module(search->ctx);
	int err = search->kmod_module_new_from_path(search->kmod, path, &search->module);

	return err ? mo_error(search->ctx, err, "can't use the module %s: %s; name the file of a module", path,
			      strerror(-err)) : 0;
}

/* A name stands for itself whether there is a file or not. */
static int find_by_name(struct search *search)
{
	struct kmod_list *list = NULL;
	int err = search->kmod_module_new_from_lookup(search->kmod, NAME, &list);

	if (err < 0)
		return mo_error(search->ctx, err, "can't look for the module " NAME " in /lib/modules: %s; run depmod",
				strerror(-err));
	if (!list)
		return not_found(search->ctx);
	search->module = search->kmod_module_get_module(list);
	search->kmod_module_unref_list(list);
	return 0;
}

/* The search is to be ended also when it fails. */
static int find(struct search *search)
{
	struct mo_ctx *ctx = search->ctx;
	int err = open_libkmod(search);

	if (err)
		return err;
	search->kmod = search->kmod_new(NULL, NULL);
	if (!search->kmod)
		return mo_error(ctx, -ENOMEM, "no memory to look for the module " NAME);
	search->kmod_set_log_fn(search->kmod, log_kmod, ctx);
	return mo_ctx_module(ctx) ? find_by_path(search) : find_by_name(search);
}

int mo_module_find(struct mo_ctx *ctx)
{
	struct search search = {.ctx = ctx};
	int err;

	if (mo_ctx_get_sysroot(ctx))
		return mo_error(ctx, -EROFS, "a recorded tree has no modules; leave --sysroot out");
	err = find(&search);
	end_search(&search);
	return err;
}

/* ---- loading ---- */

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

static int insert(struct search *search)
{
	struct mo_ctx *ctx = search->ctx;
	int err;

	if (mo_ctx_module(ctx))
		err = search->kmod_module_insert_module(search->module, 0, NULL);
	else
		err = search->kmod_module_probe_insert_module(search->module, KMOD_PROBE_APPLY_BLACKLIST,
							      NULL, NULL, NULL, NULL);
	if (err == -EEXIST)
		return 0;	/* somebody was faster */
	if (err == KMOD_PROBE_APPLY_BLACKLIST)
		return mo_error(ctx, -EPERM, "modprobe's configuration forbids the module " NAME " (blacklist); load it by hand "
				"(modprobe " NAME ") or remove that line");
	if (err)
		return mo_error(ctx, err, "the kernel did not take the module %s (%s): %s; '--engine stock' does without it",
				search->kmod_module_get_path(search->module), strerror(-err), why_not(ctx, err));
	mo_log(ctx, MO_LOG_INFO, "loaded the module %s", search->kmod_module_get_path(search->module));
	return 0;
}

int mo_module_load(struct mo_ctx *ctx)
{
	struct search search = {.ctx = ctx};
	int err;

	if (mo_ctx_get_sysroot(ctx))
		return mo_error(ctx, -EROFS, "no module can be loaded below --sysroot; leave it out");
	if (mo_module_is_loaded(ctx))
		return 0;
	err = find(&search);
	if (!err)
		err = insert(&search);
	end_search(&search);
	return err;
}
