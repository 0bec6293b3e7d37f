#!/usr/bin/env bats
# SPDX-License-Identifier: GPL-2.0-only
# lab: host
# soak: all other tests need the lab, and would fail without it
# Tests of the guest lab itself. They run on the host.
# shellcheck disable=SC2016,SC2030,SC2031,SC2154

bats_require_minimum_version 1.5.0

lab=$BATS_TEST_DIRNAME/run

# One guest answers most of the questions.
setup_file() {
	export MEMOFFLINE_LAB_TEST="for the guest"
	export dir=$BATS_FILE_TMPDIR
	mkdir -p "$dir/with space" "$dir/share"
	cat >"$dir/job" <<'EOF'
echo "kernel=$(uname -r)"
echo "user=$(id -u)"
echo "cwd=$PWD"
for arg; do echo "arg=[$arg]"; done
echo "env=$MEMOFFLINE_LAB_TEST+$LAB_TOPOLOGY"
echo "loose=${LOOSE-unset}"
echo "named=$NAMED"
echo "input=[$(cat)]"
echo "nodes=$(cat /sys/devices/system/node/online)"
echo "cpus=$(nproc)"
echo "swap=$(awk 'NR == 2 { print int(($3 + 4) / 1024) }' /proc/swaps)"
echo "disk=$(blockdev --getsize64 "$LAB_DISK")"
echo "xfs=$(modprobe xfs && grep -cw xfs /proc/filesystems)"
echo "debug=$(grep -q "mm/memory_hotplug.c.*offline_pages" /sys/kernel/debug/dynamic_debug/control && echo yes)"
echo "tracing=$(test -d /sys/kernel/tracing/events/page_isolation && echo yes)"
echo "cgroup=$(test -e /sys/fs/cgroup/cgroup.procs && echo yes)"
echo "lo=$(ip -o link show lo up 2>/dev/null | wc -l)$(cat /sys/class/net/lo/flags)"
echo "cmdline=$(grep -c lab_test_word /proc/cmdline)"
echo written >"$0.new"
echo shared >"$SHARE/from-guest"
echo "to stderr" >&2
exit 7
EOF
	local status=0

	cd "$dir/with space" || return
	env LOOSE=1 "$lab" --topology dimm --timeout 120 --swap 64M --disk 100M --share "$dir/share" \
		--append lab_test_word --env NAMED="a  b" --env SHARE="$dir/share" --log "$dir/log" \
		-- bash "$dir/job" 'two words' "it's" 'a "quoted" \ $HOME *' '' $'line\nline' \
		>"$dir/out" 2>"$dir/err" </dev/null || status=$?
	echo "$status" >"$dir/status"
	cd "$OLDPWD" || return
}

says() {
	grep -qxF -e "$1" "$dir/out" || {
		echo "no line '$1' in:"
		cat "$dir/out" "$dir/err"
		return 1
	}
}

# usage_error WORD... ARGS: status 2, a message that has WORD and one that says where to look
usage_error() {
	local word=$1

	shift
	run -2 "$lab" "$@"
	echo "$output"
	[[ $output == *"$word"* ]]
}

@test "wrong arguments are refused with status 2, before anything is started" {
	usage_error "unknown kernel '7.0'; there are: 6.12 6.1 debug builtin" --kernel 7.0 -- true
	usage_error "unknown topology 'ring'; there are: one-node two-nodes dimm" --topology ring -- true
	usage_error "unknown option --frob" --frob -- true
	usage_error "--timeout needs a value" --timeout
	usage_error "--timeout takes a number above 0, not 'soon'" --timeout soon -- true
	usage_error "--swap takes a size as 512M or 2G, not '12'" --swap 12 -- true
	usage_error "--swap takes a size above 0" --swap 0M -- true
	usage_error "--memory is too small" --memory 100M -- true
	usage_error "--accel takes kvm or tcg, not 'xen'" --accel xen -- true
	usage_error "--share takes a folder, and '/none' is none" --share /none -- true
	usage_error "--env takes NAME or NAME=VALUE, not '=x'" --env =x -- true
	usage_error "a command is missing" --kernel 6.12
	usage_error "--layer takes a folder, and '/none' is none" --layer /none -- true
	usage_error "--state takes a file, and '/' is none" --systemd --state / -- true
	usage_error "--state needs --systemd" --state "$BATS_TEST_TMPDIR/new" -- true
	[ ! -e "$BATS_TEST_TMPDIR/new" ]
}

@test "--help names each option" {
	run -0 "$lab" --help
	grep -oE '^[[:space:]]+-[^)]*\)' "$lab" | grep -oE -- '--[a-z][a-z-]+' >"$BATS_TEST_TMPDIR/options"
	[ "$(wc -l <"$BATS_TEST_TMPDIR/options")" -gt 15 ]
	while read -r option; do
		[[ $output == *"$option"* ]] || { echo "no $option"; return 1; }
	done <"$BATS_TEST_TMPDIR/options"
}

@test "--topology list has one line for each" {
	run -0 "$lab" --topology list
	[ "${#lines[@]}" -eq 8 ]
	[[ $output == *"one-node-dimm"*"8 blocks"* ]]
}

@test "a missing debug kernel is named, with a way out" {
	mkdir -p "$BATS_TEST_TMPDIR/empty/lab"
	run -125 env MEMOFFLINE_CACHE="$BATS_TEST_TMPDIR/empty" "$lab" --kernel debug -- true
	[[ $output == *"there is no debug kernel"*"--kernel 6.12"* ]]
}

@test "the exit status of the command comes through" {
	[ "$(cat "$dir/status")" = 7 ] || { cat "$dir/err"; return 1; }
}

@test "standard output and standard error stay apart" {
	[ "$(cat "$dir/err")" = "to stderr" ]
	run ! grep -q "to stderr" "$dir/out"
}

@test "the command is root on Debian's kernel, in the same folder" {
	grep -qE '^kernel=6\.12\..*-amd64$' "$dir/out"
	says "user=0"
	says "cwd=$dir/with space"
}

@test "arguments survive as they are" {
	says "arg=[two words]"
	says "arg=[it's]"
	says 'arg=[a "quoted" \ $HOME *]'
	says "arg=[]"
	says "arg=[line"
	[ "$(grep -c '^arg=' "$dir/out")" = 5 ]
}

@test "MEMOFFLINE_ variables and named ones are passed, others are not" {
	says "env=for the guest+dimm"
	says "named=a  b"
	says "loose=unset"
}

@test "without --stdin the command reads nothing" {
	says "input=[]"
}

@test "the guest has processors, swap space, a disk, modules and the debugging file systems" {
	says "nodes=0-1"
	says "cpus=2"
	says "swap=64"
	says "disk=104857600"
	says "xfs=1"
	says "debug=yes"
	says "tracing=yes"
	says "cgroup=yes"
	grep -qE '^lo=.*0x9$' "$dir/out"
}

@test "--append reaches the kernel, --log keeps its log" {
	says "cmdline=1"
	grep -q "Linux version 6.12" "$dir/log"
	grep -q "reboot: Power down" "$dir/log"
}

@test "what the guest writes is gone, except below --share" {
	[ ! -e "$dir/job.new" ]
	[ "$(cat "$dir/share/from-guest")" = shared ]
}

@test "--stdin gives our input to the command, 6.1" {
	head -c 300000 /dev/urandom >"$BATS_TEST_TMPDIR/in"
	run -0 --separate-stderr "$lab" --kernel 6.1 --timeout 120 --stdin -- \
		sh -c 'uname -r; md5sum' <"$BATS_TEST_TMPDIR/in"
	[[ ${lines[0]} == 6.1.* ]]
	[ "${lines[1]}" = "$(md5sum <"$BATS_TEST_TMPDIR/in")" ]
}

@test "--tty gives the command a terminal of our size" {
	COLUMNS=91 LINES=33 run -0 --separate-stderr "$lab" --timeout 120 --tty -- \
		sh -c 'test -t 0 && test -t 1 && stty size'
	[ "$output" = $'33 91\r' ]
}

@test "a command that is not there is status 127" {
	run -127 "$lab" --timeout 120 -- no-such-command
	[[ $output == *"cannot run no-such-command"* ]]
}

@test "a timeout is status 125 and tells what the guest was doing" {
	run -125 "$lab" --timeout 3 -- sh -c 'echo begun; sleep 1000'
	[[ $output == *begun*"timeout: the command was not done within 3 s"*"sysrq: Show Blocked State"*"The whole log: "* ]]
	rm -f "${output##*The whole log: }"
}

@test "a panic is status 125 and shows the log" {
	run -125 "$lab" --timeout 120 --allow-splat -- sh -c 'echo c >/proc/sysrq-trigger'
	[[ $output == *"the guest's kernel panicked"*"sysrq triggered crash"* ]]
	rm -f "${output##*The whole log: }"
}

@test "a WARNING in the kernel log is status 125, even after a command that succeeds" {
	run -125 "$lab" --timeout 120 -- sh -c 'echo "WARNING: CPU: 0 PID: 1 at lab test" >/dev/kmsg; echo done'
	[[ $output == *done*"reported 1 problem"*"ended with status 0"*"at lab test"* ]]
	rm -f "${output##*The whole log: }"
}

@test "--allow-splat lets a WARNING pass" {
	run -3 "$lab" --timeout 120 --allow-splat -- sh -c 'echo "WARNING: CPU: 0 PID: 1 at lab test" >/dev/kmsg; exit 3'
}

@test "a guest that ends without telling a status is status 125" {
	run -125 "$lab" --timeout 120 -- sh -c 'echo o >/proc/sysrq-trigger; sleep 100'
	[[ $output == *"the guest ended before the command did"* ]]
	rm -f "${output##*The whole log: }"
}

@test "QEMU's own complaint is shown" {
	run -125 "$lab" --qemu -frob -- true
	[[ $output == *"QEMU did not start"*"-frob"* ]]
	rm -f "${output##*The whole log: }"
}

# signalled SIGNAL STATUS: the guest is frozen, so QEMU cannot end by itself
signalled() {
	local pid qemu status=0 pidfile=$BATS_TEST_TMPDIR/pid.$1

	# A background job of a shell without job control ignores SIGINT otherwise.
	env --default-signal=INT "$lab" --log "$BATS_TEST_TMPDIR/log" --qemu -S --qemu -pidfile --qemu "$pidfile" \
		-- true >/dev/null 2>&1 3>&- &
	pid=$!
	until [ -s "$pidfile" ]; do
		kill -0 "$pid"
		sleep 0.1
	done
	qemu=$(cat "$pidfile")
	kill -"$1" "$pid"
	wait "$pid" || status=$?
	[ "$status" -eq "$2" ] || { echo "SIG$1: status $status"; return 1; }
	timeout 20 tail -s 0.1 -f --pid="$qemu" /dev/null || { kill "$qemu"; echo "SIG$1: QEMU lives on"; return 1; }
}

@test "SIGTERM, SIGINT and SIGKILL of the runner take QEMU along" {
	signalled TERM 143
	signalled INT 130
	signalled KILL 137
}

# topology NAME KERNEL NODES BLOCKS: BLOCKS as node:number-of-blocks words
topology() {
	run -0 --separate-stderr "$lab" --topology "$1" --kernel "$2" --timeout 120 -- sh -c '
		cat /sys/devices/system/node/online
		for n in /sys/devices/system/node/node[0-9]*; do
			echo "${n##*node}:$(ls -d $n/memory[0-9]* | wc -l)"
		done | paste -sd " "
		lsmem -nr -o ZONES | sort | uniq | paste -sd " "'
	echo "$output"
	echo "$stderr"
	[ "${lines[0]}" = "$3" ]
	[ "${lines[1]}" = "$4" ]
}

@test "one-node" {
	topology one-node 6.1 0 "0:12"
}

@test "two-nodes" {
	topology two-nodes 6.12 0-1 "0:12 1:8"
}

@test "one-node-dimm" {
	topology one-node-dimm 6.12 0 "0:24"
	[[ ${lines[2]} == *Movable* ]]
}

@test "four-nodes" {
	topology four-nodes 6.1 0-3 "0:12 1:4 2:4 3:4"
}

@test "virtio-mem on 6.12: 512 MiB plugged, resized from inside" {
	run -0 --separate-stderr "$lab" --topology virtio-mem --timeout 120 -- sh -euc '
		grep MemTotal /sys/devices/system/node/node1/meminfo
		host resize vm0 256M
		host wait-size vm0 256M
		grep MemTotal /sys/devices/system/node/node1/meminfo'
	echo "$output"
	[[ ${lines[0]} == *" 524288 kB" ]]
	[[ ${lines[1]} == *" 262144 kB" ]]
}

@test "virtio-mem on 6.1" {
	topology virtio-mem 6.1 0-1 "0:12 1:4"
}

dimm_goes_and_comes='
	nodes() { cat /sys/devices/system/node/online; }
	nodes
	host dimm-del d1
	nodes
	host clear-events
	host dimm-add d1 256M 1
	host wait-event ACPI_DEVICE_OST info.device=d1 info.status=0 >/dev/null
	nodes
	ls -d /sys/devices/system/node/node1/memory[0-9]* | wc -l
	host device_add pc-dimm,id=d9,memdev=nothing || echo "status $?"
	host device_del d9 || echo "status $?"
	host frob || echo "status $?"
	host --timeout 0.1 wait-event NEVER || echo "status $?"
	host qmp "{\"execute\":\"query-status\"}"
'

@test "a DIMM goes and comes at the guest's request, 6.12" {
	run -0 "$lab" --topology dimm --timeout 120 -- bash -euc "$dimm_goes_and_comes"
	echo "$output"
	[ "$(paste -sd ' ' <<<"${output%%host:*}" | cut -d ' ' -f 1-4)" = "0-1 0 0-1 2" ]
	[[ $output == *"nothing"*"status 1"*"'d9' not found"*"status 1"*"unknown request 'frob'"*"status 2"* ]]
	[[ $output == *"did not happen in time"*"status 1"*'"running":true'* ]]
}

@test "a DIMM of two goes, 6.1" {
	run -0 --separate-stderr "$lab" --kernel 6.1 --topology two-dimms --timeout 120 -- sh -euc '
		ls -d /sys/devices/system/node/node1/memory[0-9]* | wc -l
		host dimm-del d2
		ls -d /sys/devices/system/node/node1/memory[0-9]* | wc -l
		cat /proc/version >/dev/null'
	[ "$output" = $'8\n4' ]
}

@test "bats files run in a guest, with udev" {
	# Not a here document: bats would take it for a test of this file.
	printf '%s "in a guest" { [ "$LAB_KERNEL" = 6.12 ]; udevadm control --ping; }\n' @test \
		>"$BATS_TEST_TMPDIR/inner.bats"
	run -0 "$lab" --udev --timeout 240 -- bats "$BATS_TEST_TMPDIR/inner.bats"
	echo "$output"
	[[ $output == *"ok 1 in a guest"* ]]
}

@test "with --systemd the guest is a machine that has booted, and the command a service of it" {
	mkdir -p "$BATS_TEST_TMPDIR/layer/etc/systemd/system/multi-user.target.wants"
	printf '[Service]\nType=oneshot\nExecStart=/bin/touch /run/chosen\n' \
		>"$BATS_TEST_TMPDIR/layer/etc/systemd/system/chosen.service"
	ln -s /etc/systemd/system/chosen.service \
		"$BATS_TEST_TMPDIR/layer/etc/systemd/system/multi-user.target.wants/chosen.service"
	run -5 --separate-stderr "$lab" --cpus 1 --systemd --layer "$BATS_TEST_TMPDIR/layer" --topology dimm --timeout 120 \
		--log "$BATS_TEST_TMPDIR/log" -- sh -c '
			ps -p 1 -o comm=
			systemctl is-system-running --wait
			systemctl --failed --no-legend
			cat /proc/self/cgroup
			ls /run/chosen
			udevadm control --ping && udevadm info -q property /sys/devices/system/memory/memory32 | grep SUBSYSTEM
			host dimm-del d1 && ls -d /sys/devices/system/node/node[0-9]*
			exit 5'
	echo "$output" "$stderr"
	[ "$output" = "systemd
running
0::/system.slice/lab.service
/run/chosen
SUBSYSTEM=memory
/sys/devices/system/node/node0" ]
	grep -q "reboot: Power down" "$BATS_TEST_TMPDIR/log"
}

@test "what is installed stays as it is below a guest when the next one begins" {
	local first

	"$lab" --installed --cpus 1 -- memoffline --version
	first=$(stat -c %i "$MEMOFFLINE_BUILD/tests/installed")
	"$lab" --installed --cpus 1 -- memoffline --version
	[ "$(stat -c %i "$MEMOFFLINE_BUILD/tests/installed")" = "$first" ]
}

@test "the disk of --state is there again after a power cut" {
	run -0 "$lab" --cpus 1 --systemd --state "$BATS_TEST_TMPDIR/disk" --timeout 120 --log "$BATS_TEST_TMPDIR/log" -- sh -euc '
		echo kept >/var/lib/memoffline/file
		sync
		host power-cut
		echo "not reached"'
	echo "$output"
	[ ! "$output" ]
	run ! grep "reboot: Power down" "$BATS_TEST_TMPDIR/log"
	run -0 --separate-stderr "$lab" --kernel 6.1 --cpus 1 --systemd --state "$BATS_TEST_TMPDIR/disk" --timeout 120 -- \
		cat /var/lib/memoffline/file
	[ "$output" = kept ]
}
