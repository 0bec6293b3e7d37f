#!/usr/bin/env bats
# SPDX-License-Identifier: GPL-2.0-only
# The driver of the tests itself: what it counts, and that it never loses a program that died.

setup() {
	top=$(cd "$BATS_TEST_DIRNAME/../.." && pwd)
	cd "$BATS_TEST_TMPDIR"
	mkdir -p tests/unit tests/replay tests/style tests/guest
	cp "$top/tests/check" "$top/tests/machines.bash" "$top/tests/tap.awk" tests/
	printf "#!/bin/sh\n" >tests/guest/build-module
	chmod +x tests/guest/build-module
	export MEMOFFLINE_BUILD=$PWD
	units=
}

# unit NAME SHELL-TEXT
unit() {
	printf '#!/bin/sh\n%s\n' "$2" >"tests/unit/$1"
	chmod +x "tests/unit/$1"
	units+=" tests/unit/$1"
}

check() {
	run tests/check --unit-tests "$units" "$@"
	echo "$output"
}

last_line() {
	[[ ${lines[-1]} == "$1" ]]
}

@test "all passed" {
	unit test-a 'printf "1..2\nok 1 - a\nok 2 - b # SKIP no\n"'
	check unit
	[[ $status -eq 0 ]]
	last_line "1 passed, 0 failed, 1 skipped"
}

@test "a failure is shown with its diagnostics" {
	unit test-a 'printf "1..2\nok 1 - a\nnot ok 2 - b\n# 1 != 2\n"; exit 1'
	check unit
	[[ $status -eq 1 ]]
	[[ $output == *"not ok 2 - b  (tests/unit/test-a)"*"# 1 != 2"* ]]
	last_line "1 passed, 1 failed, 0 skipped"
}

@test "a program that aborts has failed" {
	unit test-a 'printf "1..3\nok 1 - a\n"; echo boom >&2; kill -ABRT $$'
	check unit
	[[ $output == *"test-a: ended with status 134 after 1 of 3 tests"*boom* ]]
	last_line "1 passed, 1 failed, 0 skipped"
}

@test "a silent program has failed" {
	unit test-a 'exit 0'
	check unit
	[[ $output == *"without a plan"* ]]
	last_line "0 passed, 1 failed, 0 skipped"
}

@test "a status that no test explains is a failure" {
	unit test-a 'printf "1..1\nok 1 - a\n"; exit 23'
	check unit
	last_line "1 passed, 1 failed, 0 skipped"
}

@test "a file without tests has failed, and so has a group without files" {
	touch tests/replay/a.bats
	check replay style
	[[ $output == *"a.bats: has no tests"* ]]
	[[ $output == *"group style has no tests"* ]]
	last_line "0 passed, 2 failed, 0 skipped"
}

@test "a style script fails with what it says, and may not be able to tell" {
	printf '#!/bin/sh\necho "wrong here"; exit 1\n' >tests/style/check-a
	printf '#!/bin/sh\necho "no tool"; exit 77\n' >tests/style/check-b
	printf '#!/bin/sh\n' >tests/style/check-c
	chmod +x tests/style/check-*
	check style
	[[ $output == *"not ok 1 - check-a"*"# wrong here"* ]]
	last_line "1 passed, 1 failed, 1 skipped"
}

@test "files for equal machines share one boot; a lab that fails is a failure" {
	cat >tests/guest/run <<'END'
#!/bin/bash
echo "$*" >>boots
[[ $* == *dimm* ]] || { echo "no boot"; exit 125; }
printf '1..2\nok 1 a\nok 2 b\n'
END
	chmod +x tests/guest/run
	for i in a b c; do echo "# lab: --topology dimm" >"tests/guest/$i.bats"; done
	sed -i 's/dimm/one-node/' tests/guest/c.bats
	echo "no header" >tests/guest/d.bats
	check guest-6.1
	[[ $(sort boots) == "--kernel 6.1 --timeout 1800 --topology dimm -- bats --timing --formatter tap tests/guest/a.bats tests/guest/b.bats
--kernel 6.1 --timeout 1800 --topology one-node -- bats --timing --formatter tap tests/guest/c.bats" ]]
	[[ $output == *"d.bats has no line"*"the lab failed"*"no boot"* ]]
	last_line "2 passed, 2 failed, 0 skipped"
}

# guest NAME HEADER...
guest() {
	local name=$1

	shift
	printf '# %s\n' "$@" >"tests/guest/$name.bats"
}

# Those of one processor wait for each other; each notes whom it met.
@test "machines of one processor run two at a time on two, others alone" {
	mkdir bin
	printf '#!/bin/sh\necho 2\n' >bin/nproc
	cat >tests/guest/run <<'END'
#!/bin/bash
[[ $* =~ --topology\ ([a-z]*) ]]
touch "runs.${BASH_REMATCH[1]}" "came.${BASH_REMATCH[1]}"
if [[ $* == *"--cpus 1"* ]]; then
	for ((i = 0; i < 200; i++)); do
		[[ ! -e came.one || ! -e came.two ]] || break
		read -rt 0.05 <> <(:)
	done
fi
echo runs.* >>met
rm "runs.${BASH_REMATCH[1]}"
printf '1..1\nok 1 a\n'
END
	chmod +x bin/nproc tests/guest/run
	guest a "lab: --topology one --cpus 1"
	guest b "lab: --topology two --cpus 1"
	guest c "lab: --topology three"
	guest d "lab: --topology four"
	PATH=$PWD/bin:$PATH check guest-6.12
	last_line "4 passed, 0 failed, 0 skipped"
	[[ $(head -n 1 met) == "runs.one runs.two" ]]
	[[ $(tail -n 2 met | sort) == "runs.four
runs.three" ]]
}

@test "when the driver is stopped, its machines end with it" {
	cat >tests/guest/run <<'END'
#!/bin/bash
exec sleep 300
END
	chmod +x tests/guest/run
	guest a "lab: --topology one"
	tests/check --unit-tests "" guest-6.12 3>&- &
	driver=$!
	until machine=$(pgrep -P $driver -x sleep); do kill -0 $driver; done
	kill -TERM $driver
	wait $driver || :
	timeout 10 tail -s 0.1 -f --pid="$machine" /dev/null
}

@test "a file says on which kernels it is checked, and on which make soak tries it as well" {
	printf '#!/bin/sh\nprintf "1..1\\nok 1 a\\n"\n' >tests/guest/run
	chmod +x tests/guest/run
	guest a "lab: --topology one" "kernels: 6.12" "soak-kernels: 6.1"
	guest b "lab: --topology two" "soak: it takes hours"
	check guest-6.12 guest-6.1
	[[ $output == *"6.12 --topology one"* && $output == *"group guest-6.1 has no tests"* ]]
	last_line "1 passed, 1 failed, 0 skipped"
	MEMOFFLINE_SOAK=1 check guest-6.12 guest-6.1
	last_line "4 passed, 0 failed, 0 skipped"
}

@test "tests of the lab itself run on the host, once" {
	printf "%s\n" "# lab: host" "@test \"a\" { true; }" >tests/guest/a.bats
	check guest-6.12 guest-6.1
	[[ $output == *"6.12 host "*"1 passed"* && $output != *"6.1 host"* ]]
}

@test "an unknown group is refused" {
	check unti
	[[ $status -eq 2 && $output == *"no group 'unti'"* ]]
}
