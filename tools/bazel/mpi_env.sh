# SPDX-License-Identifier: Apache-2.0
# Environment in which mpirun works in tests and in containers. Source it; POSIX shell. What the user has set stays.
# As root:
export OMPI_ALLOW_RUN_AS_ROOT="${OMPI_ALLOW_RUN_AS_ROOT:-1}"
export OMPI_ALLOW_RUN_AS_ROOT_CONFIRM="${OMPI_ALLOW_RUN_AS_ROOT_CONFIRM:-1}"
# With more ranks than cores: Open MPI 4, 5, and 6.
export OMPI_MCA_rmaps_base_oversubscribe="${OMPI_MCA_rmaps_base_oversubscribe:-1}"
export PRTE_MCA_rmaps_default_mapping_policy="${PRTE_MCA_rmaps_default_mapping_policy:-:oversubscribe}"
export PRTE_MCA_mapby="${PRTE_MCA_mapby:-:oversubscribe}"
# After an exit status other than 0 mpirun gives the other ranks two seconds, though they have ended.
export OMPI_MCA_odls_base_sigkill_timeout="${OMPI_MCA_odls_base_sigkill_timeout:-0}"
export PRTE_MCA_odls_base_sigkill_timeout="${PRTE_MCA_odls_base_sigkill_timeout:-0}"
# Open MPI 5 wants a home directory, which a Bazel test does not have.
export HOME="${HOME:-${TEST_TMPDIR:-/tmp}}"
# Under a sanitizer: Open MPI keeps some of what it allocates until the end, and is not instrumented itself.
export ASAN_OPTIONS="${ASAN_OPTIONS:-detect_leaks=0}"
export TSAN_OPTIONS="${TSAN_OPTIONS:-ignore_noninstrumented_modules=1}"
