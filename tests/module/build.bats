#!/usr/bin/env bats
# SPDX-License-Identifier: GPL-2.0-only
# The module as others build it: by its own makefile, by DKMS, for a kernel without migration. On the headers of Debian's
# kernels, in folders that are thrown away.

setup_file() {
	export lab=$BATS_TEST_DIRNAME/../guest
	export source_dir=$BATS_TEST_DIRNAME/../../kernel
	for series in 6.12 6.1; do "$lab/fetch-kernel" "$series" >"$BATS_FILE_TMPDIR/$series"; done
}

setup() {
	kernel 6.12
	cd "$BATS_TEST_TMPDIR"
	unset MAKEFLAGS MAKELEVEL MFLAGS GNUMAKEFLAGS
}

# kernel SERIES: sets release and kdir
kernel() {
	local folder

	folder=$(<"$BATS_FILE_TMPDIR/$1")
	release=$(ls "$folder/lib/modules")
	kdir=$(readlink -f "$folder/build")
}

copy() {
	mkdir core
	(cd "$source_dir" && find . -name '*.[ch]' -not -name '*.mod.c' -o -name 'K*' -o -name Makefile -o -name dkms.conf) |
		(cd "$source_dir" && cpio -pdm --quiet "$BATS_TEST_TMPDIR/core")
	find core -type f | sort >before
}

no_warning() {
	! grep -E 'warning:|WARNING:|error:' "$1"
}

# A kernel that was configured without it, as far as what is built for it can tell.
without() {	# OPTION
	local name

	mkdir kdir
	for name in Makefile .config .kernelvariables Module.symvers arch scripts tools; do
		[ ! -e "$kdir/$name" ] || ln -s "$(readlink -f "$kdir/$name")" kdir/$name
	done
	cp -a "$kdir/include" kdir/
	grep -q "^#define $1 1" kdir/include/generated/autoconf.h
	sed -i "/\b$1\b/d" kdir/include/generated/autoconf.h kdir/include/config/auto.conf
}

# vermagic FILE
vermagic() { modinfo -F vermagic "$1" | cut -d' ' -f1; }

# What the kernel's own headers do to sparse is not ours.
@test "make -C kernel KDIR=... builds, installs and cleans; gcc and sparse find nothing, on both kernels" {
	command -v sparse >/dev/null || skip "sparse is not installed"
	for series in 6.12 6.1; do
		kernel $series
		copy
		make -C core "KDIR=$kdir" -j "$(nproc)" C=2 CHECK=sparse >log 2>&1 || { cat log; false; }
		grep -q CHECK log
		no_warning <(grep -v "^$(dirname "$kdir")" log)
		[ "$(vermagic core/memoffline.ko)" = "$release" ]
		make -C core "KDIR=$kdir" install INSTALL_MOD_PATH="$PWD/root-$series" CONFIG_MODULE_SIG_ALL= DEPMOD=true
		installed=$(find "root-$series/lib/modules/$release" -name 'memoffline.ko*')
		[ "$(vermagic "$installed")" = "$release" ]
		make -C core "KDIR=$kdir" clean
		find core -type f | sort | diff before -
		rm -r core
	done
}

@test "DKMS adds, builds, installs and removes it" {
	command -v dkms >/dev/null || skip "dkms is not installed"
	[ "$EUID" -eq 0 ] || skip "dkms needs root"
	mkdir -p tree src "modules/$release"
	make -s -C "${MEMOFFLINE_BUILD:-$BATS_TEST_DIRNAME/../..}" install-data-local DESTDIR="$PWD/root" prefix=/usr
	mv root/usr/src/memoffline-* core
	version=$(sed -n 's/^PACKAGE_VERSION="\(.*\)"/\1/p' core/dkms.conf)
	places=(--dkmstree "$PWD/tree" --sourcetree "$PWD/src")
	kernel=(-k "$release" --kernelsourcedir "$kdir" --installtree "$PWD/modules" --no-depmod)
	dkms add "$PWD/core" "${places[@]}"
	dkms build "memoffline/$version" "${places[@]}" "${kernel[@]}" || { cat tree/memoffline/*/build/make.log; false; }
	dkms install "memoffline/$version" "${places[@]}" "${kernel[@]}"
	file=$(find modules -name 'memoffline.ko*')
	[ "$(vermagic "$file")" = "$release" ]
	[ "$(modinfo -F version "$file")" = "$version" ]
	dkms status --dkmstree "$PWD/tree" | grep -q "memoffline/$version.*installed"
	dkms remove "memoffline/$version" --all "${places[@]}" --installtree "$PWD/modules" --no-depmod
	[ -z "$(find modules -name 'memoffline.ko*')" ]
}

# build_hook DEFINE...: the example of docs/module.md, built on its own with what the core's build left
build_hook() {
	mkdir hook
	sed -n '/^```c$/,/^```$/{ /^```/d; p }' "$BATS_TEST_DIRNAME/../../docs/module.md" >hook/hook.c
	[ -s hook/hook.c ]
	printf '%s\n' 'obj-m += hook.o' "ccflags-y += -I$PWD/core/include $*" \
		"KBUILD_EXTRA_SYMBOLS = $PWD/core/Module.symvers" >hook/Kbuild
	make -C "${kdir_of_hook:-$kdir}" M="$PWD/hook" modules >log 2>&1 || { cat log; false; }
	no_warning log
}

@test "the hook in the manual builds on both kernels, and needs nothing where the module is not there" {
	for series in 6.12 6.1; do
		kernel $series
		copy
		make -C core "KDIR=$kdir" -j "$(nproc)" >log 2>&1 || { cat log; false; }
		build_hook -DCONFIG_MEMOFFLINE_MODULE=1
		nm hook/hook.ko | grep -w 'U memoffline_register_vma_migrate'
		[ "$(modinfo -F depends hook/hook.ko)" = memoffline ]
		rm -r hook
		build_hook
		! nm hook/hook.ko | grep memoffline_register_vma_migrate
		rm -r hook core
	done
}

@test "without CONFIG_MIGRATION it builds, with stubs in the core's place" {
	copy
	without CONFIG_MIGRATION
	make -C core "KDIR=$PWD/kdir" -j "$(nproc)" >log 2>&1 || { cat log; false; }
	no_warning log
	[ ! -e core/migrate.o ]
	[ -e core/dev.o ]
	! nm core/memoffline.ko | grep -wE 'mo_evacuate|mo_isolate|mo_migrate|mo_putback|memoffline_register_vma_migrate'
	kdir_of_hook=$PWD/kdir
	build_hook -DCONFIG_MEMOFFLINE_MODULE=1
	! nm hook/hook.ko | grep memoffline_register_vma_migrate
}
