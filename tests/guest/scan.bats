#!/usr/bin/env bats
# SPDX-License-Identifier: GPL-2.0-only
# lab: --topology two-dimms --cpus 1 --disk 256m
# What the module sees in memory that nobody takes offline, against what the kernel shows of it. Blocks 32-39 are on
# node 1, whose pages are all the tests' own.
load common

scan=$build/tests/guest/scan
hold=$build/tests/guest/hold
pool=/sys/devices/system/node/node1/hugepages/hugepages

setup_file() {
	[ -d /sys/module/memoffline ] || load_core
	all_online_movable 32 33 34 35 36 37 38 39
}

teardown_file() {
	unload_core
}

setup() {
	json=$BATS_TEST_TMPDIR/scan.json
}

teardown() {
	kill_children
	echo 2 > /sys/kernel/mm/ksm/run	# unmerge
	echo 0 > $pool-2048kB/nr_hugepages
	! mountpoint -q /mnt || umount /mnt
}

# One question to jq, for which many a fact in one is cheaper than many questions.
holds() {	# FILE CONDITION [JQ-ARG...]
	jq -e "${@:3}" "$2" "$1" > /dev/null && return
	jq -c '.records |= [limit(8; .[] | select(.kind | IN("reserved", "slab", "pgtable", "kernel") | not))]' "$1"
	echo "not so: $2"
	return 1
}

# Each kind counts the same. A page without flags is the kernel's, or free on a per-cpu list: only the module knows.
same_counts='(. as $all | .scan | del(.free, .kernel) | to_entries | all(.value == $all.flags[.key]))
	and .scan.free + .scan.kernel == .flags.free + .flags.kernel
	and .scan.free >= .flags.free and .scan.free - .flags.free <= .blank
	and (.scan | add) == 32768'

# Scans blocks till the flags of each stand still, and adds up what they hold in $total.
scan_blocks() {	# BLOCK...
	local block
	total=$BATS_TEST_TMPDIR/total.json
	for block in "$@"; do
		"$scan" "$block" 100 > "$json"
		holds "$json" "$same_counts"
		cat "$json"
	done > "$total.all"
	jq -s '{ records: (map(.records) | add), kept: (map(.kept) | add),
		scan: (map(.scan | to_entries) | add | group_by(.key) | map({ key: .[0].key, value: (map(.value) | add) }) | from_entries) }' \
		"$total.all" > "$total"
}

# Starts `hold`; sets pid, and pfn.
start_hold() {	# KIND BYTES
	out=$(mktemp)
	mkfifo "$out.in"
	"$hold" "$@" < "$out.in" >> "$out" 2>&1 3>&- &
	pid=$!
	exec 8<>"$out.in"
	await "$out" "$pid" held
	pfn=$(sed -n 's/.*pfn=//p' "$out")
}

# Scans the block of a page.
scan_around() {	# PFN
	"$scan" $(($1 / 32768)) > "$json"
}

# The only record of block 34, while a page of it is pinned.
scan_pinned() {	# ARG...
	start_work pinned pin --block 34 "$@"
	pfn=$(grep -o 'pfn=0x[0-9a-f]*' "$out" | cut -d = -f 2)
	addr=$(grep -o 'addr=0x[0-9a-f]*' "$out" | cut -d = -f 2)
	"$scan" 34 > "$json"
	holds "$json" '(.records | length) == 1
		and .records[0].reason == "extra-refs" and .records[0].refs == .records[0].refs_expected + 1 and .records[0].error == 0'
}

record_holds() {	# CONDITION
	holds "$json" ".records[0] | $1" --argjson pid "$pid" --argjson pfn $((pfn)) --argjson addr $((addr))
}

@test "an empty block is free, and none of it stays" {
	"$scan" 39 > "$json"
	holds "$json" '.scan.free == 32768 and .kept == 0 and .records == []'
}

@test "memory of each kind that can move is counted as what it is, and none of it stays" {
	mkfs.ext4 -q "$LAB_DISK"
	mount "$LAB_DISK" /mnt
	echo 8 > $pool-2048kB/nr_hugepages
	start_work ready --node 1 --anon 48m --thp 32m --partial 16m --shm 24m --cache 40m:/mnt/cache --mapped 8m:/mnt/mapped \
		--dirty 8m:/mnt/dirty --hugetlb 8m --hugetlb-shared 4m --family 3 --threads 0
	scan_blocks 32 33 34 35 36 37 38 39
	holds "$total" '.scan | .thp >= 8192 and .anon >= 12288 and .shmem >= 6144 and .cache >= 14336'
	holds "$total" '.scan.hugetlb == 4096'	# of which two are free
	holds "$total" '.kept == 0 and .records == []'
	end_work "$pid"
}

@test "pages that many share: merged ones, and copies of some" {
	echo 10000 > /sys/kernel/mm/ksm/pages_to_scan
	echo 1 > /sys/kernel/mm/ksm/run
	start_work ready --node 1 --ksm 8m --forked 2m --threads 0
	echo 0 > /sys/kernel/mm/ksm/run
	scan_blocks 32 33 34 35 36 37 38 39
	holds "$total" '.scan.anon > 512 and .kept == 0 and .records == []'
	end_work "$pid"
}

@test "swap space in memory, and pages that came back from it" {
	modprobe zram num_devices=1
	echo 256m > /sys/block/zram0/disksize
	mkswap /dev/zram0 > /dev/null
	swapon /dev/zram0
	start_work ready --node 1 --swap 24m --threads 0
	scan_blocks 32 33 34 35 36 37 38 39
	holds "$total" '.scan.anon >= 6144 and .kept == 0 and .records == []'
	end_work "$pid"
	swapoff /dev/zram0
	rmmod zram
}

@test "memory of the kernel stays, each kind for its reason" {
	start_work ready --node 0 --kernel 8m --anon 8m --threads 0
	"$scan" 0 100 > "$json"
	holds "$json" "$same_counts"' and (.scan | .slab > 0 and .pgtable > 0 and .reserved > 0 and .kernel > 0) and (
		def pages($kind): [.records[] | select(.kind == $kind) | pow(2; .order)] | add;
		pages("slab") == .scan.slab and pages("pgtable") == .scan.pgtable and pages("reserved") == .scan.reserved and
		pages("kernel") == .scan.kernel) and
		(.records | all(.error == 0 and (.kind == .reason and .refs_expected == -1 and .nr_mappers == 0 or .kind == "cache")))'
	end_work "$pid"
}

# "CACHE PAGES" by the kernel's own account
slab_pages() {
	awk 'NR > 2 { print $1, $15 * $6 }' /proc/slabinfo | LC_ALL=C sort
}

@test "slabs name their caches, and nobody else's" {
	local counted=$BATS_TEST_TMPDIR/counted
	mkdir "$BATS_TEST_TMPDIR/files"
	mount -t tmpfs none "$BATS_TEST_TMPDIR/files"
	seq -f "$BATS_TEST_TMPDIR/files/%g" 4000 | xargs touch
	slab_pages > "$counted.before"
	for block in "$memory"/memory*; do
		[ "$(cat "$block/state")" != online ] || "$scan" "${block##*/memory}"
	done | jq -r '.records[] | select(.kind == "slab") | "\(.name) \(pow(2; .order))"' |
		awk '{ pages[$1] += $2 } END { for (cache in pages) print cache, pages[cache] }' | LC_ALL=C sort > "$counted"
	slab_pages > "$counted.after"
	umount "$BATS_TEST_TMPDIR/files"
	LC_ALL=C join -a 1 "$counted" <(LC_ALL=C join "$counted.before" "$counted.after") > "$counted.all"
	cat "$counted.all"
	# Each is a cache of the kernel's, and has as many pages as that had meanwhile.
	awk 'NF != 4 { exit 1 }
		{ low = $3 < $4 ? $3 : $4; high = $3 + $4 - low; all += high; off += $2 < low ? low - $2 : $2 > high ? $2 - high : 0 }
		$1 == "shmem_inode_cache" { files = $2 }
		END { exit !(NR > 30 && files > 700 && off * 100 <= all) }' "$counted.all"
}

@test "a pinned anonymous page, and the four processes that map it" {
	scan_pinned --sharers 3
	record_holds '.pfn == $pfn and .kind == "anon" and .order == 0 and .mapcount == 4 and .refs == 5 and .pincount == 0'
	record_holds '.file_inode == 0 and .name == "" and .cgroup_inode == 1'
	record_holds '.nr_mappers == 4 and ([.mappers[].pid] | unique | length) == 4 and (.mappers | all(.comm == "work"))'
	record_holds '[.mappers[] | select(.pid == $pid) | .addr] == [$addr]'
	end_work "$pid"
}

@test "of many mappers a few are named, and all are counted" {
	scan_pinned --sharers 32
	record_holds '.mapcount == 33 and .nr_mappers == 33 and (.mappers | length) == 4'
	end_work "$pid"
}

@test "a pinned huge page is one record" {
	scan_pinned --thp
	record_holds '.pfn == $pfn and .kind == "thp" and .order == 9 and .mapcount == 1 and .mappers[0].addr == $addr'
	holds "$json" '.kept == 512'
	end_work "$pid"
}

@test "a pinned page of shared memory" {
	scan_pinned --shm
	record_holds '.kind == "shmem" and .name == "memfd:pin" and .refs_expected == 2 and .mappers[0].pid == $pid'
	end_work "$pid"
}

@test "a pinned page of a file: its inode, device and name" {
	mkfs.ext4 -q "$LAB_DISK"
	mount "$LAB_DISK" /mnt
	file=$'/mnt/we"ird\\x5cna\tme'
	scan_pinned --file "$file"
	record_holds '.kind == "cache" and .mapcount == 1'
	record_holds ".file_inode == $(stat -c '%i and .major == %Hd and .minor == %Ld' "$file")"
	holds "$json" '.records[0].name == $name' --arg name "${file#/mnt/}"
	end_work "$pid"
}

@test "the memory cgroup that a page is charged to" {
	echo +memory > /sys/fs/cgroup/cgroup.subtree_control
	mkdir -p /sys/fs/cgroup/scan
	echo $BASHPID > /sys/fs/cgroup/scan/cgroup.procs
	scan_pinned
	record_holds ".cgroup_inode == $(stat -c %i /sys/fs/cgroup/scan)"
	end_work "$pid"
	echo $BASHPID > /sys/fs/cgroup/cgroup.procs
	rmdir /sys/fs/cgroup/scan
}

# ---- what can't move ----

# A page that waits for its list has one reference more.
@test "pages that are pinned for DMA, small and huge" {
	start_hold dma 65536
	scan_around "$pfn"
	holds "$json" '[.records[] | select(.reason == "dma-pin" and .mappers[0].pid == $pid)] | length > 0 and
		all(.kind == "anon" and .order == 0 and .pincount == 1 and (.refs - .refs_expected | IN(1024, 1025)))' --argjson pid "$pid"
	kill "$pid"
	start_hold dma-thp $((2 << 20))
	scan_around "$pfn"
	holds "$json" '[.records[] | select(.reason == "dma-pin" and .mappers[0].pid == $pid)] | length == 1 and
		all(.kind == "thp" and .order == 9 and .pincount > 0 and .refs - .refs_expected == .pincount)' --argjson pid "$pid"
}

@test "huge pages of the pool that are promised" {
	echo 8 > $pool-2048kB/nr_hugepages
	scan_blocks 32 33 34 35 36 37 38 39
	holds "$total" '.scan.hugetlb == 4096 and .kept == 0'
	start_hold promise $((8 << 21))
	scan_blocks 32 33 34 35 36 37 38 39
	holds "$total" '.scan.hugetlb == 4096 and .kept == 4096 and
		(.records | length == 8 and all(.reason == "hugetlb-reserved" and .order == 9 and .refs == 0))'
}

@test "a page that is poisoned does not stay, and can be healed" {
	modprobe hwpoison_inject
	pfn=$((39 * 32768 + 1234))
	echo $pfn > /sys/kernel/debug/hwpoison/corrupt-pfn
	scan_blocks 39
	holds "$total" '.scan.poisoned == 1 and .scan.free == 32767 and .kept == 0'
	echo $pfn > /sys/kernel/debug/hwpoison/unpoison-pfn
	scan_blocks 39
	holds "$total" '.scan.free == 32768'
}

@test "dirty pages of a file system that can neither migrate nor write them" {
	mount -t ramfs ramfs /mnt
	head -c 4m /dev/urandom > /mnt/stuck
	for block in 0 1 2 3 4 5 6 7 8 9 10 11; do "$scan" $block | jq -c '.records[] | select(.name == "stuck")'; done > "$json"
	jq -se 'length == 1024 and all(.reason == "no-migrate" and .kind == "cache" and .file_inode == $inode)' \
		--argjson inode "$(stat -c %i /mnt/stuck)" "$json"
}

# Memory of the kernel: the node of the DIMMs has none.
busy_buffers() {
	local block

	for block in 1 2 3 4 5 6 7 8 9 10 11; do
		"$scan" $block | jq '[.records[] | select(.kind == "cache" and .reason == "extra-refs" and .refs == .refs_expected)] | length'
	done | jq -s add
}

@test "blocks of a device that a mounted file system keeps in use" {
	mkfs.ext4 -q "$LAB_DISK"
	[ "$(busy_buffers)" -eq 0 ]
	mount "$LAB_DISK" /mnt
	[ "$(busy_buffers)" -gt 0 ]
	umount /mnt
	[ "$(busy_buffers)" -eq 0 ]
}
