#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# Usage: tools/checks/library.sh
#
# Builds the program in docs/library.md, overlaid on the tree (--package_path), and runs it with 1 and 3 ranks.

set -u
. "$(dirname -- "${BASH_SOURCE[0]}")/../lib.sh"
scratch=$(mktemp -d /tmp/mpaio.XXXXXX) || exit 1  # short, for mpirun's sockets, and without a space, for Bazel
trap 'rm -rf -- "$scratch"' EXIT
trap 'exit 1' INT TERM
python=$(python_with_numpy)
[ -n "$python" ] || die "no Python with numpy: install the Debian package python3-numpy"
[ -f "$root/.bazelrc.local" ] || "$root/tools/configure" || exit 1

package=$scratch/tree/library
mkdir -p -- "$package"
for file in add_ints.cc BUILD; do
  # A block of the page is found by its first line: "```cpp add_ints.cc".
  awk -v title="$file" '/^```/ && on { on = 0; next } /^```[a-z]* / && $2 == title { on = 1; next } on' "$root/docs/library.md" |
    sed 's,@mpaio//,//,' >"$package/$file"
  [ -s "$package/$file" ] || die "docs/library.md has no block '$file'"
done

build=(--experimental_convenience_symlinks=ignore "--package_path=$scratch/tree:%workspace%")
if run_bazel build "${build[@]}" //library:add_ints >"$scratch/log" 2>&1; then
  printf 'PASS library: its program builds\n'
else
  tail -n 40 -- "$scratch/log" >&2
  printf 'FAIL library: its program builds\n'
  exit 1
fi

program=$(run_bazel info bazel-bin 2>/dev/null)/library/add_ints
cd -- "$scratch" || exit 1
"$python" -c 'import numpy; numpy.save("ints.npy", numpy.arange(1, 1000001))'
. "$root/tools/bazel/mpi_env.sh"
status=0
for ranks in 1 3; do
  answer=$(TMPDIR=$scratch timeout 60 mpirun -n "$ranks" --bind-to none "$program" 2>"$scratch/log")
  if [ "$answer" = 500000500000 ]; then
    printf 'PASS library: its program with %s ranks\n' "$ranks"
  else
    cat -- "$scratch/log" >&2
    printf 'FAIL library: its program with %s ranks: %s\n' "$ranks" "$answer"
    status=1
  fi
done
exit "$status"
