# SPDX-License-Identifier: Apache-2.0
# Environment in which mpirun works in tests and in containers. Source it from a POSIX shell.
# Variables that the user has set are kept. tools/program_page.py copies the comment above each group
# to docs/program.md, so it must be one line.

# Allow root:
export OMPI_ALLOW_RUN_AS_ROOT="${OMPI_ALLOW_RUN_AS_ROOT:-1}"
export OMPI_ALLOW_RUN_AS_ROOT_CONFIRM="${OMPI_ALLOW_RUN_AS_ROOT_CONFIRM:-1}"
# Allow more ranks than cores, in Open MPI 4, 5 and 6:
export OMPI_MCA_rmaps_base_oversubscribe="${OMPI_MCA_rmaps_base_oversubscribe:-1}"
export PRTE_MCA_rmaps_default_mapping_policy="${PRTE_MCA_rmaps_default_mapping_policy:-:oversubscribe}"
export PRTE_MCA_mapby="${PRTE_MCA_mapby:-:oversubscribe}"
# After an exit status other than 0, mpirun does not wait two seconds for ranks that have ended:
export OMPI_MCA_odls_base_sigkill_timeout="${OMPI_MCA_odls_base_sigkill_timeout:-0}"
export PRTE_MCA_odls_base_sigkill_timeout="${PRTE_MCA_odls_base_sigkill_timeout:-0}"
# Open MPI 5 needs a home directory, which a Bazel test does not have.
export HOME="${HOME:-${TEST_TMPDIR:-/tmp}}"
# Under a sanitizer: Open MPI does not free all its memory before exit, and it is not instrumented.
export ASAN_OPTIONS="${ASAN_OPTIONS:-detect_leaks=0}"
export TSAN_OPTIONS="${TSAN_OPTIONS:-ignore_noninstrumented_modules=1}"
