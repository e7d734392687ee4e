# SPDX-License-Identifier: Apache-2.0
# Tests that mpirun continues when an armed rank is killed, so that the exit status is rank 0's, and
# that it ends the job when an unarmed rank is killed.
run() {
  output=$(timeout 30 mpirun -n 3 --bind-to none "./$SAMPLE" "$@" 2>&1)
  status=$?
}
fail() {
  printf 'FAILED: %s; exit status %s (124: it did not end); the output was:\n%s\n' "$1" "$status" "$output"
  exit 1
}

run armed 0
if grep -q '^SKIPPED' <<<"$output"; then
  echo "$output"
  exit 77
fi
for expected in 0 5; do
  run armed "$expected"
  [ "$status" -eq "$expected" ] ||
    fail "an armed rank was lost, but the exit status is not rank 0's, $expected"
  grep -qF 'rank 1 was killed by signal 9 (SIGKILL)' <<<"$output" ||
    fail "rank 0 was not told of the death"
done
run unarmed 0
case $status in
  0 | 90 | 91 | 124) fail "an unarmed rank was lost, but the job did not end" ;;
esac
grep -qF 'rank 1 was killed' <<<"$output" &&
  fail "rank 0 was told of a death that should have ended the job"
exit 0
