#!/usr/bin/env bats
# SPDX-License-Identifier: GPL-2.0-only
# bootstrap on systems that are not there: package managers, autoreconf, configure and make are stand-ins that write down
# how they were called.

setup() {
	dir=$(mktemp -d "${TMPDIR:-/tmp}/memoffline-bootstrap.XXXXXX")
	chmod 755 "$dir"
	mkdir "$dir/bin" "$dir/tree" "$dir/tree/tests"
	cp "$BATS_TEST_DIRNAME/../../bootstrap" "$dir/tree/"
	cd "$dir/tree"
	touch configure.ac Makefile.am tests/Makemodule.am
	export PATH=$dir/bin:$PATH BOOTSTRAP_OS_RELEASE=$dir/os-release MEMOFFLINE_CACHE=$dir/cache
	mkdir -p "$MEMOFFLINE_CACHE"/kernels/{6.1/build,6.12/build,debug}
	touch "$MEMOFFLINE_CACHE"/kernels/{6.1/build/Makefile,6.12/build/Makefile,debug/vmlinuz}
	calls=$dir/calls
	>"$calls"
	chmod 666 "$calls"
	chmod 777 . "$dir"
	system debian
	stand_in apt-get
	stand_in make
	stand_in autoreconf 'printf "#!/bin/sh\necho configure >>%s; touch Makefile config.status\n" '"$calls"' >configure
		chmod +x configure; touch Makefile.in'
	stand_in dpkg-query 'for p in "$@"; do case $p in -*|*Status*) ;; *) grep -qxF "$p" '"$dir/not-installed"' || echo "installed $p";; esac; done'
	>"$dir/not-installed"
}

teardown() {
	rm -rf "$dir"
}

system() {
	echo "ID=$1" >"$dir/os-release"
}

# stand_in NAME [SHELL-TEXT]
stand_in() {
	printf '#!/bin/sh\n[ %s = dpkg-query ] || echo "%s $*" >>%s\n%s\n' "$1" "$1" "$calls" "${2-}" >"$dir/bin/$1"
	chmod 755 "$dir/bin/$1"
}

bootstrap() {
	run ./bootstrap "$@"
	echo "$output"
	cat "$calls"
}

as_nobody() {
	[[ $EUID -eq 0 ]] || return 0
	run setpriv --reuid=65534 --regid=65534 --clear-groups ./bootstrap "$@"
	echo "$output"
}

need_root() {
	[[ $EUID -eq 0 ]] || skip "needs root"
}

@test "all is there: autoreconf, configure and make; the second time make alone" {
	bootstrap all
	[[ $status -eq 0 ]]
	[[ $(cut -d' ' -f1 "$calls" | xargs) == "autoreconf configure make" ]]
	[[ $(tail -n 1 "$calls") == "make --no-print-directory -j$(nproc) all" ]]
	>"$calls"
	bootstrap all
	[[ $(cut -d' ' -f1 "$calls" | xargs) == make ]]
}

@test "what is newer than the last configure is configured again" {
	bootstrap all
	for old in configure Makefile.in; do
		touch -d "1 hour ago" "$old"
		>"$calls"
		bootstrap all
		[[ $(cut -d" " -f1 "$calls" | xargs) == "autoreconf configure make" ]]
	done
	touch -d "1 hour ago" config.status
	>"$calls"
	bootstrap check GROUPS="unit style"
	[[ $(cut -d" " -f1 "$calls" | xargs) == "configure make" ]]
	[[ $(tail -n 1 "$calls") == *" check GROUPS=unit style" ]]
}

@test "Debian, as root: installs what is missing and nothing else" {
	need_root
	printf 'bats\njq\n' >"$dir/not-installed"
	bootstrap all
	[[ $status -eq 0 ]]
	[[ $(sed -n 1p "$calls") == "apt-get "*" update" ]]
	[[ $(sed -n 2p "$calls") == "apt-get "*" install --no-install-recommends bats jq" ]]
}

@test "Debian, no network: says what is missing and what to type" {
	need_root
	echo jq >"$dir/not-installed"
	stand_in apt-get 'exit 100'
	bootstrap all
	[[ $status -eq 3 ]]
	[[ $output == *"missing: jq"*"apt-get install --no-install-recommends jq"* ]]
	[[ $(<"$calls") != *make* ]]
}

@test "Debian, not root: says what is missing and what to type" {
	need_root
	echo jq >"$dir/not-installed"
	as_nobody all
	[[ $status -eq 3 ]]
	[[ $output == *"missing: jq"*"as root: apt-get update && apt-get install --no-install-recommends jq"* ]]
	[[ $(<"$calls") != *apt-get* ]]
}

@test "not root, and nothing is missing: builds" {
	need_root
	as_nobody all
	[[ $status -eq 0 ]]
	grep -q "^make .* all$" "$calls"
}

@test "a kernel has yet to be fetched: the lists are updated for check, and not for all" {
	need_root
	rm "$MEMOFFLINE_CACHE/kernels/6.1/build/Makefile"
	bootstrap all
	[[ $(<"$calls") != *apt-get* ]]
	bootstrap check
	grep -q "^apt-get .* update$" "$calls"
}

@test "Fedora, openSUSE, Arch: names their packages" {
	stand_in rpm '[ "$4" != jq ]'
	stand_in pacman '[ "$2" != jq ]'
	for i in "fedora dnf" "opensuse-leap zypper" "arch pacman"; do
		system "${i% *}"
		bootstrap all
		[[ $status -eq 3 ]]
		[[ $output == *"missing: jq"*"as root: ${i#* } "*" jq"* ]]
	done
}

@test "a system that is not known: names Debian's packages and tries" {
	system plan9
	bootstrap all
	[[ $status -eq 0 && $output == *"libsmartcols-dev"* ]]
}

@test "configure that fails is told, with what the build needs" {
	stand_in autoreconf 'printf "#!/bin/sh\nexit 1\n" >configure; chmod +x configure; touch Makefile.in'
	bootstrap all
	[[ $status -eq 1 && $output == *"configure failed"*libjson-c-dev* ]]
}

@test "wrong arguments" {
	for i in nonsense --nonsense "all check"; do
		# Words.
		# shellcheck disable=SC2086
		bootstrap $i
		[[ $status -eq 2 && $output == "bootstrap: "* ]]
	done
	bootstrap --help
	[[ $status -eq 0 && $output == *"bench-list"* ]]
	[[ ! -s $calls ]]
}

@test ".ci/run is bootstrap check" {
	mkdir .ci
	cp "$BATS_TEST_DIRNAME/../../.ci/run" .ci/
	run .ci/run
	[[ $status -eq 0 && $(tail -n 1 "$calls") == *" check" ]]
}
