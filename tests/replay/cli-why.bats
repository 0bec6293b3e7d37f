#!/usr/bin/env bats
# SPDX-License-Identifier: GPL-2.0-only
# memoffline why, on a recorded machine: what flags of pages tell, and that nothing is written.
load cli

setup() {
	machine
	# Block 32: a quarter anonymous, the rest free. 15: slab in two runs among free pages.
	pages $((0xf000)) 4096 $flag_buddy
	pages $((0xffa0)) 60 $flag_slab
	pages $((0xffe0)) 30 $flag_slab
	pages $((0x20000)) 1024 $anon 1
	pages $((0x20400)) 3000 $flag_buddy
	pages $((0x20fb8)) 8 $((anon | 1)) 1	# locked
	pages $((0x20fc0)) 64 0
	pages $((0x5000)) 4096 $flag_buddy
	pages $((0x5000)) 100 $anon 1
}

why() {
	run "$memoffline" why -s "$tree" "$@"
	echo "$output"
}

why_json() {
	json=$("$memoffline" why -s "$tree" --json "$@")
	echo "$json"
}

value() { jq -r "$1" <<<"$json"; }

@test "pages that can't move are told of by reason, all of them" {
	why 15
	[ "$status" -eq 0 ]
	[ "${lines[0]}" = "1 of 1 block can't go as it is now." ]
	[[ $output == *"why: "*"slab"* && $output == *"what to do: "* ]]
	[[ $output == *"Pages that stand against it: 90"* ]]
	[ "$(grep -cE "^ *90  *slab " <<<"$output")" -eq 1 ]
	why 15 -v
	[ "$(grep -cE "0x(ffa0|ffe0) .*slab" <<<"$output")" -eq 2 ]
}

@test "what can move does not stand against it" {
	why 32
	[ "$status" -eq 0 ]
	[ "${lines[0]}" = "Nothing stands against it that can be seen." ]
	[[ $output != *"Pages that stand"* ]]
	why 5
	[ "${lines[0]}" = "Nothing stands against it that can be seen." ]
	why 36-37
	[ "${lines[0]}" = "2 blocks are offline already." ]
}

@test "a block that the kernel refuses as such has its reason, and no page" {
	why 38
	[ "$status" -eq 0 ]
	[[ $output == *"what to do: "* ]]
	[[ $output != *"Pages that stand"* ]]
	why_json 38
	[ "$(value '.blocks[0].reason')" != none ]
	[ "$(value '.records | length')" -eq 0 ]
}

@test "without the module it says what it could not see" {
	why 32
	[[ $output == *"without the module memoffline"*"modprobe memoffline"* ]]
	rm "$tree/proc/kpageflags"
	why 32
	[ "$status" -eq 0 ]
	[[ $output == *"can't be read"* ]]
}

# map ADDR PFN: process 50 of the tree has the frame there
map() {
	words $((1 << 63 | $2)) 1 | dd of="$tree/proc/50/pagemap" bs=8 seek=$(($1 / 4096)) conv=notrunc status=none
}

@test "buffers of io_uring are named without the module, by their addresses" {
	mkdir -p "$tree/proc/50/fd" "$tree/proc/50/fdinfo"
	ln -s 'anon_inode:[io_uring]' "$tree/proc/50/fd/7"
	printf 'UserBufs:\t1\n    0: 0x10000000/8192\n' > "$tree/proc/50/fdinfo/7"
	echo '10000000-10010000 rw-p 00000000 00:00 0' > "$tree/proc/50/maps"
	echo fio > "$tree/proc/50/comm"
	printf 'Name:\tfio\nVmPin:\t       8 kB\n' > "$tree/proc/50/status"
	map 0x10000000 $((0x5000))
	map 0x10001000 $((0x5001))
	map 0x10002000 $((0x5002))
	why 5
	[ "${lines[0]}" = "1 of 1 block can't go as it is now." ]
	[[ $output == *"Pages that stand against it: 2"* && $output == *"a buffer of io_uring"*"50 (fio)"* ]]
	why_json 5
	[ "$(value '.blocks[0].reason')" = dma-pin ]
	[ "$(value '[.records[] | .start_pfn, .nr_pages, .owners[0].pid] | join(" ")')" = "$((0x5000)) 2 50" ]
	[ "$(value '.records[0].holds[0] | [.kind, .pid, .fd, .sure] | join(" ")')" = "io-uring 50 7 true" ]
}

@test "files of ramfs can't be written, and so not move" {
	pages $((0x5000)) 10 $((flag_uptodate | flag_lru | 1 << 4 | 1 << 18))	# dirty, unevictable
	why_json 5
	[ "$(value '[.records[] | .reason, .nr_pages] | join(" ")')" = "no-migrate 10" ]
}

@test "JSON has blocks and records" {
	why_json 15 32 36
	[ "$(value .action)" = why ]
	[ "$(value .status)" = done ]
	[ "$(value .reason)" = slab ]
	[ "$(value '.blocks | length')" -eq 3 ]
	[ "$(value '.blocks[] | select(.block == 15) | .reason')" = slab ]
	[ "$(value '.blocks[] | select(.block == 32) | .reason')" = none ]
	[ "$(value '.blocks[] | select(.block == 32) | .pages_before')" -ge 1024 ]
	[ "$(value '.blocks[] | select(.block == 32) | .pages_left')" -eq 0 ]
	[ "$(value '.blocks[] | select(.block == 36) | .outcome')" = was-so ]
	[ "$(value '[.records[].nr_pages] | add')" -eq 90 ]
	[ "$(value '.reasons.slab.remedy | length > 0')" = true ]
}

@test "the last attempt is asked for by name, and there may be none" {
	run "$memoffline" why --run-dir "$BATS_TEST_TMPDIR/run" last
	echo "$output"
	[ "$status" -eq 1 ]
	[[ $output == *"report"* ]]
	why last 32
	[ "$status" -eq 2 ]
	[[ $output == *"'last'"* ]]
}
