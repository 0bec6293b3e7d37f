#!/usr/bin/env bats
# SPDX-License-Identifier: GPL-2.0-only
# lab: host
# Names of slots on a machine whose SMBIOS tells them: from the list to what is safe to pull. DIMM d1 has blocks 32-35.
build=${MEMOFFLINE_BUILD:-$(cd "$BATS_TEST_DIRNAME/../.." && pwd)}

# le NUMBER BYTES: little endian, as printf takes it
le() {
	local i

	for ((i = 0; i < $2; i++)); do
		printf '\\x%02x' $((($1 >> (8 * i)) & 255))
	done
}

@test "a DIMM with SMBIOS entries is safe to remove by the name of its slot" {
	# shellcheck disable=SC2059
	printf "\\x11\\x1b$(le 0x1234 2)$(le 0 12)\\x01\\x00$(le 0 6)\\x02\\x00\\x00DIMM_A2\\x0020471147\\x00\\x00" \
		> "$BATS_TEST_TMPDIR/module"
	# shellcheck disable=SC2059
	printf "\\x14\\x13$(le 0x1235 2)$(le 0x400000 4)$(le 0x47ffff 4)$(le 0x1234 2)$(le 0 5)\\x00\\x00" > "$BATS_TEST_TMPDIR/mapped"
	run "$BATS_TEST_DIRNAME/run" --cpus 1 --timeout 120 --topology dimm --append memhp_default_state=online_movable \
		--qemu -smbios --qemu "file=$BATS_TEST_TMPDIR/module" --qemu -smbios --qemu "file=$BATS_TEST_TMPDIR/mapped" \
		-- bash -euc "
			$build/tools/memoffline list -n -r -o BLOCK,SLOTS --summary=never -S DEVICE
			$build/tools/memoffline remove --engine stock -q PNP0C80:00
			$build/tools/memoffline report --json | jq -c .removed"
	echo "$output"
	[ "$status" = 0 ]
	[[ $output == *"32-35 DIMM_A2\\x20(serial\\x2020471147)"* ]]
	[[ $output == *"PNP0C80:00 is safe to remove: DIMM_A2 (serial 20471147)."* ]]
	[[ $output == *'[{"device":"PNP0C80:00","slots":"DIMM_A2 (serial 20471147)","gone":true}]'* ]]
}
