#!/usr/bin/env bats
# SPDX-License-Identifier: GPL-2.0-only
# The configuration as the command tells of it; the examples of one, and of a hook.
load cli

setup() {
	machine
	mkdir -p "$tree/etc/memoffline.conf.d"
	conf=$tree/etc/memoffline.conf
	examples=$BATS_TEST_DIRNAME/../../docs/examples
	manual=$BATS_TEST_DIRNAME/../../docs/man/memoffline.conf.5
}

teardown() {
	[[ ! ${holder-} ]] || end_holder
}

end_holder() {
	kill -KILL "$holder"
	wait "$holder" 2>/dev/null || true
}

# policy: what doctor says of it in $findings, one line each
policy() {
	run "$memoffline" -s "$tree" doctor --json
	findings=$(jq -r '.findings[] | select(.key == "policy") | "\(.health): \(.text) -> \(.remedy)"' <<<"$output")
	echo "$findings"
}

@test "doctor: each mistake is a problem with file, line and what is allowed" {
	printf '[remove]\nudev = yes\ntime = 5\nswap = sometimes\n' >"$conf"
	printf '[hook]\n' >"$tree/etc/memoffline.conf.d/10-site.conf"
	chmod 666 "$tree/etc/memoffline.conf.d/10-site.conf"
	policy
	[ "$status" -eq 1 ]
	[ "$(wc -l <<<"$findings")" -eq 4 ]
	[[ $findings == *"problem: /etc/memoffline.conf:3: there is no key 'time' in [remove]; there are udev, timeout, "* ]]
	[[ $findings == *"problem: /etc/memoffline.conf:4: swap can't be 'sometimes'; it is never, fallback or evict -> correct it, see memoffline.conf(5); until then the defaults hold, which remove nothing"* ]]
	[[ $findings == *"problem: /etc/memoffline.conf.d/10-site.conf: others than root may write it"*"chmod go-w"* ]]
	[[ $findings == *"problem: /etc/memoffline.conf.d/10-site.conf:1: there is no section [hook]; there are [remove], [hooks], "* ]]
	printf '[remove]\nudev = \x1b[31m\n' >"$conf"
	run "$memoffline" -s "$tree" doctor
	[[ $output == *"/etc/memoffline.conf:2: udev can't be '\\x1b[31m'"* ]]
}

@test "doctor: the last policy that was right holds" {
	mkdir -p "$tree/var/lib/memoffline"
	printf '[remove]\nudev = yes\n' >"$tree/var/lib/memoffline/policy"
	printf '[remove]\nudev = maybe\n' >"$conf"
	policy
	[[ $findings == "problem: /etc/memoffline.conf:2: "*"until then the last policy that was right holds" ]]
}

@test "doctor: a policy without mistakes, and none" {
	policy
	[[ $findings == "ok: /etc/memoffline.conf says nothing: "* ]]
	printf '[remove]\nudev = yes\n' >"$conf"
	policy
	[[ $findings == "ok: /etc/memoffline.conf has no mistake; requests of udev to remove memory are carried out"* ]]
}

@test "doctor: without libinih it says so, where there is something to read" {
	mkdir "$BATS_TEST_TMPDIR/lib"
	: >"$BATS_TEST_TMPDIR/lib/libinih.so.0"
	: >"$BATS_TEST_TMPDIR/lib/libinih.so.1"
	export LD_LIBRARY_PATH=$BATS_TEST_TMPDIR/lib
	policy
	[[ $findings == "ok: "* ]]
	printf '[remove]\nudev = yes\n' >"$conf"
	policy
	[[ $findings == "problem: libinih can't be used "*"/etc/memoffline.conf can't be read; install libinih (Debian: libinih1)"* ]]
}

# keys: "section key" for each of the example's
keys() {
	sed -n 's/^\(\[[a-z]*\]\)$/\1/p; s/^#\([a-z-]*\) = .*/\1/p' "$examples/memoffline.conf" |
		awk '/^\[/ { section = $0; next } { print section, $0 }'
}

@test "the example says nothing as it is, is right without its marks, and has each key that the manual has" {
	local section key

	cp "$examples/memoffline.conf" "$conf"
	chmod 644 "$conf"
	policy
	[[ $findings == ok:*"are refused"* ]]
	sed -i 's/^#\([a-z-]* = \)/\1/; s/^udev = no/udev = yes/' "$conf"
	policy
	[[ $findings == ok:*"are carried out"* ]]
	[ "$(keys | wc -l)" -eq "$(grep -c '^\.It Li .* Ns = Ns' "$manual")" ]
	keys | while read -r section key; do
		sed -n "/^\.Ss \\$section/,/^\.Ss/p" "$manual" | grep -q "^\.It Li $key Ns = Ns"
	done
	# What the library takes is what it names when it is given another key.
	for section in $(keys | cut -d ' ' -f 1 | uniq); do
		printf '%s\nx = 1\n' "$section" >"$conf"
		policy
		[[ $findings == *"; there are $(keys | sed -n "s/^\\$section //p" | paste -sd, | sed 's/,/, /g') -> "* ]]
	done
}

# ---- the example of a hook ----

# holder NAME TEXT: a process of that name, which runs TEXT
holder() {
	printf '#!/bin/bash\n%s\necho ready >%q\nwhile :; do read -rt 1000 _ <>%q; done\n' "$2" "$BATS_TEST_TMPDIR/ready" \
		"$BATS_TEST_TMPDIR/never" >"$BATS_TEST_TMPDIR/$1"
	chmod 755 "$BATS_TEST_TMPDIR/$1"
	mkfifo "$BATS_TEST_TMPDIR/ready" "$BATS_TEST_TMPDIR/never"
	"$BATS_TEST_TMPDIR/$1" 3>&- &
	holder=$!
	read -rt 20 _ <"$BATS_TEST_TMPDIR/ready"
}

# hook PHASE COMM: the example, for a record that the process COMM holds
hook() {
	sed 's/^program=[^[:space:]]*/program=pinner/' "$examples/hooks/50-release-pins" >"$BATS_TEST_TMPDIR/hook"
	chmod 755 "$BATS_TEST_TMPDIR/hook"
	jq -n --arg comm "$2" --argjson pid "$holder" '{ phase: "x", records: [{ holds: [] }, { holds: [
		{ pid: $pid, comm: $comm }, { pid: $pid, comm: $comm } ] }] }' >"$BATS_TEST_TMPDIR/json"
	run env -i PATH="$PATH" MEMOFFLINE_PHASE="$1" "$BATS_TEST_TMPDIR/hook" "$1" <"$BATS_TEST_TMPDIR/json"
	echo "$output"
}

@test "the example of a hook asks the program that it names, once, and in pre alone" {
	mkfifo "$BATS_TEST_TMPDIR/asked"
	holder pinner "exec 4<>$BATS_TEST_TMPDIR/asked; trap 'echo let go >&4' USR1"
	for phase in check post undo; do
		hook "$phase" pinner
		[ "$status" -eq 0 ]
		[ -z "$output" ]
	done
	hook pre other
	[ "$status" -eq 0 ]
	[ -z "$output" ]
	hook pre pinner
	[ "$status" -eq 0 ]
	[ "$output" = "asked pinner ($holder) to let go of its pages" ]
	read -rt 20 answer <>"$BATS_TEST_TMPDIR/asked"
	[ "$answer" = "let go" ]
}

@test "the example of a hook ends nobody: who does not catch the signal, or has got the number since, is not asked" {
	cp "$(command -v sleep)" "$BATS_TEST_TMPDIR/pinner"	# a shell may catch signals to end in good order
	"$BATS_TEST_TMPDIR/pinner" 1000 3>&- &
	holder=$!
	until [[ $(<"/proc/$holder/comm") == pinner ]]; do :; done
	hook pre pinner
	[ "$status" -eq 0 ]
	[ "$output" = "pinner ($holder) does not catch SIGUSR1, and was not asked" ]
	kill -0 "$holder"
	end_holder
	holder other "trap 'exit' USR1"
	hook pre pinner
	[ "$status" -eq 0 ]
	[ -z "$output" ]
	kill -0 "$holder"
	hook pre "" </dev/null
	[ "$status" -eq 0 ]
}
