#!/usr/bin/env bats
# SPDX-License-Identifier: GPL-2.0-only
# memoffline plan and show: verdicts, what has to move, why not; and that nothing is written.
load cli

page=4096

setup() {
	machine
	# Block 32: a quarter anonymous. 33: free. 15: slab among free pages. 35: full. All of node 0: free.
	pages $((0x1000)) $((14 * 4096)) $flag_buddy
	pages $((0xf000)) 4000 $flag_buddy
	pages $((0xffa0)) 96 $flag_slab
	pages $((0x20000)) 1024 $anon 1
	pages $((0x20400)) 3072 $flag_buddy
	pages $((0x21000)) 4096 $flag_buddy
	pages $((0x22000)) 4096 $flag_buddy
	pages $((0x23000)) 4096 $anon 1
}

plan() {
	run "$memoffline" plan -s "$tree" "$@"
	echo "$output"
}

plan_json() {
	json=$("$memoffline" plan -s "$tree" --json "$@") || true
	echo "$json"
}

@test "a free block, one that can move, one that can not" {
	plan 33
	[ "$status" -eq 0 ]
	[[ ${lines[0]} == yes:* ]]
	plan 32
	[ "$status" -eq 0 ]
	[[ ${lines[0]} == likely:* && $output == *"to move:    4M"* ]]
	plan 15
	[[ ${lines[0]} == unlikely:* || ${lines[0]} == never:* ]]
	[[ $output == *slab* && $output == *"what to do:"* ]]
	plan 38
	[ "$status" -eq 1 ]
	[[ ${lines[0]} == never:* && $output == *"what to do:"* ]]
}

@test "offline already is done, and success" {
	plan 36-37
	[ "$status" -eq 0 ]
	[[ ${lines[0]} == "done: 2 blocks are offline already" ]]
	plan 36
	[[ ${lines[0]} == "done: 1 block is offline already" ]]
}

@test "it says that nothing was written, and what to type" {
	plan 32 33
	[ "${lines[-1]}" = "Nothing was written. To do it: memoffline offline 32,33" ]
	plan 38
	[ "${lines[-1]}" = "Nothing was written." ]
}

@test "nothing is written: every file and the run directory are as before" {
	run_dir=$BATS_TEST_TMPDIR/run
	before=$(find "$tree" -type f -exec sha256sum {} + | sort; find "$tree" -printf '%p %T@ %s\n' | sort)
	for command in "plan 32-35" "plan node1 -v" "list" "show 32" "offline --dry-run 32" "doctor" "report"; do
		# Words, not lines.
		# shellcheck disable=SC2086
		"$memoffline" -s "$tree" --run-dir "$run_dir" $command || true
	done
	[ ! -e "$run_dir" ]
	[ "$before" = "$(find "$tree" -type f -exec sha256sum {} + | sort; find "$tree" -printf '%p %T@ %s\n' | sort)" ]
}

# history ELAPSED-MS PAGES-EACH: two blocks went in that time
history() {
	mkdir -p "$tree/var/lib/memoffline"
	jq -nc --argjson ms "$1" --argjson pages "$2" '{ schema: 1, action: "offline", engine: "core", target: "x", status: "done",
		errno: 0, error: "", reason: "none", start_time_s: 1795233661, elapsed_ms: $ms, end_time_ms: 1795233662000,
		moved_pages: 1, freed_bytes: 1, wanted_bytes: 1, nr_pages_kept: 0, kernel: "6.12", page_bytes: 4096,
		block_bytes: 16777216, move_bytes: (2 * 4096 * $pages), max_mib_s: 0, nr_blocks: 2, nr_processes: 0, blocks: [range(2) | { block: ., outcome: "done",
		errno: 0, error: "", reason: "none", zone: "Movable", pages_before: 0, pages_left: 0, elapsed_ms: 100,
		device: "" }] }' >>"$tree/var/lib/memoffline/history.jsonl"
}

@test "the time it takes comes from the last attempts; before the first it is not known" {
	plan 32
	[[ $output == *"time:       not known: no attempt yet on this machine"* ]]
	plan_json 32
	[ "$(jq -c '[.time_ms, .rates, .steps[0].time_ms]' <<<"$json")" = "[null,null,null]" ]
	history 200 0
	plan 33
	[[ $output == *"time:       about 0.1 s, by the last attempt on this machine (engine core)"* ]]
	plan 32
	[[ $output == *"time:       not known: earlier attempts on this machine moved too little to tell"* ]]
	# 100 ms a block and 16 MiB in a second.
	history 2200 4096
	plan -v 32 35 33
	[[ $output == *"time:       about 1.5 s, by the last 2 attempts on this machine (engine core)"* ]]
	[[ $output == *" 35 likely "*" 1.1 s"* && $output == *" 33 yes "*" 0.1 s"* ]]
	plan_json 32 33 35 36
	[ "$(jq .time_ms <<<"$json")" -eq 1550 ]
	[ "$(jq -c '[.steps[] | [.block, .time_ms]] | sort' <<<"$json")" = "[[32,350],[33,100],[35,1100],[36,0]]" ]
	[ "$(jq -c .rates <<<"$json")" = '{"engine":"core","nr_attempts":2,"block_us":100000,"bytes_s":16777216}' ]
	plan 32 --engine stock
	[[ $output == *"time:       not known: no attempt yet"* ]]
}

@test "a history that can't be read is no reason to fail" {
	mkdir -p "$tree/var/lib/memoffline"
	mkfifo "$tree/var/lib/memoffline/history.jsonl"
	plan 32
	[ "$status" -eq 0 ]
	[[ $output == *"time:       not known: can't read the history in /var/lib/memoffline: "* ]]
}

@test "blocks one by one with -v, else only those in the way" {
	plan 14-15
	[ "$(grep -Ec "^ *(14|15) " <<<"$output")" -eq 1 ]
	[[ $output == *$'\n'*" 15 "*slab* ]]
	plan -v 14-15
	[ "$(grep -Ec "^ *(14|15) " <<<"$output")" -eq 2 ]
}

@test "a size takes the cheapest blocks" {
	plan_json --size 32m --node 1
	[ "$(jq -c '[.steps[].block] | sort' <<<"$json")" = "[33,34]" ]
	[ "$(jq .len_bytes <<<"$json")" -eq $((32 << 20)) ]
	plan_json 16m --zone normal --node 0
	[ "$(jq -c '[.steps[].block]' <<<"$json")" = "[14]" ]
}

@test "words for one target: several arguments or commas" {
	plan_json 32 33,35
	[ "$(jq -c '[.steps[].block] | sort' <<<"$json")" = "[32,33,35]" ]
	plan_json PNP0C80:00
	[ "$(jq -c '[.steps[].block] | sort' <<<"$json")" = "[32,33,34,35]" ]
	plan_json 0x20000000-0x21ffffff
	[ "$(jq -c '[.steps[].block] | sort' <<<"$json")" = "[32,33]" ]
}

@test "JSON of a plan" {
	plan_json 32
	[ "$(jq .schema <<<"$json")" -eq 1 ]
	[ "$(jq -r .target <<<"$json")" = 32 ]
	[ "$(jq -r .verdict <<<"$json")" = likely ]
	[ "$(jq -c '[.block_bytes, .page_bytes, .len_bytes, .move_bytes]' <<<"$json")" = "[16777216,$page,16777216,4194304]" ]
	[ "$(jq -c '.steps[0] | [.block, .verdict, .reason, .content.anon, .content.free, .move_pages]' <<<"$json")" = \
	  '[32,"likely","none",1024,3072,1024]' ]
	plan_json 15
	[ "$(jq -c '.steps[0] | [.reason, .reason_pfn, .reason_pages]' <<<"$json")" = "[\"slab\",$((0xffa0)),96]" ]
}

@test "--dry-run of offline is the plan" {
	plan 32
	expected=$(sed '$d' <<<"$output")
	run "$memoffline" offline --dry-run -s "$tree" 32
	[ "$status" -eq 0 ]
	[ "$output" = "$expected" ]
	run "$memoffline" offline --dry-run -s "$tree" 38
	[ "$status" -eq 1 ]
}

@test "show: place, verdict and content of a block" {
	run "$memoffline" show -s "$tree" memory32
	echo "$output"
	[ "$status" -eq 0 ]
	[ "${lines[0]}" = "memory32: 0x20000000-0x20ffffff, 16M" ]
	[[ $output == *"online, zone Movable"* && $output == *"PNP0C80:00 (acpi, 4 blocks, 4 online)"* ]]
	[[ $output =~ anonymous\ +1,024\ +4M\ +25\.0% && $output =~ free\ +3,072\ +12M\ +75\.0% ]]
	[[ $output == *"likely: everything in it can move"* && $output == *"1,024 pages mapped"* ]]
	run "$memoffline" show -s "$tree" 38
	[[ $output == *"0 and 1 more"* && $output == *"never: "* ]]
	run "$memoffline" show -s "$tree" 36
	[[ $output == *"offline; online would put it into zone Normal"* && $output == *"Movable"* ]]
}

@test "JSON of a block" {
	json=$("$memoffline" show -s "$tree" --json 32)
	[ "$(jq -c '[.schema, .block, .start_pfn, .nr_pages, .state, .zone, .zones, .node, .nr_nodes]' <<<"$json")" = \
	  "[1,32,$((0x20000)),4096,\"online\",\"Movable\",[\"Movable\"],1,1]" ]
	[ "$(jq -c '.device | [.name, .kind, .nr_blocks, .nr_online]' <<<"$json")" = '["PNP0C80:00","acpi",4,4]' ]
	[ "$(jq '[.content[]] | add' <<<"$json")" -eq 4096 ]
}

@test "content that can't be read is said, not guessed" {
	rm "$tree/proc/kpageflags"
	plan 32
	[ "$status" -eq 0 ]
	[[ $output == *"not known"* ]]
	[ "$("$memoffline" show -s "$tree" --json 32 | jq .content)" = null ]
}

# The 1,024 pages of block 32 find 790 elsewhere: swap makes room for the rest.
@test "room: page cache, swap, or too little" {
	mkdir -p "$tree/proc"
	zone() { printf 'Node %s, zone %8s\n  pages free     %s\n        min      10\n        protection: (0, 0)\n' "$@"; }
	zone 0 Normal 500 >"$tree/proc/zoneinfo"
	printf '      nr_zone_inactive_file 300\n      nr_zone_inactive_anon 2000\n' >>"$tree/proc/zoneinfo"
	zone 1 Movable 5000 >>"$tree/proc/zoneinfo"
	plan 32
	[ "$status" -eq 0 ]
	[[ ${lines[0]} == unlikely:* && $output == *"too little"* && $output == *"4 MiB have to move, but only 3 MiB"* ]]
	[[ $(tr -s ' \n' ' ' <<<"$output") == *"kernel may kill processes"* ]]
	echo "SwapFree:           8000 kB" >"$tree/proc/meminfo"
	plan 32
	[[ ${lines[0]} == likely:* && $output == *"enough if other memory goes to swap"* ]]
	plan_json 32
	[ "$(jq -c '[.verdict, .swap_bytes]' <<<"$json")" = "[\"likely\",$((2000 * page))]" ]
}

@test "huge pages that would go, and what --keep-hugetlb would do" {
	mkdir -p "$tree"/sys/kernel/mm/hugepages/hugepages-2048kB "$tree"/sys/devices/system/node/node{0,1}/hugepages/hugepages-2048kB
	for node in 0 1; do
		echo 5 >"$tree/sys/devices/system/node/node$node/hugepages/hugepages-2048kB/nr_hugepages"
		echo 4 >"$tree/sys/devices/system/node/node$node/hugepages/hugepages-2048kB/free_hugepages"
	done
	pages $((0x21000)) 1024 $((1 << 17))
	plan 33
	[[ $(tr -s ' \n' ' ' <<<"$output") == *"shrink by up to 4 of 20 MiB with these blocks"*"--keep-hugetlb"* ]]
	plan --keep-hugetlb 33
	[[ $(tr -s ' \n' ' ' <<<"$output") == *"lose up to 4 of 20 MiB"*"made anew"* ]]
	plan 34
	[[ $output != *"huge pages"* ]]
}

@test "whole devices rather than the cheapest blocks" {
	plan --size 64m --zone Movable
	[[ $output != *"as a whole"* ]]
	plan --size 64m --prefer whole-devices
	[ "$status" -eq 0 ]
	[[ $(tr -s ' \n' ' ' <<<"$output") == *"note: PNP0C80:00 goes offline as a whole, so that it can be removed"* ]]
	plan_json --size 64m --prefer whole-devices
	[ "$(jq -c '[.steps[].block] | sort' <<<"$json")" = "[32,33,34,35]" ]
}

@test "a preference is a word that is known, and takes a size" {
	usage_error plan --size 64m --prefer whole
	[[ $output == *"--prefer takes cheapest or whole-devices, not 'whole'"* ]]
	usage_error offline --size 64m --prefer whole-devices --keep-order
	usage_error offline --undo --prefer whole-devices
	for command in plan offline; do
		run "$memoffline" "$command" -s "$tree" PNP0C80:00 --prefer whole-devices
		echo "$output"
		[ "$status" -eq 2 ]
		[[ $output == *"needs a size"* ]]
	done
	run "$memoffline" plan -s "$tree" 64m --prefer whole-devices
	[ "$status" -eq 0 ]
}

@test "who is bound to a node that goes is named, also right before it goes" {
	put proc/77/stat "77 (bound) S 1 1 1 0 -1 0 0 0 0 0 0 0 0 0 20 0 1 0 1000 0\n"
	put proc/77/status "Name: bound\nMems_allowed_list: 0-1\n"
	put proc/77/numa_maps "7f0000000000 bind:1 anon=3 dirty=3 N1=3\n"
	plan node1
	[[ $(tr -s ' \n' ' ' <<<"$output") == *"node 1 goes as a whole"*"77 (bound, policy bind:1)"* ]]
	run "$memoffline" offline -s "$tree" node1
	echo "$output"
	[ "$(grep -c "^memoffline: note: node 1 goes as a whole, .*77 (bound, policy bind:1)" <<<"$output")" -eq 1 ]
	run "$memoffline" offline -s "$tree" node1 --quiet
	[[ $output != *bound* ]]
}
