# SPDX-License-Identifier: GPL-2.0-only
# shellcheck shell=bash disable=SC2154
# Kernels, the lab's own programs and the initramfs, all kept in the cache.
# Uses: lab_dir (tests/guest), cache; die MESSAGE (ends with status 125).

# What the guest needs before it has a root file system.
initramfs_modules=(virtio_pci virtio_console 9p 9pnet_virtio overlay)

# What other versions of the lab left behind and nobody has built for two weeks.
forget_old() {
	find "$1" -mindepth 1 -maxdepth 1 -mtime +14 -exec rm -rf {} +
}

# with_lock NAME COMMAND...
with_lock() (
	mkdir -p "$cache" || die "cannot make the cache $cache"
	exec 9>"$cache/$1.lock" || die "cannot write in the cache $cache"
	flock 9
	shift
	"$@" 9>&-
)

lab_version() {
	cat "$lab_dir"/lib/*.[ch] "$lab_dir"/lib/systemd/* "$lab_dir/lib/kernel.bash" | sha256sum | cut -c1-16
}

compile_programs() {
	local to=$1 new cc=${CC:-cc}
	local flags=(-std=gnu11 -D_GNU_SOURCE -O2 -Wall -Wextra)

	[[ -d $to ]] && return
	command -v "$cc" >/dev/null || die "no C compiler ($cc); install gcc and libc6-dev, or run ./bootstrap"
	new=$(mktemp -d "$cache/lab.XXXXXX")
	(
		cd "$lab_dir/lib" || exit
		"$cc" "${flags[@]}" -static -o "$new/guest" boot.c systemd.c agent.c ask.c frame.c &&
			"$cc" "${flags[@]}" -o "$new/host" host.c vm.c console.c qmp.c requests.c frame.c -ljson-c
	) || die "cannot compile the lab's programs; install libc6-dev and libjson-c-dev, or run ./bootstrap"
	mkdir -p "${to%/*}"
	forget_old "${to%/*}"
	mv -T "$new" "$to"
}

# Prints the folder of the lab's two programs.
lab_programs() {
	local to="$cache/lab/$1"

	[[ -d $to ]] || with_lock lab compile_programs "$to" || return
	echo "$to"
}

# Prints the folder of a kernel: vmlinuz, config, lib/modules/RELEASE.
kernel_folder() {
	case $1 in
	debug)
		[[ -e $cache/kernels/debug/vmlinuz ]] ||
			die "there is no debug kernel: $cache/kernels/debug/vmlinuz does not exist. Build one (./bootstrap debug-kernel) or take --kernel 6.12"
		echo "$cache/kernels/debug"
		;;
	builtin)
		[[ -e $cache/kernels/builtin/vmlinuz ]] ||
			die "there is no kernel with the core built in: $cache/kernels/builtin/vmlinuz does not exist. Build one (tests/guest/debug-kernel --builtin) or take --kernel 6.12"
		echo "$cache/kernels/builtin"
		;;
	*)
		"$lab_dir/fetch-kernel" "$1"
		;;
	esac
}

kernel_release() {
	local modules

	modules=$(cd "$1/lib/modules" 2>/dev/null && ls) || return 0
	echo "$modules"
}

# Prints the module files that the guest loads, in order.
modules_in_order() {
	local folder=$1 release=$2 name

	[[ $release ]] || return 0
	for name in "${initramfs_modules[@]}"; do
		modprobe -d "$folder" -S "$release" --show-depends "$name" 2>/dev/null || true
	done | awk '$1 == "insmod" && !seen[$2]++ { print $2 }'
}

unpack_module() {
	case $1 in
	*.xz) xz -dc "$1" ;;
	*.zst) zstd -qdc "$1" ;;
	*.gz) gzip -dc "$1" ;;
	*) cat "$1" ;;
	esac
}

build_initramfs() {
	local to=$1 folder=$2 guest=$3 tree module name

	[[ -e $to ]] && return
	tree=$(mktemp -d "$cache/initramfs.XXXXXX")
	mkdir -p "$tree"/{dev,proc,sys,modules,rw,lower,newroot}
	cp "$guest" "$tree/init"
	cp -r "$lab_dir/lib/systemd" "$tree/systemd"
	: >"$tree/modules/order"
	while read -r module; do
		name=${module##*/}
		name=${name%%.ko*}.ko
		unpack_module "$module" >"$tree/modules/$name" || die "cannot unpack $module"
		echo "/modules/$name" >>"$tree/modules/order"
	done < <(modules_in_order "$folder" "$(kernel_release "$folder")")
	(cd "$tree" && find . -print0 | cpio --null --quiet -o -H newc) >"$tree.cpio" ||
		die "cannot build an initramfs; is cpio installed?"
	rm -r "$tree"
	mkdir -p "${to%/*}"
	forget_old "${to%/*}"
	mv "$tree.cpio" "$to"
}

# initramfs FOLDER VERSION GUEST-PROGRAM: prints the path of the initramfs
initramfs() {
	local key to

	key=$(stat -c %Y "$1/vmlinuz")
	to="$cache/initramfs/$(basename "$1")-$key-$2.cpio"
	[[ -e $to ]] || with_lock initramfs build_initramfs "$to" "$1" "$3" || return
	echo "$to"
}
