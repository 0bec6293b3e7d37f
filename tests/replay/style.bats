#!/usr/bin/env bats
# SPDX-License-Identifier: GPL-2.0-only
# Each script of tests/style finds what it is there for. The violations are planted in a tree of a few files.

setup() {
	top=$(cd "$BATS_TEST_DIRNAME/../.." && pwd)
	cd "$BATS_TEST_TMPDIR"
	mkdir -p tests hotplug tools kernel/compat docs/man
	cp -r "$top/tests/style" tests/
	spdx=SPDX-License-Identifier
}

# file NAME LINE...
file() {
	local name=$1

	shift
	printf '%s\n' "$@" >"$name"
}

# fine NAME: the check passes
fine() {
	run tests/style/check-"$1"
	echo "$output"
	[[ $status -eq 0 ]]
}

# wrong NAME TEXT: it fails and says TEXT
wrong() {
	run tests/style/check-"$1"
	echo "$output"
	[[ $status -eq 1 && $output == *"$2"* ]]
}

@test "licence" {
	file hotplug/a.c "// $spdx: LGPL-2.1-or-later"
	file tools/a.c "// $spdx: GPL-2.0-only"
	fine licence
	file hotplug/a.c "// $spdx: GPL-2.0-only"
	wrong licence "hotplug/a.c"
	file hotplug/a.c "int i;"
	wrong licence "hotplug/a.c"
}

@test "layers: tools" {
	touch tools/out.h
	file tools/a.c '#include <stdio.h>' '#include "libmemoffline.h"' '#include "out.h"'
	fine layers
	file tools/a.c '#include "private.h"'
	wrong layers "private header"
	file tools/a.c '#include "../hotplug/x.h"'
	wrong layers "tools/a.c"
	file tools/a.c 'const char *p = "/sys/devices/system/memory";'
	wrong layers "tools/a.c:1"
}

@test "layers: the library" {
	touch hotplug/private.h tools/out.h
	file hotplug/numa.c '#include <numa.h>' '#include "private.h"'
	fine layers
	file hotplug/block.c '#include <numa.h>'
	wrong layers "belongs into hotplug/numa.c"
	file hotplug/block.c '#include "../tools/out.h"'
	wrong layers "hotplug/block.c"
}

@test "layers: the module" {
	mkdir -p kernel/include/uapi/linux
	touch kernel/{dev,migrate,report,pure}.h kernel/compat/compat.h
	file kernel/include/uapi/linux/memoffline.h '#include <linux/types.h>'
	file kernel/report.c '#include "report.h"'
	file kernel/isolate.c '#include <linux/swap.h>' '#include "compat/compat.h"' '#include "migrate.h"'
	file kernel/dev.c '#include <linux/mm.h>' '#include "include/uapi/linux/memoffline.h"' '#include "migrate.h"'
	file kernel/compat/mm.c '#include <linux/version.h>' '#include "compat.h"'
	fine layers
	file kernel/isolate.c '#include "dev.h"'
	wrong layers 'kernel/isolate.c: includes "dev.h"'
	file kernel/isolate.c '#include "include/uapi/linux/memoffline.h"'
	wrong layers 'kernel/isolate.c: includes "include/uapi'
	file kernel/isolate.c '#include <linux/version.h>'
	wrong layers "belongs into kernel/compat/"
	file kernel/isolate.c
	file kernel/report.c '#include <linux/mm.h>'
	wrong layers "kernel/report.c: includes <linux/mm.h>"
	file kernel/report.c
	file kernel/dev.c '#include <linux/rmap.h>'
	wrong layers "the core's business"
	file kernel/dev.c
	file kernel/compat/mm.c '#include "../migrate.h"'
	wrong layers 'kernel/compat/mm.c: includes "../migrate.h"'
}

@test "version" {
	file configure.ac 'AC_INIT([memoffline], [1.2])'
	file kernel/main.c 'MODULE_VERSION("1.2");'
	file kernel/dkms.conf 'PACKAGE_VERSION="1.2"'
	file README.md 'dkms install memoffline/1.2'
	fine version
	file README.md 'dkms install memoffline/1.1'
	wrong version "README.md"
	file kernel/dkms.conf 'PACKAGE_VERSION="1.3"'
	wrong version "kernel/dkms.conf"
	file kernel/main.c 'MODULE_VERSION("1x2");'
	wrong version "kernel/main.c"
}

@test "checkpatch" {
	export MEMOFFLINE_CACHE=$PWD/cache
	file kernel/a.c "// $spdx: GPL-2.0-only"
	run tests/style/check-checkpatch
	[[ -e /lib/modules/$(uname -r)/build/scripts/checkpatch.pl || $status -eq 77 ]]
	mkdir -p cache/kernels/debug/build/scripts
	file cache/kernels/debug/build/scripts/checkpatch.pl 'print "$ARGV[-1]:7: ERROR:SPACING: bad\n" if -s $ARGV[-1] > 50;'
	fine checkpatch
	file kernel/a.c "// $spdx: GPL-2.0-only" 'int i = 1;   /* ******************* */'
	wrong checkpatch "kernel/a.c:7: ERROR:SPACING"
}

@test "rules, where udev can tell" {
	mkdir bin udev-rules
	PATH=$PWD/bin:$PATH
	file bin/udevadm '#!/bin/sh' 'exit 1'
	chmod +x bin/udevadm
	run tests/style/check-rules
	[[ $status -eq 77 ]]
	file bin/udevadm '#!/bin/sh' '[ "$2" = --help ] || ! grep -n "ATTR{" "$3"'
	file udev-rules/60-a.rules 'ACTION=="add", GOTO="end"'
	fine rules
	file udev-rules/60-a.rules 'ATTR{'
	wrong rules "1:ATTR{"
}

@test "symbols" {
	file hotplug/libmemoffline.h '/* Say a. */' 'int mo_a(void);'
	file hotplug/libmemoffline.sym 'V1 {' 'mo_a;' '};'
	file hotplug/a.c 'int mo_a(void)' '{' '}'
	fine symbols
	file hotplug/a.c 'int mo_b(void)' '{' '}'
	wrong symbols "mo_a: is declared in hotplug/libmemoffline.h, but defined nowhere"
	file hotplug/a.c 'int mo_a(void)' '{' '}'
	file hotplug/libmemoffline.sym 'V1 {' '};'
	wrong symbols "not exported"
	file hotplug/libmemoffline.sym 'V1 {' 'mo_a;' 'mo_b;' '};'
	wrong symbols "mo_b: is exported"
	file hotplug/libmemoffline.sym 'V1 {' 'mo_a;' '};'
	file hotplug/libmemoffline.h '/* Say b. */' '' 'int mo_a(void);'
	wrong symbols "mo_a: has no comment"
}

@test "header" {
	mkdir -p kernel/include/uapi/linux
	file kernel/include/uapi/linux/memoffline.h '#include <linux/types.h>' 'struct a { __u32 size; };'
	file hotplug/libmemoffline.h '#include <stddef.h>' 'size_t mo_a(void);'
	fine header
	file hotplug/libmemoffline.h 'size_t mo_a(void);'
	wrong header "size_t"
	file hotplug/libmemoffline.h
	file kernel/include/uapi/linux/memoffline.h 'struct a { __u32 size; };'
	wrong header "__u32"
}

@test "kernel versions" {
	file kernel/compat/a.h '#if LINUX_VERSION_CODE < 1'
	fine kernel-versions
	file kernel/a.c '#if LINUX_VERSION_CODE < KERNEL_VERSION(6, 1, 0)'
	wrong kernel-versions "kernel/a.c:1"
}

@test "shell" {
	file a '#!/bin/bash' 'echo "$1"'
	file a.bats '@test "a" {' 'true' '}'
	fine shell
	file a '#!/bin/bash' 'echo $1'
	wrong shell "a:2"
	file a '#!/bin/bash'
	file a.bats '@test "a" {' 'if true' '}'
	wrong shell "a.bats"
}

@test "words" {
	file a.c '/* the root of all: a/root/b */'
	fine words
	file a.c '/* see /wo''rk/main */'
	wrong words "a.c:1"
	file a.c '/* TO''DO */'
	wrong words "a.c:1"
	file a.c '/* iss''ue 12 */'
	wrong words "a.c:1"
}

@test "format" {
	file a.c 'int a(void)' '{' $'\treturn 0;' '}'
	fine format
	file a.c 'int a; '
	wrong format "a.c:1"
	file a.c '    int a;'
	wrong format "tabs"
	file a.c "int a$(printf '%0120d' 0);"
	wrong format "120 columns"
	printf 'int a;' >a.c
	wrong format "newline"
	printf 'int a;\r\n' >a.c
	wrong format "carriage"
}

# body NAME LINES
body() {
	printf 'int %s(void)\n{\n' "$1"
	seq -f $'\ta(%g);' "$2"
	printf '}\n'
}

@test "functions" {
	{ for i in 1 2 3 4 5 6 7 8 9 10; do body "a$i" 10; done; body b 100; } >a.c
	fine functions
	[[ $output == *"11 functions; median 10 lines"*"longest 100"* ]]
	body c 101 >>a.c
	wrong functions "c(void): 101 lines"
	{ for i in 1 2 3 4; do body "a$i" 10; done; body b 60; } >a.c
	wrong functions "nine in ten"
}

# commit SUBJECT
commit() {
	git -c user.name=a -c user.email=a@example.org commit -q --allow-empty -m "$1"
}

@test "commits" {
	git init -q .
	commit "library: say why"
	fine commits
	for subject in "Say why" "library: added a" "library: say why." "library: Say why"; do
		commit "$subject"
		wrong commits "$subject"
		git reset -q --hard HEAD~
	done
}

# What memoffline --help looks like.
fake_command() {
	cat >tools/memoffline <<'END'
#!/bin/bash
if [[ $1 == --help ]]; then
	printf 'Usage: x\n\nCommands:\n  list  a\n  show  b\n  plan  c\n  offline  d\n\nOptions:\n'
else
	printf 'Usage: x\n\nOptions:\n  -J, --json   x\n      --timeout S   y\n'
fi
END
	chmod +x tools/memoffline
	export MEMOFFLINE_BUILD=$PWD
}

@test "manual" {
	fake_command
	page=('.\" x' '.Dd November 1, 2026' '.Dt MEMOFFLINE 8' '.Os' '.Sh NAME' '.Nm memoffline' '.Nd offline memory'
		'.Sh DESCRIPTION' 'list show plan offline' '.Fl J , Fl -json , Fl -timeout')
	file docs/man/memoffline.8 "${page[@]}"
	fine manual
	file docs/man/memoffline.8 "${page[@]/show /}"
	wrong manual "nothing of the command show"
	file docs/man/memoffline.8 "${page[@]/, Fl -timeout/}"
	wrong manual "nothing of --timeout of memoffline plan"
	file docs/man/memoffline.8 "${page[@]}" ".Xx"
	wrong manual "mandoc"
}

@test "completion" {
	fake_command
	mkdir -p tools/completion
	words='list show plan offline' options='--json --timeout'
	completion() {
		file tools/completion/memoffline '_m() {' \
			"if ((COMP_CWORD == 1)); then mapfile -t COMPREPLY < <(compgen -W '$1' -- \"\$2\")" \
			"else mapfile -t COMPREPLY < <(compgen -W '$2' -- \"\$2\"); fi" '}' 'complete -F _m memoffline'
	}
	completion "$words" "$options"
	fine completion
	completion "${words/show/}" "$options"
	wrong completion "the command show"
	completion "$words" --json
	wrong completion "--timeout of memoffline plan"
}

@test "documentation of the JSON" {
	for i in {1..25}; do echo "put_u64(w, object, \"key$i\", 1);"; done >hotplug/json.c
	for i in {1..25}; do echo "\`key$i\`"; done >docs/json.md
	fine json-doc
	sed -i /key7/d docs/json.md
	wrong json-doc '"key7"'
}

@test "figures" {
	cp -r "$top/tests/bench" tests/
	for arm in stock core; do
		printf '{"row":"anon","arm":"%s","kernel":"6.12","mode":"time","wall_us":%d}\n' $arm $((${#arm} * 1000000))
	done > docs/performance.jsonl
	tests/bench/table docs/performance.jsonl > docs/performance.md
	fine bench
	sed -i 's/1\.25/9.25/' docs/performance.md
	wrong bench "told, and not measured: | anon | 6.12 | 1 | 5 | 4 | 9.25 |"
}
