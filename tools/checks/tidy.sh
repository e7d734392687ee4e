#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# Usage: tools/checks/tidy.sh [COMMIT | --all]
#
# Runs clang-tidy (.clang-tidy) over the C++ sources that have changed since COMMIT (default:
# HEAD~1), or over all of them, which takes an hour. Without an argument, as tools/test calls it, it
# prints SKIP if more than 20 sources have changed.

set -u
. "$(dirname -- "${BASH_SOURCE[0]}")/../lib.sh"
cd -- "$root" || exit 1
most=20
version=14

skip() {
  printf 'SKIP tidy: %s\n' "$*"
  exit 0
}
clang_tidy=
for name in "clang-tidy-$version" clang-tidy; do
  if "$name" --version 2>/dev/null | grep -q "version $version\."; then
    clang_tidy=$name
    break
  fi
done
[ -n "$clang_tidy" ] || skip "clang-tidy $version is not installed; on Debian 12: apt-get install clang-tidy-$version"

if [ "${1:-}" = --all ]; then
  mapfile -t sources < <(git ls-files '*.cc')
else
  commit=${1:-HEAD~1}
  git rev-parse -q --verify "$commit^{commit}" >/dev/null 2>&1 || skip "there is no commit $commit to compare with"
  mapfile -t sources < <(git diff --name-only --diff-filter=d "$commit" -- '*.cc')
  [ $# -gt 0 ] || [ ${#sources[@]} -le "$most" ] ||
    skip "${#sources[@]} sources have changed since $commit: run tools/checks/tidy.sh $commit"
fi
if [ ${#sources[@]} -eq 0 ]; then
  printf 'PASS tidy: no C++ source has changed\n'
  exit 0
fi

scratch=$(mktemp -d) || exit 1
trap 'rm -rf -- "$scratch"' EXIT
execution_root=$("$root/tools/bazelw" info execution_root 2>/dev/null)
# Creates the links to installed headers that the compile commands refer to.
[ -d "$execution_root/external/com_google_absl" ] || "$root/tools/bazelw" build //mpaio/base/... >"$scratch/log" 2>&1
"$root/tools/bazelw" aquery 'mnemonic("CppCompile", //...)' --output=jsonproto >"$scratch/actions" 2>"$scratch/log" &&
  python3 "$root/tools/compile_commands.py" "$execution_root" "$scratch/compile_commands.json" <"$scratch/actions" || {
  tail -n 20 -- "$scratch/log" >&2
  die "bazel aquery or tools/compile_commands.py failed; the last lines of its output are above"
}
# Sources that this configuration does not compile, such as the fuzzer's, have no command.
mapfile -t known < <(python3 -c 'import json, sys
known = {entry["file"] for entry in json.load(open(sys.argv[1]))}
print("\n".join(name for name in sys.argv[2:] if name in known))' "$scratch/compile_commands.json" "${sources[@]}")

printf '%s\0' "${known[@]}" |
  xargs -0 -P "$(nproc)" -n 1 "$clang_tidy" --quiet -p "$scratch" >"$scratch/findings" 2>"$scratch/errors"
if grep -qE '(warning|error): .*\[' "$scratch/findings"; then
  sed "s,$execution_root/,,g" "$scratch/findings" >&2
  printf 'FAIL tidy: %s findings in %s sources\n' "$(grep -cE '(warning|error): .*\[' "$scratch/findings")" "${#known[@]}"
  exit 1
fi
printf 'PASS tidy: %s sources\n' "${#known[@]}"
