#!/usr/bin/env bats
# SPDX-License-Identifier: GPL-2.0-only
# lab: --topology dimm --cpus 1 --disk 256m
# What the kernel says of a page that stays, and what a block holds, on a real kernel. Blocks 32-35 are the DIMM.
# The kernel tells of ten pages in five seconds at most: hence the timeouts, so that each attempt sees its own.
load common

control=/proc/dynamic_debug/control
instances=/sys/kernel/tracing/instances

setup() {
	all_online_movable 32 33 34 35
	rm -rf "$run_dir"
	json=$BATS_TEST_TMPDIR/report.json
}

teardown() {
	kill_children
	mountpoint -q /sys/kernel/tracing || mount -t tracefs tracefs /sys/kernel/tracing
	! mountpoint -q /mnt || umount /mnt
	echo 'func offline_pages =_' > $control
}

# Pins a page of block 34 and has it found.
find_pinned() {	# ARG...
	start_work pinned pin --block 34 "$@"
	pfn=$(grep -o 'pfn=0x[0-9a-f]*' "$out" | cut -d = -f 2)
	addr=$(grep -o 'addr=0x[0-9a-f]*' "$out" | cut -d = -f 2)
	! "$memoffline" offline --timeout 5 34 || return 1
	"$memoffline" report --json 34 > "$json"
	cat "$json"
	[ "$(state 34)" = online ]
	end_work "$pid"
}

record() { jq -r ".records[] | select(.start_pfn == $((pfn))) | $1" "$json"; }

message_flags() { sed -n 's/.*\]offline_pages =\([^ ]*\) .*failed due to.*/\1/p' $control; }

@test "a pinned anonymous page that four processes map" {
	find_pinned --sharers 3
	[ "$(record .reason)" = extra-refs ]
	[ "$(record .kind)" = anon ]
	[ "$(record .mapcount)" = 4 ]
	[ "$(record '.refs - .refs_expected')" = 1 ]
	[ "$(record .nr_owners)" = 4 ]
	[ "$(record '[.owners[] | select(.comm == "work")] | length')" = 4 ]
	[ "$(record ".owners[] | select(.pid == $pid) | .addr")" = $((addr)) ]
}

@test "a pinned huge page is one record" {
	find_pinned --thp
	[ "$(record .reason)" = extra-refs ]
	[ "$(record .kind)" = thp ]
	[ "$(record .nr_pages)" = 512 ]
	[ "$(record '.refs - .refs_expected')" = 1 ]
	[ "$(record .nr_owners)" = 1 ]
	[ "$(record '.owners[0].pid')" = "$pid" ]
}

@test "a pinned page of shared memory" {
	find_pinned --shm
	[ "$(record .reason)" = extra-refs ]
	[ "$(record .kind)" = shmem ]
	[ "$(record '.refs - .refs_expected')" = 1 ]
	[ "$(record .file)" = "/memfd:pin (deleted)" ]
	[[ $(record '.owners[0].vma') == "/memfd:pin"* ]]
}

@test "a pinned page of a file whose name holds any byte" {
	mkfs.ext4 -q "$LAB_DISK"
	mount "$LAB_DISK" /mnt
	file=$'/mnt/we"ird\\x5cna\tme\n'
	find_pinned --file "$file"
	[ "$(record .reason)" = extra-refs ]
	[ "$(record .kind)" = cache ]
	[ "$(record '.refs - .refs_expected')" = 1 ]
	[ "$(record .file_inode)" = "$(stat -c %i "$file")" ]
	[ "$(record '.file | @base64')" = "$(printf %s "$file" | base64)" ]
}

@test "without tracefs and debugfs mounted the evidence is the same, and none is mounted after it" {
	umount /sys/kernel/tracing
	! mountpoint -q /sys/kernel/debug || umount /sys/kernel/debug
	find_pinned
	[ "$(record .reason)" = extra-refs ]
	[ "$(jq '[.notes[] | select(contains("module memoffline") | not)] | length' "$json")" = 0 ]
	! mountpoint -q /sys/kernel/tracing
	! mountpoint -q /sys/kernel/debug
	[ -z "$(ls /sys/kernel/tracing)" ]
}

@test "a block that holds memory of the kernel is refused at once, with the kernel's word and the pages" {
	start_work ready --kernel 400m --threads 0
	block= most=1000	# the one that holds most of it, so that no other reason outweighs
	for i in {1..7}; do
		pages=$("$memoffline" show --json $i | jq "if .zone == \"DMA32\" then .content.kernel else 0 end")
		[ "$pages" -le "$most" ] || { block=$i; most=$pages; }
	done
	[ "$block" ]
	run "$memoffline" offline --force --timeout 20 "$block"
	[ "$status" = 1 ]
	"$memoffline" report --json "$block" > "$json"
	[ "$(jq -r ".blocks[0].error" "$json")" = EBUSY ]
	[ "$(jq -r ".blocks[0].detail" "$json")" = "failure to isolate range" ]
	[ "$(jq -r ".blocks[0].reason" "$json")" = kernel ]
	[ "$(jq "[.records[] | select(.reason == \"kernel\" and .kind == \"kernel\") | .nr_pages] | add > 1000" "$json")" = true ]
	end_work "$pid"
}

@test "what was switched on is switched off, and what was on stays on" {
	[ "$(message_flags)" = _ ]
	"$memoffline" offline 33
	[ "$(message_flags)" = _ ]
	[ -z "$(ls $instances)" ]
	echo 'func offline_pages +p' > $control
	"$memoffline" offline 35
	[ "$(message_flags)" = p ]
}

@test "what a killed command left behind goes with the next" {
	start_work pinned pin --block 34
	pin_pid=$pid
	"$memoffline" offline --timeout 60 34 3>&- &
	offline_pid=$!
	until [ "$(state 34)" = going-offline ]; do pause 0.1; done
	[[ $(message_flags) == p?* ]]
	until [ -d $instances/memoffline-$offline_pid ]; do	# once the page holds it up
		[ "$(state 34)" = going-offline ]
		pause 0.1
	done
	mkdir $instances/other
	kill -KILL $offline_pid
	wait $offline_pid || :
	"$memoffline" offline --undo || :
	until [ "$(state 34)" = online ]; do pause 0.1; done
	"$memoffline" offline --timeout 20 35
	[ "$(ls $instances)" = other ]
	[ "$(message_flags)" = _ ]
	rmdir $instances/other
	end_work "$pin_pid"
}

@test "the content of blocks is counted by kind" {
	mkfs.ext4 -q "$LAB_DISK"
	mount "$LAB_DISK" /mnt
	content=$BATS_TEST_TMPDIR/content
	for i in 32 33 34 35; do "$memoffline" show --json $i; done | jq -s '[.[].content] | map(to_entries) | flatten |
		group_by(.key) | map({ (.[0].key): (map(.value) | add) }) | add' > "$content.before"
	start_work ready --node 1 --anon 40m --thp 32m --shm 24m --cache 16m:/mnt/file --threads 0
	grep -q 'pages=28672 on-node=28672' "$out"
	for i in 32 33 34 35; do "$memoffline" show --json $i; done | jq -s '[.[].content] | map(to_entries) | flatten |
		group_by(.key) | map({ (.[0].key): (map(.value) | add) }) | add' > "$content.after"
	cat "$content.before" "$content.after"
	more() { echo $(($(jq ".$1" "$content.after") - $(jq ".$1" "$content.before"))); }
	[ "$(more thp)" = 8192 ]
	for i in anon:10240 shmem:6144 cache:4096; do	# and what the process itself needs
		[ "$(more ${i%:*})" -ge "${i#*:}" ]
		[ "$(more ${i%:*})" -le $((${i#*:} + 2000)) ]
	done
	end_work "$pid"
}

@test "live work notices a byte that changed" {
	start_work ready --node 1 --anon 1m --shm 1m --threads 0
	addr=$(awk '/memfd:work/ { sub(/-.*/, "", $1); print $1; exit }' /proc/"$pid"/maps)
	printf X | dd of=/proc/"$pid"/mem bs=1 seek=$((0x$addr + 5000)) conv=notrunc status=none
	! end_work "$pid"
	grep -q 'mismatch in shm memory, offset 0x1000' "$out"
}
