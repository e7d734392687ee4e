// SPDX-License-Identifier: Apache-2.0

// The minimum time that an MPI program takes from start to exit.
#include <mpi.h>

int main(int argc, char** argv) {
  MPI_Init(&argc, &argv);
  MPI_Finalize();
  return 0;
}
