# SPDX-License-Identifier: Apache-2.0
# Tests that Abort() ends every rank, and the job with its exit status, also with one rank, where
# MPI is not started.
for ranks in 1 3; do
  timeout 30 mpirun -n "$ranks" --bind-to none "./$SAMPLE"
  status=$?
  if [ "$status" -ne 7 ]; then
    echo "FAILED: with $ranks ranks the exit status is $status, not 7 (124: it did not end)"
    exit 1
  fi
done
