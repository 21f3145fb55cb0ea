#!/bin/sh
# soload list: everything there is, all kinds or one.
# shellcheck disable=SC1091,SC2154,SC2016,SC2013 # the sourced file defines what is used here; $NAME is a column
. tests/cli/expect

run 0 "$soload" list
for kind in Loaders Transports Probes Scenarios Workloads Phases; do
	has "$out" "$kind"
done
for name in $(sed -n 's/^LOADER(\(.*\))$/\1/p' loaders/loaders.def) $(sed -n 's/^TRANSPORT(\(.*\))$/\1/p' device/transports.def); do
	checks=$((checks + 1))
	grep -q "^  $name " "$out" || fail "$name is not listed"
done
for label in $(sed -n 's/^PHASE([A-Z_]*, *\([a-z_]*\),.*/\1/p' base/phases.def); do
	checks=$((checks + 1))
	grep -q "^  $label " "$out" || fail "phase $label is not listed"
done

run 0 "$soload" list loaders
has "$out" "FRESH_EVERY_LOAD"
has "$out" ":mended"
has_not "$out" "Phases"
run 0 "$soload" list when
for name in per-run once register prewarm; do
	has "$out" "  $name "
done
run 0 "$soload" list workloads
has "$out" "--case small"
run 2 "$soload" list lodaers
one_line "$err"
has "$err" "did you mean 'loaders'?"
run 2 "$soload" list loaders phases
one_line "$err"

# Unavailable is told with its reason, not hidden: no object can be loaded from a folder mounted noexec.
if unshare -rm mount -t tmpfs -o noexec none /dev/shm 2>/dev/null; then
	run 0 unshare -rm sh -c "mount -t tmpfs -o noexec none /dev/shm && exec '$soload' list loaders"
	has "$out" "  tmpfs "
	has "$out" "not here: "
	has "$out" "noexec"
else
	echo "no private mounts here: the reason of an unavailable loader was not looked at"
fi

expect_end
