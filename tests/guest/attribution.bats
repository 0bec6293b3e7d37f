#!/usr/bin/env bats
# SPDX-License-Identifier: GPL-2.0-only
# lab: --topology two-dimms --cpus 1 --disk 256m --append secretmem.enable=1
# kernels: 6.12
# soak-kernels: 6.1
# Memory that is made unmovable on purpose, by somebody who is known: does why name him for each page? With the module, and
# for what user space does also without it.
load common
bats_require_minimum_version 1.5.0

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
	engine=core percent=99 least=5000 on_node=()
}

without_module() { engine=stock percent=90; }

teardown() {
	kill_children
	! mountpoint -q /mnt || umount /mnt
}

start_hold() {	# KIND BYTES [NODE]
	out=$BATS_TEST_TMPDIR/out
	mkfifo "$out.in"
	"${on_node[@]}" "$hold" "$@" < "$out.in" > "$out" 2>&1 3>&- &
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

why_json() { "$memoffline" why --json --engine "$engine" "$@"; }

# Of the pages in $asked, at least $percent in 100 have a record of which CONDITION is true, and no other page has. What
# lies in a block that can't go whatever it holds is not asked for.
are_named() {	# CONDITION [JQ-ARG...]
	local block pages
	while read -r block pages; do
		why_json "$block" | jq -c "${@:2}" --argjson pages "$pages" "select(.blocks[0].reason | IN(\"zone-none\", \"holes\") | not) |
			{ pages: \$pages, named: ([.records[] | select($1) | .nr_pages] | add // 0) }"
	done < "$asked" > "$named"
	are_enough
}

# As $named counts them.
are_enough() {
	cat "$asked" "$named"
	jq -se --argjson percent "$percent" --argjson least "$least" '(map(.pages) | add) as $asked | (map(.named) | add) as $named |
		$asked > $least and $named * 100 >= $asked * $percent and $named <= $asked' "$named"
}

ring_is_named() {	# KIND BYTES
	start_hold "$@"
	pages_of "$pid" > "$asked"
	are_named '.owners[0].pid == $pid and .holds[0].kind == "io-uring" and .holds[0].pid == $pid and .holds[0].sure and
		.reason == "dma-pin"' --argjson pid "$pid"
}

# The emulated machine gives no more of it, and what is left in block 0 would do.
secret_is_named() {
	least=1000
	give_kernel 32
	on_node=(numactl -m 1)
	start_hold secret $((8 << 20))
	pages_of "$pid" > "$asked"
	are_named '.reason == "no-migrate" and .owners[0].pid == $pid and .owners[0].vma == "/secretmem (deleted)"' --argjson pid "$pid"
}

# A block of node 1, the others of which are of zone Movable. Whatever the kernel puts there stays.
give_kernel() {	# BLOCK
	[ "$(zone "$1")" = Movable ] || return 0
	echo offline > "$memory/memory$1/state"
	echo online_kernel > "$memory/memory$1/state"
}

# Nobody maps it: who did to find its pages has gone.
file_is_named() {
	local self=$BASHPID
	mount -t ramfs ramfs /mnt
	head -c 96m /dev/urandom > /mnt/stuck
	exec 9<> /mnt/stuck
	start_hold file $((96 << 20))
	pages_of "$pid" > "$asked"
	kill_children
	are_named '.reason == "no-migrate" and .file_inode == $inode and .file == "/mnt/stuck" and .holds[0].pid == $pid and
		.holds[0].kind == "open" and .holds[0].fd == 9' --argjson pid "$self" --argjson inode "$(stat -c %i /mnt/stuck)"
	exec 9<&-
}

@test "buffers of io_uring: the process, and its ring for sure" {
	ring_is_named dma $((96 << 20))
}

@test "buffers in huge pages" {
	ring_is_named dma-thp $((64 << 20))
}

@test "files on a file system that can't migrate: the path, and who has it open" {
	file_is_named
}

@test "without the module: buffers of io_uring" {
	without_module
	ring_is_named dma $((96 << 20))
}

@test "without the module: buffers in huge pages" {
	without_module
	ring_is_named dma-thp $((64 << 20))
}

@test "without the module: buffers in shared memory" {
	without_module
	ring_is_named dma-shared $((64 << 20))
}

@test "without the module: files on a file system that can't migrate" {
	without_module
	file_is_named
}

# On a block of the kernel's that holds nothing of the kernel: it does not refuse at once, but tries again and again. What a
# node with such a block has of the kernel is in the first.
@test "without the module: what offline could not move" {
	without_module
	give_kernel 32
	give_kernel 33
	start_hold dma $((160 << 20)) 1
	pages_of "$pid" > "$asked"
	run --separate-stderr "$memoffline" offline --engine stock --json --timeout 10 33
	[ "$status" -eq 1 ]
	jq -c --argjson pid "$pid" --argjson pages "$(awk '$1 == 33 { print $2 }' "$asked")" '{ pages: $pages, named: [.records[] |
		select(.reason == "dma-pin" and .owners[0].pid == $pid and .holds[0].kind == "io-uring" and .holds[0].sure) |
		.nr_pages] | add }' <<< "$output" > "$named"
	are_enough
}

@test "memory that the kernel itself can't read: the process" {
	secret_is_named
}

@test "without the module: memory that the kernel itself can't read" {
	without_module
	secret_is_named
}
