#!/usr/bin/env bats
# SPDX-License-Identifier: GPL-2.0-only
# lab: --topology one-node-dimm --cpus 1 --append memhp_default_state=online_movable --qemu -device --qemu virtio-balloon-pci,id=balloon0
# Movable memory of the kernel's own, which it allocates from the DIMM first: objects of zsmalloc, pages of the balloon.
# Blocks 32-39 are the DIMM.
load common

setup_file() {
	load_core
}

setup() {
	all_online_movable 32 33 34 35 36 37 38 39
}

teardown() {
	"$memoffline" report 2>&1 | head -n 20
}

teardown_file() {
	unload_core
}

offline_dimm() {
	local block

	for block in 39 38 37 36 35 34 33 32; do echo offline > "$memory/memory$block/state"; done
}

moved() { "$memoffline" report --json "$1" | jq .moved_pages; }

@test "compressed memory of zram moves with its objects" {
	modprobe zram num_devices=1
	echo 96M > /sys/block/zram0/disksize
	base64 -w 0 /dev/urandom | head -c 64M > "$BATS_TEST_TMPDIR/data"
	dd if="$BATS_TEST_TMPDIR/data" of=/dev/zram0 bs=1M oflag=direct status=none
	rm "$BATS_TEST_TMPDIR/data"
	sum=$(dd if=/dev/zram0 bs=1M iflag=direct count=64 status=none | sha256sum)
	used=$(awk '{ print int($3 / 4096) }' /sys/block/zram0/mm_stat)
	echo "zram holds $used pages"
	[ "$used" -gt 8000 ]
	offline_dimm
	for block in 32 33 34 35 36 37 38 39; do total=$((${total-0} + $(moved $block))); done
	echo "moved: $total"
	[ "$total" -gt 8000 ]
	[ "$(dd if=/dev/zram0 bs=1M iflag=direct count=64 status=none | sha256sum)" = "$sum" ]
	[ "$(awk '{ print int($3 / 4096) }' /sys/block/zram0/mm_stat)" -ge $((used - 64)) ]
	modprobe -r zram
}

balloon_to() {	# MIB
	host qmp "{\"execute\":\"balloon\",\"arguments\":{\"value\":$(($1 << 20))}}"
	until [ "$(host qmp '{"execute":"query-balloon"}' | jq .actual)" = $(($1 << 20)) ]; do pause 0.1; done
}

@test "pages of the balloon move, and it gives all of them back" {
	modprobe virtio_balloon
	total=$(awk '/^MemTotal/ { print $2 }' /proc/meminfo)
	whole=$(host qmp '{"execute":"query-balloon"}' | jq '.actual / 1048576')
	balloon_to $((whole - 256))
	inflated=$(awk '/^balloon_inflate/ { print $2 }' /proc/vmstat)
	[ "$inflated" -ge 65536 ]
	free=$(awk '/^MemFree/ { print $2 }' /proc/meminfo)
	offline_dimm
	awk '/^balloon/' /proc/vmstat
	[ "$(awk '/^balloon_migrate/ { print $2 }' /proc/vmstat)" -ge 60000 ]
	all_online_movable 32 33 34 35 36 37 38 39
	balloon_to "$whole"
	[ "$(awk '/^balloon_deflate/ { print $2 }' /proc/vmstat)" -ge "$inflated" ]
	[ "$(awk '/^MemTotal/ { print $2 }' /proc/meminfo)" -ge $((total - 1024)) ]
	modprobe -r virtio_balloon
}
