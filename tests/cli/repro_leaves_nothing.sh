#!/bin/sh
# kill -9 of the host, ^C, and an AICPU that hears no signal: no process, file or folder stays behind.
# shellcheck disable=SC2016,SC2317,SC2013 # conditions are strings that until_true evaluates
set -u
soload=$SOLOAD_BUILD/soload
scratch=$(mktemp -d) || exit 1
trap 'rm -rf "$scratch"' EXIT INT TERM
failed=0
fail() {
	echo "repro_leaves_nothing: $*" >&2
	failed=1
}

# Everything a host and its device may leave behind: files by the device's number, and the folder the host keeps open.
places="/usr/lib64 /usr/lib64/aicpu_kernels/0/aicpu_kernels_device /lib64 /var/tmp /tmp /dev/shm"
look() {
	for place in $places; do
		ls -d "$place"/*_"$2".so "$place"/*_"$2"_* 2>/dev/null
	done
	for descriptor in /proc/"$1"/fd/*; do
		readlink "$descriptor" | grep -E '/soload-[^/]{6}$'
	done
}

# Waits until the command succeeds, for at most ten seconds.
until_true() {
	tries=0
	until eval "$1"; do
		tries=$((tries + 1))
		[ $tries -gt 200 ] && return 1
		sleep 0.05
	done
}

# What of the list is still there.
remaining() {
	while read -r path; do
		[ -e "$path" ] && echo "$path"
	done <"$1"
}

# The process of that host which is the device.
device_of() {
	for child in $(cat "/proc/$1/task/$1/children" 2>/dev/null); do
		{ tr '\0' ' ' <"/proc/$child/cmdline"; } 2>/dev/null | grep -q '^soload aicpu ' && echo "$child"
	done
}

# A job of a script ignores SIGINT, and so would soload: give it the default back.
reset='import os, signal, sys; signal.signal(signal.SIGINT, signal.SIG_DFL); os.execv(sys.argv[1], sys.argv[1:])'

# check SIGNAL NUMBER LOADER OBJECT [OPTION]: stops the host while the device is inside the object.
check() {
	signal=$1 number=$2 loader=$3 object=$SOLOAD_BUILD/fixtures/orch_$4.so
	what="$signal, $loader, $4"
	shift 4
	python3 -c "$reset" "$soload" repro -n 1 --loader "$loader" --transport separate --pools small --timeout 30 --orch "$object" --out "$scratch/run" "$@" \
		>/dev/null 2>"$scratch/err" </dev/null &
	host=$!
	device=
	until_true 'device=$(device_of $host) && [ -n "$device" ]' || fail "$what: no device was started"
	# The orchestrating thread is busy in the endless constructor once the process burns time: a tenth of a second.
	until_true '[ "$(awk "{ print \$14 }" "/proc/$device/stat" 2>/dev/null || echo 0)" -ge 10 ]' || fail "$what: the device never got to the object"
	look $host "$device" >"$scratch/new"
	[ -s "$scratch/new" ] || [ "$loader" = memfd ] || fail "$what: nothing to leave behind, so nothing is tested"
	kill -"$signal" $host
	wait $host 2>/dev/null
	code=$?
	[ "$code" = $((128 + number)) ] || fail "$what: exit code $code"
	until_true '! [ -e "/proc/$device" ]' || { fail "$what: the device process is still there" && kill -9 "$device"; }
	until_true '[ -z "$(remaining "$scratch/new")" ]' || fail "$what: left behind: $(remaining "$scratch/new")"
}

for loader in disk tmpfs memfd; do
	check KILL 9 $loader constructor_endless
done
check INT 2 disk constructor_endless
check TERM 15 disk constructor_endless
check KILL 9 disk constructor_endless --machine-directories
check INT 2 tmpfs constructor_deaf --machine-directories
exit $failed
