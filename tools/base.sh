# shellcheck shell=sh
# Which revision to compare with: sourced by tools/gate and tools/vm-gate.

# Why there is no revision to be had here, in words; nothing when git answers.
base_refusal() {
	refusal=$(LC_ALL=C git rev-parse --git-dir 2>&1 >/dev/null) && return
	case $refusal in
	*"dubious ownership"*) echo "git refuses a folder of another user's: git config --global --add safe.directory $PWD" ;;
	*) echo "not a git checkout, so there is no base to build" ;;
	esac
}

# The revision results/baseline/REVISION names, else the previous commit.
base_named() {
	[ ! -f results/baseline/REVISION ] || named=$(sed 's/#.*//' results/baseline/REVISION | tr -d ' \t\n')
	echo "${named:-HEAD^}"
}

# base_have REVISION: its short name. A shallow clone is asked for it alone; 1 when it is not to be had.
base_have() {
	git rev-parse --short=12 --quiet --verify "$1^{commit}" && return
	[ "$(git rev-parse --is-shallow-repository)" = true ] || return 1
	wanted=$1
	# Where history is cut off, HEAD^ has no commit, but HEAD still names it.
	[ "$wanted" != HEAD^ ] || wanted=$(git cat-file commit HEAD | sed -n '/^$/q; s/^parent //p' | head -1)
	[ -n "$wanted" ] && timeout 60 git fetch --quiet --depth=1 origin "$wanted" >/dev/null 2>&1
	git rev-parse --short=12 --quiet --verify "${wanted:-HEAD^}^{commit}"
}
