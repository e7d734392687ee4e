# SPDX-License-Identifier: Apache-2.0
# Checks that a test under mpirun fails when it should, says why, and ends.
failures=0
report=$TMPDIR/report.xml

# run RANKS TESTS [FLAG]...: sets $output and $status.
run() {
  rm -f "$report"
  output=$(GTEST_OUTPUT=xml:$report MPAIO_TEST_LIMIT_SECONDS=3 mpirun -n "$1" --bind-to none \
    bash tools/bazel/mpi_launch.sh --rank "./$SAMPLE" --gtest_filter="$2" "${@:3}" 2>&1)
  status=$?
}

# expect WHAT COMMAND...: the command must succeed.
expect() {
  local what=$1
  shift
  "$@" && return
  failures=$((failures + 1))
  printf 'FAILED: %s; exit status %s; the output was:\n%s\n' "$what" "$status" "$output"
}

says() { grep -qF -- "$1" <<<"$output"; }
says_times() { [ "$(grep -cF -- "$2" <<<"$output")" -eq "$1" ]; }
reports() { grep -qF -- "$1" "$report"; }

run 3 Sample.Passes
expect "a test that passes on all ranks passes" [ "$status" -eq 0 ]
expect "only rank 0 prints the result" says_times 1 "[  PASSED  ] 1 test."
expect "the report contains the test" reports 'testcase name="Passes"'

run 3 Sample.FailsOnRank0
expect "a failure of rank 0 fails the program" [ "$status" -ne 0 ]
expect "rank 0's failure is printed once" says_times 1 "said by rank 0"

run 3 Sample.FailsOnTheLastRank:Sample.Passes
expect "a failure of the last rank fails the program" [ "$status" -ne 0 ]
expect "the last rank's failure is printed" says "said by rank 2"
expect "rank 0 says which rank failed" says "failed on rank 2"
expect "rank 0 counts the test as failed" says "[  FAILED  ] Sample.FailsOnTheLastRank"
expect "the report counts the test as failed" reports '<failure'
expect "the next test runs" says "[       OK ] Sample.Passes"

run 3 Sample.LastRankLeavesEarly
expect "a rank that leaves a test early ends the job, which fails" [ "$status" -ne 0 ]
expect "its failure is printed" says "said by rank 2"
expect "the watchdog says what was waited for" says "Sample.LastRankLeavesEarly"

run 3 BrokenSuite.Passes
expect "a failure outside of a test fails the program" [ "$status" -ne 0 ]

run 1 Sample.Passes
expect "one rank passes without MPI" [ "$status" -eq 0 ]

run 3 'Sample.Passes*' --gtest_shuffle --gtest_repeat=20
expect "all ranks shuffle the tests in the same way" [ "$status" -eq 0 ]

run 3 Sample.Passes --gtest_list_tests
expect "only rank 0 lists the tests" says_times 1 "Passes"

[ "$failures" -eq 0 ]
