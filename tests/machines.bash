# SPDX-License-Identifier: GPL-2.0-only
# The guests of tests/check: which tests go into which machine, and which machines run together.
# shellcheck shell=bash disable=SC2034,SC2154

# header FILE KEY: what the line "# KEY: ..." in the head of a bats file says. lab: the machine it wants; kernels: those
# it runs on, else the two of Debian; soak: it runs in make soak alone; soak-kernels: on these it does.
header() {
	sed -n "1,10s/^# $2: *//p" "$1"
}

# runs_on FILE KERNEL
runs_on() {
	local list

	list=$(header "$1" kernels)
	list=${list:-6.12 6.1}
	if [[ ${MEMOFFLINE_SOAK-} ]]; then
		list+=" $(header "$1" soak-kernels)"
	elif [[ $(header "$1" soak) ]]; then
		return 1
	fi
	[[ " $list " == *" $2 "* ]]
}

module_for() {
	case $1 in
	builtin) tests/guest/debug-kernel --builtin ;;
	*) tests/guest/build-module "$1" ;;
	esac
}

# Machines to run, by number; of each its kernel, the lab's options, the files of tests and when it began.
kernels=()
machines=()
files=()
began=()
running=()		# machines, by their process
declare -A built=()	# kernels whose module is: yes, no
host_ran=		# the kernel with which the lab's own tests run
nr_processors=$(nproc)
nr_free=$nr_processors

# Files that want the same machine share one boot; tests of the lab itself run once.
add_machines() {	# KERNEL
	local kernel=$1 file options
	local -A of=()

	for file in tests/guest/*.bats; do
		wanted "$file" || continue
		runs_on "$file" "$kernel" || continue
		options=$(header "$file" lab)
		if [[ ! $options ]]; then
			one_failure "$file has no line '# lab: OPTIONS' in its head; write the machine it needs, as '# lab: --topology dimm'"
			continue
		fi
		[[ $options != host || ! $host_ran || $host_ran == "$kernel" ]] || continue
		[[ $options != host ]] || host_ran=$kernel
		of[$options]+=" $file"
	done
	for options in "${!of[@]}"; do
		kernels+=("$kernel")
		machines+=("$options")
		files+=("${of[$options]}")
	done
}

processors_of() {	# MACHINE
	local cpus=2	# the lab's usual

	[[ ! ${machines[$1]} =~ --cpus\ ([0-9]+) ]] || cpus=${BASH_REMATCH[1]}
	echo $((cpus < nr_processors ? cpus : nr_processors))
}

# Those that leave the host a processor keep it busy together; those that need all are alone, for what they measure.
# Last the kernel that has to be built first. Of each the long ones first.
order_machines() {
	local i nr_tests class

	for i in "${!machines[@]}"; do
		class=$(($(processors_of "$i") < nr_processors ? 0 : 1))
		[[ ${kernels[i]} == 6.* ]] || class=2
		# Words, not lines.
		# shellcheck disable=SC2086
		nr_tests=$(cat ${files[i]} | grep -c ^@test)
		echo "$class $nr_tests $i"
	done | sort -k1,1n -k2,2nr -k3,3n | cut -d ' ' -f 3
}

start_machine() {	# MACHINE
	local kernel=${kernels[$1]} options=${machines[$1]}
	local log

	log=$(log_of "guest-$kernel $options")
	# Words, not lines. To load a locale costs a program that is emulated as much as its work.
	# shellcheck disable=SC2086
	if [[ $options == host ]]; then
		exec timeout -k 5 1800 bats --timing --formatter tap ${files[$1]}
	else
		LC_ALL=C exec tests/guest/run --kernel "$kernel" --timeout 1800 $options -- \
			bats --timing --formatter tap ${files[$1]}
	fi >"$log" 2>&1 </dev/null &
	running[$!]=$1
	began[$1]=$SECONDS
	nr_free=$((nr_free - $(processors_of "$1")))
}

# Waits for one of those that run.
end_machine() {
	local pid i

	status=0
	wait -n -p pid "${!running[@]}" || status=$?
	i=${running[$pid]}
	unset "running[$pid]"
	nr_free=$((nr_free + $(processors_of "$i")))
	((status != 125)) || echo "    the lab failed, see below; the kernel's log is at the end of it"
	log=$(log_of "guest-${kernels[i]} ${machines[i]}")
	group=(0 0 0)
	judge "guest-${kernels[i]} ${machines[i]}"
	show "  ${kernels[i]} ${machines[i]}" "${counted[@]}" $((SECONDS - began[i]))
	count_group "guest-${kernels[i]}" $((SECONDS - began[i]))
}

build_module() {	# KERNEL
	[[ ! ${built[$1]-} ]] || return 0
	built[$1]=yes
	module_for "$1" >"$logs/module-$1" 2>&1 || {
		sed 's/^/    /' "$logs/module-$1"
		group=(0 0 0)
		one_failure "the module does not build for $1"
		count_group "guest-$1" 0
		built[$1]=no
	}
}

# What runs in the background hears nothing of Ctrl-C.
stop_machines() {
	((! ${#running[@]})) || kill "${!running[@]}" 2>/dev/null || true
}

run_machines() {
	local i

	for i in $(order_machines); do
		build_module "${kernels[i]}"
		[[ ${built[${kernels[i]}]} == yes ]] || continue
		while ((nr_free < $(processors_of "$i"))); do
			end_machine
		done
		start_machine "$i"
	done
	while ((${#running[@]})); do
		end_machine
	done
}
