#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# Usage: tools/checks/library.sh
#
# Builds the programs of docs/library.md in another workspace, the one of docs/add_a_worker.md, and
# runs them: add_ints and by_name_mpi (examples/by_name.cc) with 1 and 3 ranks, quartiles without MPI, which it must not link.

set -u
. "$(dirname -- "${BASH_SOURCE[0]}")/../lib.sh"
scratch=$(mktemp -d /tmp/mpaio.XXXXXX) || exit 1  # short, for mpirun's sockets
trap 'rm -rf -- "$scratch"' EXIT
trap 'exit 1' INT TERM
python=$(python_with_numpy)
[ -n "$python" ] || die "no Python with numpy: install the Debian package python3-numpy"
[ -f "$root/.bazelrc.local" ] || "$root/tools/configure" || exit 1
status=0

verdict() {  # NAME EXPECTED GOT
  if [ "$2" = "$3" ]; then
    printf 'PASS library: %s\n' "$1"
  else
    cat -- "$scratch/log" >&2
    printf 'FAIL library: %s: %s\n' "$1" "$3"
    status=1
  fi
}

write() {  # PAGE TITLE FILE: writes the block of docs/PAGE that begins with "```LANGUAGE TITLE"
  mkdir -p -- "$(dirname -- "$3")"
  awk -v title="$2" '/^```/ && on { on = 0; next } /^```[a-z]* / && $2 == title { on = 1; next } on' "$root/docs/$1" >"$3"
  [ -s "$3" ] || die "docs/$1 has no block '$2'"
}

# The same workspace as that of add_a_worker.sh, so that what both need is built once.
beside=$(workspace_of "$root/.cache/add_a_worker")
own=$beside/my_workers
mkdir -p -- "$own" && ln -sfn -- "$(bazel_workspace)" "$beside/mpaio" || exit 1
write add_a_worker.md my_workers/WORKSPACE "$own/WORKSPACE"
write add_a_worker.md my_workers/.bazelrc "$own/.bazelrc"
"$beside/mpaio/tools/configure" "$own" >/dev/null || exit 1
for file in add_ints.cc quartiles.cc BUILD; do write library.md "$file" "$own/library/$file"; done
cp -- "$root/examples/by_name.cc" "$own/library/by_name.cc"

own_bazel() {
  local options
  read -r -a options < <(bazel_startup_options) || true
  (
    cd -- "$own" || exit
    [ -n "${USER:-}" ] || export USER="${LOGNAME:-$(id -un 2>/dev/null || id -u)}"
    exec bazel ${options[@]+"${options[@]}"} "$@"
  )
}

if own_bazel build //library/... >"$scratch/log" 2>&1; then
  printf 'PASS library: its programs build in another workspace\n'
else
  tail -n 40 -- "$scratch/log" >&2
  printf 'FAIL library: its programs build in another workspace\n'
  exit 1
fi
programs=$(own_bazel info bazel-bin 2>/dev/null)/library
own_bazel shutdown >/dev/null 2>&1

cd -- "$scratch" || exit 1
"$python" -c 'import numpy; numpy.save("ints.npy", numpy.arange(1, 1000001))'
. "$root/tools/bazel/mpi_env.sh"
for ranks in 1 3; do
  answer=$(TMPDIR=$scratch timeout 60 mpirun -n "$ranks" --bind-to none "$programs/add_ints" 2>"$scratch/log")
  verdict "add_ints with $ranks ranks" 500000500000 "$answer"
done
for ranks in 1 3; do
  answer=$(TMPDIR=$scratch timeout 60 mpirun -n "$ranks" --bind-to none "$programs/by_name_mpi" 2>"$scratch/log")
  verdict "by_name_mpi with $ranks ranks" 'quartiles: 250 500 750 smallest: 0 1 2 3 4' "$(printf '%s' "$answer" | tr '\n' ' ')"
done
verdict quartiles '250 750, smallest 0' "$(timeout 60 "$programs/quartiles" 2>"$scratch/log")"
verdict 'quartiles does not link MPI' 0 "$(ldd "$programs/quartiles" | grep -cE 'libmpi|libpmix|libopen-')"
exit "$status"
