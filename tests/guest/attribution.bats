#!/usr/bin/env bats
# SPDX-License-Identifier: GPL-2.0-only
# lab: --topology two-dimms --cpus 1 --disk 256m
# kernels: 6.12
# soak-kernels: 6.1
# Memory that is made unmovable on purpose, by somebody who is known: does why name him for each page?
load common

hold=$build/tests/guest/hold

setup_file() {
	[ -d /sys/module/memoffline ] || load_core
}

teardown_file() {
	unload_core
}

setup() {
	asked=$BATS_TEST_TMPDIR/asked
	named=$BATS_TEST_TMPDIR/named
}

teardown() {
	kill_children
	! mountpoint -q /mnt || umount /mnt
}

start_hold() {	# KIND BYTES
	out=$BATS_TEST_TMPDIR/out
	mkfifo "$out.in"
	"$hold" "$@" < "$out.in" > "$out" 2>&1 3>&- &
	pid=$!
	exec 8<>"$out.in"
	await "$out" "$pid" held
}

# "BLOCK PAGES" of the largest writable mapping of a process
pages_of() {	# PID
	local first last
	read -r first last < <(sed -n 's/^\([0-9a-f]*\)-\([0-9a-f]*\) rw.*/0x\1 0x\2/p' "/proc/$1/maps" |
		while read -r first last; do echo $((last - first)) $((first)) $((last)); done | sort -n | tail -1 | cut -d ' ' -f 2-)
	dd if="/proc/$1/pagemap" bs=64K iflag=skip_bytes,count_bytes skip=$((first / 512)) count=$(((last - first) / 512)) \
		status=none | od -v -A n -t u4 -w8 |
		awk '$2 >= 2147483648 { pages[int($1 / 32768)]++ } END { for (block in pages) print block, pages[block] }'
}

# Of the pages in $asked, at least 99 in 100 have a record of which CONDITION is true. What lies in a block that can't go
# whatever it holds is not asked for.
are_named() {	# CONDITION [JQ-ARG...]
	local block pages
	: > "$named"
	while read -r block pages; do
		grep -qx none "$memory/memory$block/valid_zones" && continue
		"$memoffline" why --json "$block" |
			jq "${@:2}" --argjson pages "$pages" "{ pages: \$pages, named: ([.records[] | select($1) | .nr_pages] | add // 0) }"
	done < "$asked" > "$named"
	cat "$asked" "$named"
	jq -se '(map(.pages) | add) as $asked | (map(.named) | add) as $named | $asked > 0 and $named * 100 >= $asked * 99 and $named <= $asked' "$named"
}

@test "buffers of io_uring: the process, and its ring for sure" {
	start_hold dma $((96 << 20))
	pages_of "$pid" > "$asked"
	are_named '.reason == "dma-pin" and .owners[0].pid == $pid and .holds[0].kind == "io-uring" and .holds[0].pid == $pid and
		.holds[0].sure' --argjson pid "$pid"
}

@test "buffers in huge pages" {
	start_hold dma-thp $((64 << 20))
	pages_of "$pid" > "$asked"
	are_named '.owners[0].pid == $pid and .holds[0].kind == "io-uring" and .holds[0].sure' --argjson pid "$pid"
}

@test "files on a file system that can't migrate: the path, and who has it open" {
	mount -t ramfs ramfs /mnt
	head -c 96m /dev/urandom > /mnt/stuck
	exec 9< /mnt/stuck
	pid=$BASHPID
	for block in 1 2 3 4 5 6 7 8 9 10 11; do
		"$memoffline" why --json $block | jq -c --argjson inode "$(stat -c %i /mnt/stuck)" --argjson pid "$pid" \
			'.records[] | select(.file_inode == $inode) | { pages: .nr_pages, named: (if .file == "/mnt/stuck" and
				.holds[0].pid == $pid and .holds[0].kind == "open" and .holds[0].fd == 9 then .nr_pages else 0 end) }'
	done > "$named"
	exec 9<&-
	jq -sc '[(map(.pages) | add), (map(.named) | add)]' "$named"
	jq -se '(map(.pages) | add) as $asked | (map(.named) | add) as $named | $asked > 10000 and $named * 100 >= $asked * 99' "$named"
}
