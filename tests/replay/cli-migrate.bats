#!/usr/bin/env bats
# SPDX-License-Identifier: GPL-2.0-only
# migrate and drain, up to where something would move: wrong words, and what is not there.
bats_require_minimum_version 1.5.0
load cli

# Four nodes, the last without memory; a program, one of its threads, a thread of the kernel, one that is exiting.
setup() {
	tree machine blocks=0-7,online,Normal,0 "node=0,0-1,1048576,524288,65536,10+20" \
		"file=sys/devices/system/node/online,0-3" "file=sys/devices/system/node/has_memory,0-2" \
		"file=proc/50/stat,50 (a program) S 1 1 1 0 -1 0 0 0 0 0 0 0 0 0 20 0 1 0 1000 0" \
		"file=proc/50/status,Tgid: 50" "file=proc/50/statm,100 16 0 0 0 0 0" \
		"file=proc/50/maps,00010000-00020000 rw-p 00000000 00:00 0" \
		"file=proc/51/status,Tgid: 50" \
		"file=proc/2/stat,2 (kthreadd) S 0 0 0 0 -1 2129984 0 0 0 0 0 0 0 0 20 0 1 0 2 0" \
		"file=proc/2/status,Tgid: 2" "file=proc/2/statm,0 0 0 0 0 0 0" \
		"file=proc/60/stat,60 (late) Z 1 1 1 0 -1 4 0 0 0 0 0 0 0 0 20 0 1 0 1000 0" \
		"file=proc/60/status,Tgid: 60" "file=proc/60/statm,0 0 0 0 0 0 0" \
		"file=sys/fs/cgroup/a/cgroup.procs,50"
}

# refused WORDS ARG...: exit status 1, and a message with them
refused() {
	run "$memoffline" --sysroot "$tree" "${@:2}" --engine stock
	echo "$output"
	[ "$status" -eq 1 ]
	[[ ${lines[0]} == "memoffline: "*"$1"* ]]
}

@test "too few words, too many, and none that is a number" {
	usage_error migrate
	[[ $output == *"which process, and from which nodes to which?"* ]]
	usage_error migrate 50
	usage_error migrate 50 0
	usage_error migrate 50 0 1 2
	[[ $output == *"'2' is one argument too many"* ]]
	usage_error migrate fifty 0 1
	[[ $output == *"PID takes a number"* ]]
	usage_error migrate 0 0 1
	[[ $output == *"PID takes a number from 1"* ]]
	usage_error migrate 50 1, 0
	usage_error migrate 50 , 0
	usage_error migrate 50 0 1-
	usage_error drain 0 --to 1,,2
	usage_error migrate -- -1 0 1
	usage_error migrate 50 zero 1
	[[ $output == *"FROM takes nodes like 0 or 0,2-3, not 'zero'"* ]]
	usage_error migrate 50 0 ""
	[[ $output == *"TO takes nodes"* ]]
	usage_error drain
	[[ $output == *"which node?"* ]]
	usage_error drain 0 1
	usage_error drain zero
	usage_error drain nodes
}

@test "options that exclude each other, and wrong arguments of options" {
	usage_error migrate --cgroup a 50 0 1
	[[ $output == *"'1' is one argument too many: --cgroup names the processes"* ]]
	usage_error migrate --cgroup "" 0 1
	[[ $output == *"--cgroup takes the name of a cgroup"* ]]
	usage_error migrate --cgroup a 0
	[[ $output == *"from which nodes to which? Give all of them, like 0 1;"* ]]
	usage_error migrate --set-mems 50 0 1
	[[ $output == *"name it by --cgroup"* ]]
	usage_error migrate --cgroup a --range 1000-2000 0 1
	[[ $output == *"--range is of one process"* ]]
	for range in "" 1000 1000- -2000 x-y 2000-1000 1000-1000 1000-2000-3000 1000-20000000000000000; do
		usage_error migrate --range "$range" 50 0 1
		[[ $output == *"--range"* ]]
	done
	for command in "migrate 50 0 1" "drain 0"; do
		# shellcheck disable=SC2086
		usage_error $command --swap evict
		[[ $output == *"--swap takes never or fallback, not 'evict'"* ]]
		# shellcheck disable=SC2086
		usage_error $command --workers many
		# shellcheck disable=SC2086
		usage_error $command --engine none
		# shellcheck disable=SC2086
		usage_error $command --timeout soon
	done
	usage_error drain 0 --to zero
}

@test "processes that are not there, or have no memory of their own" {
	refused "there is no process 99" migrate 99 0 1
	refused "process 2 (kthreadd) is a thread of the kernel" migrate 2 0 1
	refused "process 60 (late) is exiting" migrate 60 0 1
	refused "51 is a thread of process 50" migrate 51 0 1
	refused "leave --sysroot out" migrate --threads 51 0 1
}

@test "nodes that are not there, or without memory" {
	refused "node 7 does not exist; the machine's nodes are 0-3" migrate 50 7 1
	refused "node 7 does not exist" migrate 50 0 7
	refused "node 3 has no memory, so nothing can move to it; nodes with memory are 0-2" migrate 50 0 3
	refused "'1-0' is no list of nodes to move from" migrate 50 1-0 2
	refused "node 9 does not exist" drain 9
	refused "node 2000 does not exist" drain 2000
	refused "node 3 has no memory" drain 0 --to 3
	refused "leave --sysroot out" migrate 50 3 1	# which has nothing that could move
}

@test "addresses that are not aligned, or where nothing is" {
	usage_error migrate --range 1001-2000 50 0 1
	[[ $output == *"is not aligned to pages; give multiples of 0x"* ]]
	refused "has nothing mapped at 0x30000-0x40000" migrate --range 30000-40000 50 0 1
	refused "leave --sysroot out" migrate --range 0x10000-0X11000 50 0 1
}

@test "cgroups that are not there" {
	refused "there is no cgroup 'b'" migrate --cgroup b 0 1
	refused "'a/..' is no name of a cgroup" migrate --cgroup a/.. 0 1
	for name in a /a a/ /sys/fs/cgroup/a; do
		refused "leave --sysroot out" migrate --cgroup "$name" 0 1
	done
}

@test "a failure as JSON" {
	run --separate-stderr "$memoffline" --sysroot "$tree" migrate 99 0 1 --json
	[ "$status" -eq 1 ]
	[ "$(jq -r .error <<<"$output")" = ESRCH ]
	[[ $(jq -r .message <<<"$output") == "there is no process 99"* ]]
}
