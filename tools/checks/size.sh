#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# Usage: tools/checks/size.sh
#
# Checks that no source except tests is too large to be read in one go: a file has at most 450 lines, a C++ function 60,
# and a C++ class 20 data members.

set -u
. "$(dirname -- "${BASH_SOURCE[0]}")/../lib.sh"
scratch=$(mktemp -d) || exit 1
trap 'rm -rf -- "$scratch"' EXIT

# Exceptions: the beginning of a line that tools/oversized.py prints, without its number, and after a tab the reason.
exceptions=()

python3 "$root/tools/oversized.py" "$root" 450 60 20 mpaio workers benchmarks examples >"$scratch/printed" || die "tools/oversized.py failed"
num_files=$(tail -n 1 "$scratch/printed")
# Without this, a moved source tree would pass the check unread.
[ "$num_files" -gt 0 ] || die "there are no sources in $root"
sed '$d' "$scratch/printed" >"$scratch/findings"
for exception in ${exceptions[@]+"${exceptions[@]}"}; do
  awk -v excepted="${exception%%$'\t'*}" 'index($0, excepted) != 1' "$scratch/findings" >"$scratch/kept" &&
    mv -- "$scratch/kept" "$scratch/findings"
done
if [ -s "$scratch/findings" ]; then
  cat -- "$scratch/findings" >&2
  printf 'FAIL size: %s files, functions or classes are too large: split them by what they do\n' "$(wc -l <"$scratch/findings")"
  exit 1
fi
printf 'PASS size: %s files, with their functions and classes\n' "$num_files"
