# SPDX-License-Identifier: Apache-2.0
# Whether Abort() ends every rank, and the job with its exit status; with one rank, where MPI is not started, too.
for ranks in 1 3; do
  timeout 30 mpirun -n "$ranks" --bind-to none "./$SAMPLE"
  status=$?
  if [ "$status" -ne 7 ]; then
    echo "FAILED: with $ranks ranks the exit status is $status, not 7 (124: it did not end)"
    exit 1
  fi
done
