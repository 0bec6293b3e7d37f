#!/usr/bin/env bats
# SPDX-License-Identifier: GPL-2.0-only
# lab: --topology two-dimms --cpus 1
# Corrected errors: counted, then a page is retired, its block goes, its device goes. Blocks 32-35 are DIMM d1.
load common

dimm=PNP0C80:00
block_bytes=$((16#$(cat $memory/block_size_bytes)))

setup() {
	rm -rf "$run_dir" /var/lib/memoffline /etc/memoffline.conf
}

policy() {	# LINE...
	printf '%s\n' "[errors]" "$@" > /etc/memoffline.conf
}

page() { printf '0x%x' $(($1 * block_bytes + $2 * 4096)); }	# BLOCK N
is_poisoned() { (($(od -An -t u8 -j $(($1 / 4096 * 8)) -N 8 /proc/kpageflags) >> 19 & 1)); }
retire() {
	run "$memoffline" retire "$@"
	echo "$output"
}

@test "counted to the limit, then retired; and not twice" {
	policy "page = 3"
	addr=$(page 32 7)
	retire "$addr"
	[ "$status" = 0 ]
	[[ $output == *"had 1 corrected error, of 3 at which it is retired." ]]
	retire --dry-run --errors 2 "$addr"
	[[ $output == *"would be retired after 3 corrected errors." ]]
	! is_poisoned "$addr"
	retire "$addr"
	! is_poisoned "$addr"
	retire $((addr + 5))
	[ "$status" = 0 ]
	[[ $output == *"the page $addr (memory32 of $dimm) is retired after 3 corrected errors." ]]
	is_poisoned "$addr"
	said=$(dmesg | grep -c "already poisoned" || :)
	retire "$addr"
	[ "$status" = 0 ]
	[[ $output == *"is retired already; it had 4 corrected errors." ]]
	[ "$(dmesg | grep -c "already poisoned" || :)" = "$said" ]
	"$memoffline" retire --list
	[ "$("$memoffline" retire --list --json | jq -c '[.pages[] | [.nr_errors, .retired, .block]]')" = '[[4,true,32]]' ]
	"$memoffline" retire --forget
	[ "$("$memoffline" retire --list)" = "No errors were counted." ]
}

# anonymous NR: addresses of as many pages on node 1 that are anonymous memory
anonymous() {
	local first=$((32 * block_bytes / 4096))

	od -An -v -t u8 -w8 -j $((first * 8)) -N $((8 * block_bytes / 4096 * 8)) /proc/kpageflags |
		awk -v first="$first" -v nr="$1" 'int($1 / 4096) % 2 && n++ < nr { printf "%.0f\n", (first + NR - 1) * 4096 }'
}

@test "what is in pages moves, and stays what it was" {
	policy "page = 1"
	start_work ready --node 1 --anon 60m --threads 1
	addrs=$(anonymous 100)
	[ "$(wc -w <<<"$addrs")" = 100 ]
	# shellcheck disable=SC2086
	retire -q $addrs
	[ "$status" = 0 ]
	for addr in $addrs; do is_poisoned "$addr"; done
	[ "$("$memoffline" retire --list --json | jq '[.pages[] | select(.retired)] | length')" = 100 ]
	end_work "$pid"
}

@test "a pinned page stays; it counts, and is tried again" {
	policy "page = 1"
	start_work pinned pin --node 1 --block 33
	addr=$(($(grep -o 'pfn=0x[0-9a-f]*' "$out" | cut -d = -f 2) * 4096))
	for i in 1 2; do
		retire $addr
		[ "$status" = 1 ]
		[[ $output == *"had $i corrected error"*", and can't be retired: "*"the next error in it has it tried again"* ]]
	done
	[ "$("$memoffline" retire --list --json | jq -c '[.pages[] | [.nr_errors, .retired]]')" = '[[2,false]]' ]
	end_work "$pid"
}

@test "16 at once: no error is lost" {
	addr=$(page 34 9)
	for i in $(seq 16); do "$memoffline" retire "$addr" > /dev/null 3>&- & pids+=" $!"; done
	for i in $pids; do wait "$i"; done
	[ "$("$memoffline" retire --list --json | jq '.pages[0].nr_errors')" = 16 ]
}

@test "no memory, or the hole below 1 MiB: nothing is done" {
	policy "page = 1"
	retire 0xa0000 0xfee00000
	[ "$status" = 1 ]
	[ "$("$memoffline" retire --list)" = "No errors were counted." ]
}

@test "blocks with many retired pages go; then, where that is allowed, the device" {
	policy "page = 1" "block = 2" "device = 2"
	retire "$(page 34 1)"
	[ "$status" = 0 ]
	[[ $output == *"1 page of memory34 is retired, of 2 at which it goes offline." ]]
	[ "$(state 34)" = online ]
	retire "$(page 34 2)"
	[ "$status" = 0 ]
	[[ $output == *"memory34 of $dimm is offline after 2 of its pages were retired."* ]]
	[[ $output == *"1 block of $dimm went for corrected errors, of 2 at which it is removed." ]]
	[ "$(state 34)" = offline ]
	[ "$("$memoffline" report --json | jq -c '[.action, .target, .status]')" = '["offline","34","done"]' ]
	retire "$(page 35 1)" "$(page 35 2)"
	[ "$status" = 1 ]
	[ "$(state 35)" = offline ]
	[[ $output == *"2 blocks of $dimm went for corrected errors, and it stays: "*"does not allow; set udev = yes"* ]]
	[ "$("$memoffline" retire --list --json | jq -c '[.devices[] | [.device, .nr_blocks]]')" = '[["'$dimm'",2]]' ]
	printf '[remove]\nudev = yes\n' >> /etc/memoffline.conf
	host clear-events
	retire --json "$(page 33 1)" "$(page 33 2)"
	[ "$status" = 0 ]
	[ "$(jq -c '[.steps[-1] | .what, .outcome, .device, .count]' <<<"$output")" = '["device","done","'$dimm'",3]' ]
	host wait-event DEVICE_DELETED device=d1 --timeout 20 > /dev/null
	[ ! -e $memory/memory32 ]
	[ "$("$memoffline" retire --list)" = "No errors were counted." ]
	[ "$("$memoffline" report --json | jq -r .action)" = remove ]
}
