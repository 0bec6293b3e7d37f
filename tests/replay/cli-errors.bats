#!/usr/bin/env bats
# SPDX-License-Identifier: GPL-2.0-only
# Wrong words: exit status 2, one line, a way out. Things that are not there: exit status 1.
bats_require_minimum_version 1.5.0
load cli

failure() {
	run "$memoffline" "$@"
	echo "$output"
	[ "$status" -eq 1 ]
	[[ ${lines[0]} == "memoffline: "* ]]
}

@test "no command" {
	usage_error
}

@test "a command that is not there, and one that is near" {
	usage_error frobnicate
	usage_error offlin
	[[ $output == *"'offline'"* ]]
	usage_error lsit
	[[ $output == *"'list'"* ]]
}

@test "options that are not there" {
	for command in list show plan why offline online migrate drain report monitor doctor bundle; do
		usage_error "$command" --frobnicate
		[[ $output == *"--frobnicate"* && $output == *"memoffline $command --help"* ]]
		usage_error "$command" -Z
		[[ $output == *"-Z"* ]]
	done
	usage_error --frobnicate list
	usage_error -Z list
}

@test "options without their argument, and with one that they don't take" {
	usage_error list -o
	usage_error list --output
	usage_error offline --timeout
	usage_error plan --json=yes 32
	usage_error --sysroot
}

@test "words too many, too few, empty" {
	usage_error list 32
	usage_error doctor 32
	usage_error monitor 32
	usage_error show
	usage_error show 32 33
	usage_error show ""
	usage_error show node1
	usage_error show 32x
	usage_error show memory
	usage_error plan
	usage_error why
	usage_error offline
	usage_error online
	for command in plan why offline online; do
		usage_error "$command" ""
		usage_error "$command" 32 " "
		usage_error "$command" ,
	done
	usage_error report 32 33
	usage_error report x
}

@test "sizes, seconds, numbers, zones that are none" {
	for size in 0 x 4x 4gg -4g 1.5g 99999999999999999999 17179869184t "" " 4g"; do
		usage_error plan --size "$size"
	done
	for seconds in x -1 1x nan inf 1e99 ""; do
		usage_error offline 32 --timeout "$seconds"
	done
	for node in x -1 1.5 99999999999 ""; do
		usage_error plan --node "$node" 32
	done
	usage_error plan --zone foo 32
	usage_error online --zone Device 32
	usage_error list -o FOO
	usage_error list -o ""
	usage_error list -S FOO
	usage_error list --summary=sometimes
	usage_error list --summary=only --json
	usage_error list -o RANGE,RANGE,RANGE,RANGE,RANGE,RANGE,RANGE,RANGE,RANGE,RANGE
	usage_error monitor --count x
}

@test "remedies that are none: the words that exist are named" {
	for words in "" foo cache, ,cache cache,,slab all,cache "cache slab" Cache; do
		usage_error offline --remedy "$words" 32
		[[ $output == *"cache, pageout, slab and cgroup"*"all"*"none"*"'$words'"* ]]
	done
	usage_error online --remedy cache 32
	machine
	for words in cache,pageout slab,slab all none; do
		run "$memoffline" offline -s "$tree" --dry-run --remedy "$words" 32
		[ "$status" -eq 0 ]
	done
}

@test "options that exclude each other" {
	usage_error offline --partial --all-or-nothing 32
	usage_error offline --resume --undo
	usage_error offline --resume 32
	usage_error offline --undo --size 4g
	usage_error offline --dry-run --undo
}

@test "a sysroot that is not there" {
	failure --sysroot "$BATS_TEST_TMPDIR/none" list
	failure list --sysroot "$BATS_TEST_TMPDIR/none"
	[[ $output == *"$BATS_TEST_TMPDIR/none"* ]]
}

@test "no memory folder in sysfs" {
	mkdir -p "$BATS_TEST_TMPDIR/bare/sys"
	for command in list "show 32" "plan 32" "why 32" "offline 32" "online 32"; do
		# Words, not lines.
		# shellcheck disable=SC2086
		failure -s "$BATS_TEST_TMPDIR/bare" $command
	done
}

@test "targets that are not of the grammar, or not aligned: 2" {
	machine
	for target in 32x 32- 35-32 0x123-0x456 0x20000000-0x2000ffff nodeX 4q 17m; do
		run "$memoffline" plan -s "$tree" "$target"
		echo "$target: $output"
		[ "$status" -eq 2 ]
		[[ $output == "memoffline: "* ]]
	done
}

@test "blocks, nodes and devices that are not there: 1" {
	machine
	for target in 99 memory99 32-99 node9 PNP0C80:77 dax9.9; do
		failure plan -s "$tree" "$target"
		[[ $output == *"${target#memory}"* || $output == *"node 9"* ]]
	done
	failure show -s "$tree" 99
	failure plan -s "$tree" --size 64g
}

@test "a copy of another machine can't be changed" {
	machine
	failure offline -s "$tree" --run-dir "$BATS_TEST_TMPDIR/run" 32
	failure online -s "$tree" --run-dir "$BATS_TEST_TMPDIR/run" 36
	failure monitor -s "$tree"
}

@test "a failure is JSON, too, and its message still on standard error" {
	machine
	run --separate-stderr "$memoffline" plan -s "$tree" --json 99
	[ "$status" -eq 1 ]
	[ "$(jq -r .status <<<"$output")" = failed ]
	[ "$(jq -r .error <<<"$output")" = ENOENT ]
	[ "memoffline: $(jq -r .message <<<"$output")" = "$stderr" ]
}

@test "no report" {
	failure report --run-dir "$BATS_TEST_TMPDIR"
	failure report 32 --run-dir "$BATS_TEST_TMPDIR"
	[[ $output == *memory32* ]]
}

@test "no journal to finish or to take back" {
	[ "$(id -u)" -eq 0 ] || skip "needs root"
	failure offline --resume --run-dir "$BATS_TEST_TMPDIR/run"
	failure offline --undo --run-dir "$BATS_TEST_TMPDIR/run"
}

@test "a number out of range is told as it was typed" {
	usage_error report 99999999999
	[[ $output == *"BLOCK takes a number from 0 to"*"'99999999999'"* && $output != *--BLOCK* ]]
	usage_error plan 32 --node 99999999999
	[[ $output == *"--node takes a number"* ]]
	tree two-nodes block-size=8000000 blocks=0-7,online,Normal,0 node=0,0-1,1048576,524288,65536,10
	failure plan -s "$tree" node4294967290
	[[ $output == *"no node 4294967290:"* ]]
}

@test "libkmod is opened by those who look for the module, and missed with a way out" {
	machine
	mkdir "$BATS_TEST_TMPDIR/lib"
	: > "$BATS_TEST_TMPDIR/lib/libkmod.so.2"
	export LD_LIBRARY_PATH=$BATS_TEST_TMPDIR/lib
	run "$memoffline" list --sysroot "$tree"
	[ "$status" -eq 0 ]
	[ ! -d /sys/module/memoffline ] || skip "the module is loaded"
	run "$memoffline" doctor	# of the machine it runs on: it only reads
	[[ $output == *"libkmod can't be used"*"install libkmod"* ]]
}
