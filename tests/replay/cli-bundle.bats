#!/usr/bin/env bats
# SPDX-License-Identifier: GPL-2.0-only
# memoffline bundle: what is in it, what must not be, and commands that look at it as if it were the machine.
bats_require_minimum_version 1.5.0
load cli

setup() {
	machine
	files=$BATS_TEST_TMPDIR/files
	mkdir "$files"
	export TMPDIR=$files
	bundle=$files/bundle.tar.gz
}

# What each command that only looks can tell.
whole_machine() {
	pages $((0x20000)) 1024 "$anon" 1
	pages $((0x20400)) 3000 "$flag_buddy"
	pages $((0xffa0)) 60 "$flag_slab"
	process 4711 "holder" "/srv/file" $((0xffa2))
	put proc/iomem "00000000-2fffffff : System RAM\n"
	put proc/cmdline "root=/dev/vda1 movable_node memhp_default_state=online\n"
	put proc/meminfo "MemTotal: 100 kB\nSwapTotal: 0 kB\nHugePages_Total: 3\n"
	put proc/sys/kernel/osrelease "6.1.0-18-amd64\n"
	put proc/sys/kernel/arch "x86_64\n"
	mkdir -p "$tree/sys/bus/virtio/drivers/virtio_balloon"
	ln -s ../../../../module/virtio_balloon "$tree/sys/bus/virtio/drivers/virtio_balloon/module"
	pages $((0x22000)) 8 $((1 << 23))	# a balloon's
	put boot/config-6.1.0-18-amd64 "CONFIG_MEMORY_HOTPLUG=y\nCONFIG_MEMORY_HOTREMOVE=y\n"
	put sys/devices/system/memory/auto_online_blocks "online\n"
	put usr/lib/udev/rules.d/40-hot.rules 'SUBSYSTEM=="memory", ACTION=="add", ATTR{state}="online"\n'
	ln -s usr/lib "$tree/lib"
	put etc/memoffline.conf "[remove]\nudev = yes\n"
	put etc/memoffline.conf.d/20-acme.conf "# for acme\n[remove]\ntimeout = soon\n[hooks]\ndir = /srv/acme\n"
	put var/lib/memoffline/policy "[remove]\nudev = yes\n"
	mkdir -p "$tree/run/memoffline/reports"
	cp "$BATS_TEST_DIRNAME/reports/pinned.json" "$tree/run/memoffline/reports/last.json"
	ln "$tree/run/memoffline/reports/last.json" "$tree/run/memoffline/reports/memory33.json"
	"$make_tree" "$tree" dax=dax0.0,20000000,1000000 "remove=sys/devices/system/memory/memory32/firmware_node"
}

same_on() {	# SYSROOT
	for command in "list -a -o RANGE,STATE,BLOCK,NODE,ZONES,DEVICE,KIND" "show 32" "plan 32" "plan PNP0C80:00" "why 15 32-38 -v" \
		"doctor" "report -v" "report 33 --json" "show 15 --json" "plan 0-15 --json" "doctor --json" "list --json"; do
		# shellcheck disable=SC2086
		expected=$("$memoffline" -s "$tree" $command 2>&1) || true
		# shellcheck disable=SC2086
		got=$("$memoffline" -s "$1" $command 2>&1) || true
		diff <(echo "$command: $expected") <(echo "$command: $got")
	done
	[[ $("$memoffline" -s "$1" why 15 -v) == *"pid 4711 (holder)"*"/srv/file"* ]]
	[[ $("$memoffline" -s "$1" doctor) == *"40-hot.rules"* ]]
	[[ $("$memoffline" -s "$1" doctor) == *"20-acme.conf:3: timeout can't be 'soon'"*"the last policy that was right holds"* ]]
}

written() {
	run "$memoffline" -s "$tree" bundle "$@"
	echo "$output"
	[ "$status" -eq 0 ]
}

@test "commands say of the bundle what they say of the machine" {
	whole_machine
	written "$bundle"
	same_on "$bundle"
	[ "$(ls -A "$files")" = bundle.tar.gz ]
}

@test "unpacked by tar it is the same" {
	whole_machine
	written "$bundle"
	mkdir "$files/unpacked"
	tar -xzf "$bundle" -C "$files/unpacked"
	same_on "$files/unpacked"
	[ "$(find "$files/unpacked" ! -type f ! -type d ! -type l | wc -l)" -eq 0 ]
}

@test "a bundle of a bundle is the same" {
	whole_machine
	written "$bundle"
	"$memoffline" -s "$bundle" bundle "$files/second.tar.gz"
	same_on "$files/second.tar.gz"
}

@test "pages are named by the paths of their cgroups, or it is said why not" {
	whole_machine
	words 4711 60 | dd of="$tree/proc/kpagecgroup" bs=8 seek=$((0xffa0)) status=none
	run "$memoffline" -s "$tree" why 15
	echo "$output"
	[[ $(tr -s ' \n' ' ' <<<"$output") == *"pages are charged to cgroups of which only the numbers are recorded"* ]]
	put memoffline/cgroups "1 /\n471 /b\nno number\n4711 /a slice/c\n4712 not of this form\n"
	written "$bundle"
	"$memoffline" -s "$bundle" bundle "$files/second.tar.gz"
	for copy in "$tree" "$bundle" "$files/second.tar.gz"; do
		[ "$("$memoffline" -s "$copy" why 15 --json | jq -r '[.records[] | select(.cgroup_inode == 4711) | .cgroup] | unique | join(",")')" = "/a slice/c" ]
		[[ $("$memoffline" -s "$copy" why 15) != *"only the numbers"* ]]
	done
	written "$files/redacted.tar.gz" --redact
	[[ $("$memoffline" -s "$files/redacted.tar.gz" why 15 --json | jq -r '.records[] | select(.cgroup_inode == 4711) | .cgroup') == "/name"*"/name"* ]]
}

@test "what the plan's rules ask for is in it" {
	whole_machine
	written "$bundle"
	tar -xzf "$bundle" -C "$files"
	[ "$(cat "$files/proc/sys/kernel/arch")" = x86_64 ]
	[ -d "$files/sys/bus/virtio/drivers/virtio_balloon" ]
}

@test "the manifest tells what is in it and what could not be read" {
	whole_machine
	"$make_tree" "$tree" fifo=proc/pagetypeinfo
	put proc/self-made "not asked for\n"
	written "$bundle" --json
	json=$output
	[ "$(jq .schema <<<"$json")" -eq 1 ]
	[ "$(jq .redacted <<<"$json")" = false ]
	[ "$(jq -r .release <<<"$json")" = 6.1.0-18-amd64 ]
	[ "$(jq -r .version <<<"$json")" = "$("$memoffline" --version | sed 's/.* //')" ]
	[ "$(jq -r '.missing[] | select(.path == "/proc/vmstat") | .error' <<<"$json")" = ENOENT ]
	[ "$(jq -r '.findings[] | select(.key == "udev-rule") | .health' <<<"$json")" = warning ]
	[ "$(tar -xzOf "$bundle" memoffline/manifest.json)" = "$json" ]
	tar -xzOf "$bundle" memoffline/why.json | jq -e '.action == "why" and ([.records[].owners[].comm] | index("holder"))'
	[[ $(tar -tzf "$bundle") != *self-made* ]]
	[ "$(tar -tzf "$bundle" | grep -v '/$' | sort | uniq -d | wc -l)" -eq 0 ]
	[ "$(jq .nr_files <<<"$json")" -eq "$(($(tar -tvzf "$bundle" | grep -c ^-) - 1))" ]
}

@test "of processes that hold nothing back, and of files that nobody asked for, nothing is in it" {
	whole_machine
	process 4712 bystander /srv/other $((0x20010))
	written "$bundle"
	tar -xzf "$bundle" -C "$files"
	[ ! -e "$files/proc/4712" ]
	! grep -rqa bystander "$files/proc" "$files/memoffline" "$files/sys"
	[ ! -e "$files/proc/4711/environ" ]
	[ ! -e "$files/proc/4711/cmdline" ]
}

@test "without the state of pages it is small, and plan says what it does not know" {
	whole_machine
	written "$bundle" --pages never
	[[ $(tar -tzf "$bundle") != *kpage* ]]
	[[ $("$memoffline" plan -s "$bundle" 32) == *"the content of the blocks could not be read"* ]]
	usage_error bundle --pages sometimes x
}

@test "lines of the kernel's log that are about memory, and no others" {
	put dev/kmsg "6,1,10,-;Linux version 6.1\n6,2,20,-;usb 1-1: new device\n SUBSYSTEM=usb\n4,3,30,-;migrating pfn 118001 failed ret:1\n6,4,40,-;no end of memory"
	written "$bundle"
	[ "$(tar -xzOf "$bundle" memoffline/kernel.log)" = "4,3,30,-;migrating pfn 118001 failed ret:1" ]
}

@test "a pipe in place of a file does not hang it" {
	"$make_tree" "$tree" fifo=dev/kmsg fifo=proc/pagetypeinfo fifo=sys/devices/system/node/node0/vmstat fifo=run/memoffline/x
	run timeout 20 "$memoffline" -s "$tree" bundle "$bundle"
	[ "$status" -eq 0 ]
}

# ---- names that must not get out ----

plant() {
	whole_machine
	process 4713 'Zugvogel\nKönigskranich\xff' '/srv/Zugvogel\\012Königs\\303\\266kranich (deleted)' $((0xffa5))
	process 4714 'Zugvogel' 'anon_inode:[zugvogel]' $((0xffa6))
	process 4715 'kworker/Zugvogel' '[anon:Zugvogel]' $((0xffa7))
	put proc/iomem "00000000-2fffffff : System RAM\n40000000-4fffffff : Zugvogel (Königskranich)\n"
	put proc/cmdline "movable_node memhp_default_state=online ip=10.0.0.1::Zugvogel:off androidboot.serialno=20471147 root=/dev/disk/by-label/Zugvogel zugvogel.x=1 Königskranich\n"
	put proc/version "Linux version 6.1.0-zugvogel (kranich@zugvogel.example) (gcc-12 (Debian 12.2.0-14) 12.2.0) #1 SMP\n"
	put proc/modules "zugvogel 16384 0 - Live 0x0000000000000000\nvirtio_mem 16384 0 - Live 0x0000000000000000\n"
	put proc/swaps "Filename Type Size Used Priority\n/srv/Zugvogel/swap\\\\040kranich file 1 0 -2\n/20471147/zugvogel file 1 0 -3\n"
	put proc/sys/kernel/osrelease "6.1.0-zugvogel\n"
	put boot/config-6.1.0-zugvogel 'CONFIG_MEMORY_HOTREMOVE=y\nCONFIG_LOCALVERSION="-zugvogel"\nCONFIG_ZUGVOGEL=y\n'
	put etc/os-release 'NAME="Zugvogel Linux"\nID=debian\n'
	put etc/udev/rules.d/50-Zugvogel.rules '# Königskranich\nSUBSYSTEM=="memory", ACTION=="add", ATTR{state}="online", RUN+="/opt/zugvogel"\n'
	put dev/kmsg '4,1,30,-;Out of memory: Killed process 12 (Zugvogel\\x0aKr), memory of Königskranich\n4,2,31,-;aops:ext4_da_aops ino:12 dentry name:"Zugvogel.page"\n6,3,32,-;Kernel command line: memory serial=20471147\n'
	jq '.notes += ["process 12 (Zugvogel) waits for Königskranich"] | .target = "/Zugvogel.slice" |
		.records[0].owners[0].comm = "Zugvogel\n" | .records[1].owners[0].vma = "/srv/Zugvogel/Königs\tkranich" |
		.records[0].file = "/srv/Königskranich" | .records[0].cgroup = "/Zugvogel.slice/20471147.scope"' -a \
		"$BATS_TEST_DIRNAME/reports/pinned.json" >"$tree/run/memoffline/reports/last.json"
	put run/memoffline/journal "memoffline 1\nZugvogel\n"
	put memoffline/cgroups "1 /\n4711 /Zugvogel.slice/Königskranich.scope\n"
	rm "$tree/etc/memoffline.conf.d/20-acme.conf"
	put etc/memoffline.conf "# of Zugvogel\n[remove]\nudev = yes\n"
	put etc/memoffline.conf.d/20-Zugvogel.conf "[remove]\ntimeout = 60\n[hooks]\ndir = /srv/Zugvogel\n"
	put var/lib/memoffline/history.jsonl '{"schema":1,"host":"Zugvogel","target":"/Königskranich"}\n{"broken":"Zugvogel\n'
	put var/lib/memoffline/history.jsonl.1 '{"schema":1,"x":[["Zugvogel"],{"y":"K\\u00f6nigskranich"}]}\n'
	# A memory device of SMBIOS: strings 1 "DIMM_A2", 2 the serial number, 3 the asset tag.
	put sys/firmware/dmi/entries/17-0/raw "\x11\x1b\x00\x11$(printf '\\x00%.0s' {1..12})\x01\x00\x00\x00\x00\x00\x00\x00\x02\x03\x00DIMM_A2\x0020471147\x00Zugvogel-7\x00\x00"
}

@test "redacted, no name that was planted is in it, in any of the forms that it had" {
	plant
	written "$bundle" --redact
	[[ $output != *names\ processes* ]]
	mkdir "$files/unpacked"
	tar -xzf "$bundle" -C "$files/unpacked"
	gzip -dc "$bundle" >"$files/unpacked/archive.tar"
	find "$files/unpacked" -name '*.json*' -exec jq -r '.. | strings' {} + >"$files/unpacked/strings"
	found=$(grep -rlaiE 'zugvogel|kranich|20471147' "$files/unpacked"; find "$files/unpacked" | grep -iE 'zugvogel|kranich|20471147') || true
	echo "$found"
	[ -z "$found" ]
	# All of it was there to be found.
	written "$bundle"
	tar -xzf "$bundle" -C "$files/unpacked" --recursive-unlink
	for file in proc/4713/comm proc/4713/maps proc/4714/maps proc/4715/maps proc/iomem proc/cmdline proc/version \
		proc/modules proc/swaps proc/sys/kernel/osrelease boot/config-6.1.0-zugvogel etc/os-release \
		etc/udev/rules.d/50-Zugvogel.rules etc/memoffline.conf etc/memoffline.conf.d/20-Zugvogel.conf memoffline/kernel.log memoffline/why.json memoffline/cgroups run/memoffline/reports/last.json \
		run/memoffline/journal var/lib/memoffline/history.jsonl var/lib/memoffline/history.jsonl.1 \
		sys/firmware/dmi/entries/17-0/raw memoffline/manifest.json; do
		echo "$file"
		grep -qaiE 'zugvogel|kranich' "$files/unpacked/$file"
	done
}

@test "redacted, the same name is the same word, and what is no name stays" {
	plant
	written "$bundle" --redact
	tar -xzf "$bundle" -C "$files"
	word=$(cat "$files/proc/4714/comm")
	[[ $word =~ ^name[0-9]+$ ]]
	[ "$(jq -r '.records[0].owners[0].comm' "$files/run/memoffline/reports/last.json" | tr -d '\n')" = "$word" ]
	[[ $(cat "$files/proc/4715/maps") == *"[anon:"* ]]
	[[ $(cat "$files/memoffline/kernel.log") == *"Out of memory: Killed process 12 ("*"dentry name:"* ]]
	[[ $(cat "$files/proc/cmdline") == "movable_node memhp_default_state=online name"* ]]
	[ "$(cat "$files"/boot/config-*)" = "CONFIG_MEMORY_HOTREMOVE=y" ]
	[[ $(cat "$files/proc/modules") == *"virtio_mem 16384 0 - Live 0x0000000000000000"* ]]
	[ "$(cat "$files/etc/memoffline.conf")" = $'[remove]\nudev = yes' ]
	[ "$(cat "$files"/etc/memoffline.conf.d/20-name*.conf)" = $'[remove]\ntimeout = 60\n[hooks]' ]
	grep -qa DIMM_A2 "$files/sys/firmware/dmi/entries/17-0/raw"
	[ "$(jq .redacted "$files/memoffline/manifest.json")" = true ]
	! grep -rqa name0 "$files/proc"
}

@test "redacted, commands still tell what they told, but for names" {
	plant
	written "$bundle" --redact
	for command in list "show 32" "plan 32" "plan 0-15 --json"; do
		# shellcheck disable=SC2086
		diff <("$memoffline" -s "$tree" $command 2>&1) <("$memoffline" -s "$bundle" $command 2>&1)
	done
	run "$memoffline" -s "$bundle" doctor
	echo "$output"
	[[ $output == *"hotremove"*"CONFIG_MEMORY_HOTREMOVE=y"*"udev rule in /etc/udev/rules.d/50-name"*".rules writes"*"memhp_default_state=online"* ]]
	run "$memoffline" -s "$bundle" report -v
	echo "$output"
	[ "$status" -eq 0 ]
	[[ $output == *"extra references"*"pid 1235 (name"* ]]
	[[ $("$memoffline" -s "$bundle" why 15 -v) =~ "pid "47[0-9]+" (name" ]]
}

# ---- the file ----

@test "the file is replaced as a whole, for its owner alone" {
	echo old >"$bundle"
	chmod 0644 "$bundle"
	ln -s bundle.tar.gz "$files/link"
	written "$files/link"
	[ -L "$files/link" ]
	[ "$(stat -c %a "$bundle")" = 600 ]
	tar -tzf "$bundle" >/dev/null
	[ "$(ls -A "$files" | wc -l)" -eq 2 ]
}

@test "a file that can't be written leaves the old one as it was, and nothing beside it" {
	whole_machine
	echo old >"$bundle"
	run bash -c 'trap "" XFSZ; ulimit -f 1; exec "$@"' - "$memoffline" -s "$tree" bundle "$bundle"
	echo "$output"
	[ "$status" -eq 1 ]
	[[ $output == *"can't write the bundle: File too large"* ]]
	run bash -c 'ulimit -c 0 -f 1; exec "$@"' - "$memoffline" -s "$tree" bundle "$bundle"	# SIGXFSZ kills it
	[ "$status" -gt 128 ]
	[ "$(cat "$bundle")" = old ]
	[ "$(ls -A "$files")" = bundle.tar.gz ]
	run "$memoffline" -s "$tree" bundle "$files/none/bundle"
	[ "$status" -eq 1 ]
	[[ $output == *"$files/none/bundle"*"No such file"* ]]
	run "$memoffline" -s "$tree" bundle "$files"
	[ "$status" -eq 1 ]
}

@test "a full disk and a reader that leaves are errors; a device stays a device" {
	whole_machine
	run "$memoffline" -s "$tree" bundle /dev/full
	echo "$output"
	[ "$status" -eq 1 ]
	[[ $output == *"No space left on device"*"make room"* ]]
	[ -c /dev/full ]
	run --separate-stderr bash -c '"$@" >/dev/full' - "$memoffline" -s "$tree" bundle -
	[ "$status" -eq 1 ]
	[[ $stderr == *"No space left on device"* ]]
	mkfifo "$files/fifo"
	exec 7<>"$files/fifo" 8>"$files/fifo" 7<&-
	run --separate-stderr bash -c '"$@" >&8' - "$memoffline" -s "$tree" bundle -
	exec 8>&-
	echo "$stderr"
	[ "$status" -eq 1 ]
	[[ $stderr == *"Broken pipe"* ]]
}

@test "standard output takes it, but no terminal, and no JSON besides" {
	"$memoffline" -s "$tree" bundle - >"$bundle"
	[[ $("$memoffline" -s "$bundle" list) == *PNP0C80:00* ]]
	usage_error bundle
	usage_error bundle a b
	usage_error bundle ""
	usage_error bundle - --json
	[[ $(on_terminal 80 "$memoffline" -s "$tree" bundle -) == *"nothing for a terminal"* ]]
}

@test "without libarchive it says so, and other commands work" {
	mkdir "$files/lib"
	: >"$files/lib/libarchive.so.13"
	written "$bundle"
	LD_LIBRARY_PATH=$files/lib run "$memoffline" -s "$tree" bundle "$files/x"
	[ "$status" -eq 1 ]
	[[ $output == *"libarchive can't be used"*"install libarchive"* ]]
	LD_LIBRARY_PATH=$files/lib run "$memoffline" -s "$bundle" list
	[ "$status" -eq 1 ]
	[[ $output == *"install libarchive"* ]]
	LD_LIBRARY_PATH=$files/lib run "$memoffline" -s "$tree" list
	[ "$status" -eq 0 ]
	[ ! -e "$files/x" ]
}

# ---- bundles of strangers ----

refused() {
	run "$memoffline" -s "$bundle" list
	echo "$output"
	[ "$status" -eq 1 ]
	[[ $output == "memoffline: can't use $bundle as sysroot: "* ]]
	[[ $output == *"$1"* ]]
	[ ! -e "$BATS_TEST_TMPDIR/out" ]
}

# archive OPTION...: of what is in $tree
archive() {
	tar -C "$tree" -P -czf "$bundle" "$@"
}

@test "a path that leads out is refused" {
	echo x >"$tree/x"
	archive --transform 's|^x$|../../out|' sys x
	refused "leads out"
	archive --transform "s|^x\$|$BATS_TEST_TMPDIR/out|" sys x
	refused "leads out"
	archive --transform 's|^x$|sys/../../out|' sys x
	refused "leads out"
}

@test "nothing is written by way of a link, nor read" {
	ln -s "$BATS_TEST_TMPDIR" "$tree/a"
	mkdir -p "$tree/b"
	echo x >"$tree/b/out"
	archive --transform 's|^b/|a/|' sys a b/out
	refused "one name"
	mkdir "$BATS_TEST_TMPDIR/secret"
	echo "memhp_default_state=Zugvogel" >"$BATS_TEST_TMPDIR/secret/cmdline"
	rm -rf "$tree/proc/cmdline" "$tree/a"
	ln -s "$BATS_TEST_TMPDIR/secret/cmdline" "$tree/proc/cmdline"
	archive sys proc
	[[ $("$memoffline" -s "$bundle" doctor) != *Zugvogel* ]]
	[[ $("$memoffline" -s "$tree" doctor) != *Zugvogel* ]]
	ln -sf ../../secret/cmdline "$tree/proc/cmdline"
	[[ $("$memoffline" -s "$tree" doctor) != *Zugvogel* ]]
	ln -sf ../x/cmdline "$tree/proc/cmdline"
	mkdir "$tree/x"
	echo "memhp_default_state=inside" >"$tree/x/cmdline"
	[[ $("$memoffline" -s "$tree" doctor) == *memhp_default_state=inside* ]]
}

@test "devices, pipes and hard links in it are left out" {
	"$make_tree" "$tree" fifo=proc/cmdline
	ln "$tree/sys/devices/system/memory/block_size_bytes" "$tree/hard"
	archive sys proc hard
	run timeout 20 "$memoffline" -s "$bundle" doctor
	[ "$status" -ne 124 ]
	[[ $("$memoffline" -s "$bundle" list) == *PNP0C80:00* ]]
}

@test "what is cut, or no archive at all, is refused, and nothing of it is left" {
	whole_machine
	written "$bundle"
	cp "$bundle" "$files/whole"
	head -c 2000 "$files/whole" >"$bundle"
	refused ""
	head -c 100000 /dev/urandom >"$bundle"
	refused ""
	: >"$bundle"
	run "$memoffline" -s "$bundle" list
	[ "$status" -eq 1 ]
	tar -C "$tree" -cf "$files/twice" sys
	tar -C "$tree" -rf "$files/twice" sys
	gzip <"$files/twice" >"$bundle"
	refused "one name"
	rm "$files/twice"
	rm "$files/whole" "$bundle"
	[ -z "$(gone)" ]
}

# What is left of folders of bundles, when those who remove them are through: they hold the folder's name in their memory.
gone() {
	timeout 20 bash -c 'while compgen -G "$1/memoffline.*" >/dev/null; do sleep 0.05; done' - "$files"
	compgen -G "$files/memoffline.*" || true
}

@test "the folder of a bundle goes also when the command is killed" {
	written "$bundle"
	mkfifo "$files/fifo"
	exec 7<>"$files/fifo"
	dd if=/dev/zero of="$files/fifo" bs=4K oflag=nonblock status=none || true	# it is full, and the command waits
	"$memoffline" -s "$bundle" list -a --json >"$files/fifo" &
	pid=$!
	timeout 20 bash -c 'until compgen -G "$1/memoffline.*" >/dev/null; do :; done' - "$files"
	kill -KILL "$pid"
	wait "$pid" || true
	exec 7>&-
	[ -z "$(gone)" ]
}

@test "a place without room for what is in it is named" {
	whole_machine
	written "$bundle"
	TMPDIR=$files/none run "$memoffline" -s "$bundle" list
	echo "$output"
	[ "$status" -eq 1 ]
	[[ $output == *"$files/none"*"TMPDIR"* ]]
	run bash -c 'trap "" XFSZ; ulimit -f 1; exec "$@"' - "$memoffline" -s "$bundle" list
	echo "$output"
	[ "$status" -eq 1 ]
	[[ $output == *"File too large"*"TMPDIR"* ]]
}
