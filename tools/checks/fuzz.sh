#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# Usage: tools/checks/fuzz.sh
#
# Runs the fuzzer of the .npy and .npz readers (tools/fuzz) with each file of its initial corpus,
# and then with 100,000 inputs.

set -u
. "$(dirname -- "${BASH_SOURCE[0]}")/../lib.sh"
directory=$root/.cache/fuzz
log=$(mktemp) || exit 1
trap 'rm -f -- "$log"' EXIT

number() {  # STATISTIC
  sed -n "s/^stat::$1: *//p" "$log"
}

# With 0 generated inputs it runs the initial corpus and the inputs that earlier runs have kept.
for runs in 0 100000; do
  "$root/tools/fuzz" --runs="$runs" --directory="$directory" </dev/null >"$log" 2>&1
  case $? in
    0)
      if [ "$runs" -eq 0 ]; then
        printf 'PASS fuzz: the %s inputs of the corpus\n' "$(number number_of_executed_units)"
      else
        printf 'PASS fuzz: %s inputs, %s per second\n' "$(number number_of_executed_units)" "$(number average_exec_per_sec)"
      fi
      ;;
    77)
      tail -n 1 -- "$log" >&2
      printf 'SKIP fuzz: clang++ with libFuzzer is not installed\n'
      exit 0
      ;;
    *)
      tail -n 60 -- "$log" >&2
      printf 'FAIL fuzz: an input fails, or the fuzzer cannot be built\n'
      exit 1
      ;;
  esac
done
