// SPDX-License-Identifier: Apache-2.0

// The environment variables in which launchers tell a process its place among the ranks.
#ifndef MPAIO_LAUNCHER_LAUNCH_VARIABLES_H_
#define MPAIO_LAUNCHER_LAUNCH_VARIABLES_H_

namespace mpaio {

// mpirun of Open MPI.
inline constexpr char kOpenMpiRank[] = "OMPI_COMM_WORLD_RANK";
inline constexpr char kOpenMpiSize[] = "OMPI_COMM_WORLD_SIZE";
inline constexpr char kOpenMpiLocalRank[] = "OMPI_COMM_WORLD_LOCAL_RANK";
inline constexpr char kOpenMpiLocalSize[] = "OMPI_COMM_WORLD_LOCAL_SIZE";
// Launchers with PMIx: mpirun of Open MPI, srun --mpi=pmix.
inline constexpr char kPmixRank[] = "PMIX_RANK";
// Launchers with PMI: mpiexec of MPICH, srun --mpi=pmi2.
inline constexpr char kPmiRank[] = "PMI_RANK";
inline constexpr char kPmiSize[] = "PMI_SIZE";
// srun, whatever its --mpi. SLURM_NTASKS is not used: it describes an allocation, not tasks that
// srun has started in it.
inline constexpr char kSlurmSize[] = "SLURM_STEP_NUM_TASKS";

// In the order in which they are read: the first that is set counts.
inline constexpr const char* kRankVariables[] = {kOpenMpiRank, kPmixRank, kPmiRank};
inline constexpr const char* kSizeVariables[] = {kOpenMpiSize, kPmiSize, kSlurmSize};

}  // namespace mpaio

#endif  // MPAIO_LAUNCHER_LAUNCH_VARIABLES_H_
