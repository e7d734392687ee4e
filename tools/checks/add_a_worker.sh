#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# Usage: tools/checks/add_a_worker.sh
#
# Follows docs/add_a_worker.md: extracts the page's files and commands, runs the commands, and
# compares the output of the programs with the page. A block of the page is identified by the text
# after the language in its first line: "```cpp workers/count_above/count_above.cc".
#
# The worker in this tree is built in the existing output directory, with the new files overlaid on
# the tree (--package_path). The separate workspace is in .cache/add_a_worker, so that a second run
# need not build it again.

set -u
. "$(dirname -- "${BASH_SOURCE[0]}")/../lib.sh"
page=$root/docs/add_a_worker.md
failed=0

block() {  # TITLE -> the block of that title
  awk -v title="$1" '
    /^```/ && state { state = 0; next }
    /^```/ { sub(/^```[a-z]* ?/, ""); state = $0 == title ? 2 : 1; next }
    state == 2' "$page"
}

write() {  # TITLE FILE
  mkdir -p -- "$(dirname -- "$2")" && block "$1" >"$2" && [ -s "$2" ] || die "docs/add_a_worker.md has no block '$1'"
}

# Runs the commands of a block in a directory, and compares their output with another block.
follow() {  # DIRECTORY NAME COMMANDS ANSWER
  write "$3" "$scratch/commands"
  write "$4" "$scratch/expected"
  if (cd -- "$1" && bash -eu <(cat -- "$scratch/setting" "$scratch/commands")) >"$scratch/printed" 2>"$scratch/log" &&
    diff -u -- "$scratch/expected" "$scratch/printed" >"$scratch/difference"; then
    printf 'PASS add_a_worker: %s\n' "$2"
  else
    tail -n 40 -- "$scratch/log" >&2
    cat -- "$scratch/difference" >&2
    printf 'FAIL add_a_worker: %s\n' "$2"
    failed=1
  fi
}

# Short, for mpirun's sockets, and without a space, for Bazel.
scratch=$(mktemp -d /tmp/mpaio.XXXXXX) || exit 1
restore() {
  # Builds the orchestrator again without the page's worker.
  [ -z "${laid_over:-}" ] || run_bazel build --experimental_convenience_symlinks=ignore //mpaio:orchestrator >/dev/null 2>&1
  rm -rf -- "$scratch"
}
trap restore EXIT
trap 'exit 1' INT TERM
: >"$scratch/difference"
python=$(python_with_numpy)
[ -n "$python" ] || die "no Python with numpy: install the Debian package python3-numpy"
[ -f "$root/.bazelrc.local" ] || "$root/tools/configure" || exit 1

# Defines the page's commands for this check: a Python with numpy, an mpirun with a time limit, a
# Bazel with a writable output directory.
setting() {
  printf '. %q\n' "$root/tools/lib.sh"
  printf 'python3() { %q "$@"; }\n' "$python"
  printf 'mpirun() { TMPDIR=%q timeout 60 mpirun "$@"; }\n' "$scratch"
  # shellcheck disable=SC2016
  printf '%s\n' 'bazel() {' \
    '  local options' \
    '  read -r -a options < <(bazel_startup_options) || true' \
    '  USER=${USER:-$(id -un 2>/dev/null || id -u)} command bazel ${options[@]+"${options[@]}"} "$@" || exit 1' \
    '}'
  printf 'tools/bazelw() { run_bazel "$1" --experimental_convenience_symlinks=ignore --package_path=%q:%%workspace%% "${@:2}" || exit 1; }\n' \
    "$scratch/overlay"
}
setting >"$scratch/setting"

for file in count_above.cc BUILD; do
  write "workers/count_above/$file" "$scratch/overlay/workers/count_above/$file"
done
write 'line of workers/BUILD' "$scratch/line"
sed "/^ *deps = \[/r $scratch/line" "$root/workers/BUILD" >"$scratch/overlay/workers/BUILD"
mkdir "$scratch/here"
ln -s -- "$root/tools" "$scratch/here/tools"
ln -s -- "$(run_bazel info bazel-bin 2>/dev/null)" "$scratch/here/bazel-bin"
laid_over=yes
follow "$scratch/here" 'a worker in this tree' 'in this tree' 'answer'
printf '%s\n' '. tools/bazel/mpi_env.sh' >>"$scratch/setting"
follow "$scratch/here" 'beside another worker' 'beside another worker' 'answers'
setting >"$scratch/setting"

own=$(workspace_of "$root/.cache/add_a_worker")
mkdir -p -- "$own/my_workers" && ln -sfn -- "$(bazel_workspace)" "$own/mpaio" || exit 1
for file in WORKSPACE .bazelrc BUILD; do
  write "my_workers/$file" "$own/my_workers/$file"
done
write 'workers/count_above/count_above.cc' "$own/my_workers/count_above.cc"
follow "$own/my_workers" 'a worker in a workspace of its own' 'in a workspace of your own' 'answer'
(
  cd -- "$own/my_workers" && bash -c ". $scratch/setting && bazel shutdown" >/dev/null 2>&1
)
exit "$failed"
