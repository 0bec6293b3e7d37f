#!/usr/bin/env bats
# SPDX-License-Identifier: GPL-2.0-only
# memoffline retire as far as no memory changes: what counts, what would be done, what is told of it.
load cli

page=0x22003000		# of block 34
other=0x22fff000	# of the same

setup() {
	tree machine block-size=1000000 blocks=0-15,online,Normal,0 blocks=32-35,online,Movable,1 \
		dimm=PNP0C80:00,32-35 node=0,0-1,2097152,524288,65536,10+20 node=1,-,131072,60000,0,20+10 \
		"iomem=00000000-0009ffff : System RAM" "iomem=00100000-23ffffff : System RAM" file=proc/kpageflags, file=proc/kpagecount,
	pages $((0x22000)) 4096 $anon 1
	state=$tree/var/lib/memoffline
	mkdir -p "$state"
	policy
}

policy() {	# LINE...: of [errors]
	put etc/memoffline.conf "[errors]\n$(printf '%s\\n' "$@")"
	chmod 644 "$tree/etc/memoffline.conf"
}

counts() {	# LINE...: what was counted before
	printf '%s\n' "memoffline-errors 1" "$@" > "$state/errors"
}

retire() {
	run "$memoffline" retire -s "$tree" "$@"
	echo "$output"
}

list() { "$memoffline" retire -s "$tree" --list --json; }

@test "without limits errors are only counted" {
	retire --dry-run $page
	[ "$status" -eq 0 ]
	[ "$output" = "the page $page (memory34 of PNP0C80:00) had 1 corrected error; pages are never retired for that, unless page is set $(
		)in section [errors] of memoffline.conf(5)." ]
	counts "page $page 4 counted 1700000000"
	retire --dry-run $((page + 17)) --errors 3 $page
	[ "${#lines[@]}" -eq 1 ]
	[[ $output == *" had 10 corrected errors;"* ]]
}

@test "nothing is counted below a sysroot, and dry runs count nothing" {
	retire $page
	[ "$status" -eq 1 ]
	[[ $output == *"is a copy of another machine's files"* ]]
	retire --forget
	[ "$status" -eq 1 ]
	retire --dry-run $page
	[ ! -e "$state/errors" ]
}

@test "the limits: a page, its block, its device" {
	policy "page = 3" "block = 2" "device = 1"
	counts "page $other 5 retired 1700000000" "page $page 1 counted 1700000001"
	retire --dry-run $page
	[ "$status" -eq 0 ]
	[ "$output" = "the page $page (memory34 of PNP0C80:00) had 2 corrected errors, of 3 at which it is retired." ]
	retire --dry-run --errors 2 $page
	[ "$status" -eq 1 ]
	[ "${lines[0]}" = "the page $page (memory34 of PNP0C80:00) would be retired after 3 corrected errors." ] ||
		[ "${lines[1]}" = "the page $page (memory34 of PNP0C80:00) would be retired after 3 corrected errors." ]
	[[ $output == *"memory34 would go offline after 2 of its pages were retired."* ]]
	[[ $output == *"1 block of PNP0C80:00 went for corrected errors, and it stays: an event asks for the removal of PNP0C80:00, $(
		)which memoffline.conf(5) does not allow"* ]]
	put etc/memoffline.conf "[errors]\npage = 3\nblock = 2\ndevice = 2\n[remove]\nudev = yes\n"
	retire --dry-run --errors 2 $page
	[ "$status" -eq 0 ]
	[ "${lines[2]}" = "1 block of PNP0C80:00 went for corrected errors, of 2 at which it is removed." ]
	counts "page $other 5 retired 1700000000" "block 32 1700000000 PNP0C80:00"
	retire --dry-run --errors 3 --json $page
	[ "$status" -eq 0 ]
	[ "$(jq -c '[.status, .dry_run, [.steps[] | [.what, .outcome, .addr, .block, .device, .count, .limit]]]' <<<"$output")" = \
		'["done",true,[["page","would",570437632,34,"PNP0C80:00",3,3],["block","would",null,34,"PNP0C80:00",2,2],["device","would",null,null,"PNP0C80:00",2,2]]]' ]
}

@test "a page that is poisoned counts, and is not retired again" {
	pages $((page >> 12)) 1 $((1 << 19))
	policy "page = 3"
	retire --dry-run $page
	[ "$status" -eq 0 ]
	[ "$output" = "the page $page (memory34 of PNP0C80:00) is retired already; it had 1 corrected error." ]
	policy "page = 3" "block = 2"
	counts "page $other 5 retired 1700000000"
	retire --dry-run $page
	[ "${lines[1]}" = "memory34 would go offline after 2 of its pages were retired." ]
}

@test "a block that is offline already needs nothing, and counts for its device" {
	put sys/devices/system/memory/memory34/state "offline\n"
	put etc/memoffline.conf "[errors]\npage = 1\nblock = 1\ndevice = 1\n"
	retire --dry-run $page
	[ "$status" -eq 0 ]
	[[ $output == *"and its block is offline: nobody uses it."* ]]
	pages $((page >> 12)) 1 $((1 << 19))
	retire --dry-run --json $page
	[ "$(jq -c '[.steps[] | [.what, .outcome]]' <<<"$(sed -n '/^{/,$p' <<<"$output")")" = \
		'[["page","was-so"],["block","was-so"],["device","failed"]]' ]
}

@test "what is no memory is not touched, and the others are" {
	policy "page = 1"
	retire --dry-run 0xa0000 $page 0x24000000 0xffffffffffffffff
	[ "$status" -eq 1 ]
	[ "$(grep -c "is no System RAM (/proc/iomem): nothing is counted, and nothing done" <<<"$output")" -eq 3 ]
	[[ $output == *"the page $page (memory34 of PNP0C80:00) would be retired"* ]]
	[[ $output != *"the page 0x24000000"* ]]
}

@test "addresses: hex and decimal bytes, nothing else" {
	retire --dry-run $((page))
	[[ $output == *"the page $page "* ]]
	retire --dry-run 000570437632
	[[ $output == *"the page $page "* ]]
	for wrong in 22003000f 0x 0xg -- "" " 1" 1k 0x1ffffffffffffffff -5 +5; do
		usage_error retire -s "$tree" --dry-run -- "$wrong"
	done
	usage_error retire
	usage_error retire --list $page
	usage_error retire --forget $page
	usage_error retire --list --forget
	usage_error retire --list --errors 3
	usage_error retire --errors 0 $page
	usage_error retire --errors -1 $page
}

@test "--list: pages, blocks, devices, with their slots" {
	run "$memoffline" retire -s "$tree" --list
	[ "$status" -eq 0 ]
	[ "$output" = "No errors were counted." ]
	counts "page $page 1234 retired 1700000000" "page 0x22fff000 1 counted 1700000005" "page 0x1000 7 counted 1700000009" \
		"block 34 1700000010 PNP0C80:00" "block 77 1700000011 PNP0C80:07"
	[ "$(list | jq -c '[.limits.page, (.pages[] | [.addr, .block, .device, .nr_errors, .retired, .last_time_s])]')" = \
		'[0,[570437632,34,"PNP0C80:00",1234,true,1700000000],[587198464,34,"PNP0C80:00",1,false,1700000005],[4096,0,"boot",7,false,1700000009]]' ]
	[ "$(list | jq -c '[.blocks[] | [.block, .device, .nr_errors, .nr_retired, .offline_time_s]]')" = \
		'[[0,"boot",7,0,null],[34,"PNP0C80:00",1235,1,1700000010],[77,"PNP0C80:07",0,0,1700000011]]' ]
	[ "$(list | jq -c '[.devices[] | [.device, .slots, .nr_errors, .nr_retired, .nr_blocks]]')" = \
		'[["boot","",7,0,0],["PNP0C80:00","",1235,1,1],["PNP0C80:07","",0,0,1]]' ]
	run "$memoffline" retire -s "$tree" --list
	grep -q "^ *0x22003000  *34  *1,234  *yes  *2023-" <<<"$output"
	grep -q "^PNP0C80:00  *1,235  *1  *1" <<<"$output"
}

@test "what is no file of ours is left alone; a line that is none is left out" {
	printf 'errors of something else\n' > "$state/errors"
	retire --dry-run $page
	[ "$status" -eq 1 ]
	[[ $output == *"/errors is not what memoffline wrote, or of a later version; move it away"* ]]
	counts "page $page 1 retired" "page $page 2 counted 1700000000" "" "block x" "page 0x22fff000 1 counted 5 more"
	retire --dry-run $page
	[ "$status" -eq 0 ]
	[[ $output == *"warning: 3 lines of "*"do not count"*"had 3 corrected errors"* ]]
	rm "$state/errors"
	mkfifo "$state/errors"
	retire --dry-run $page
	[ "$status" -eq 1 ]
}

# trigger NAME=VALUE...: what the example calls, as rasdaemon runs it
trigger() {
	mkdir -p "$BATS_TEST_TMPDIR/bin"
	printf '#!/bin/sh\necho "$*" > "%s"\n' "$BATS_TEST_TMPDIR/called" | tee "$BATS_TEST_TMPDIR/bin/memoffline" > "$BATS_TEST_TMPDIR/bin/systemd-run"
	chmod +x "$BATS_TEST_TMPDIR"/bin/*
	rm -f "$BATS_TEST_TMPDIR/called"
	mkfifo "$BATS_TEST_TMPDIR/called"
	exec 7<>"$BATS_TEST_TMPDIR/called"
	env -i PATH="$BATS_TEST_TMPDIR/bin:$PATH" "$@" "$BATS_TEST_DIRNAME/../../docs/examples/rasdaemon-trigger"
}

@test "the example for rasdaemon: an address in hex without 0x, and its count" {
	trigger ADDRESS=22003000 COUNT=3 TYPE=Corrected
	read -rt 10 -u 7 called
	[[ $called == *"retire --errors 3 0x22003000" ]]
	for wrong in "ADDRESS=0" "COUNT=1" 'ADDRESS=1;reboot' "ADDRESS=22003000 COUNT=0" "ADDRESS=22003000 TYPE=Uncorrected"; do
		# shellcheck disable=SC2086
		trigger $wrong
		! read -rt 0.2 -u 7 called
	done
}
