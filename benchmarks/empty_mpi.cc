// SPDX-License-Identifier: Apache-2.0

// The least that a program with MPI takes from start to exit.
#include <mpi.h>

int main(int argc, char** argv) {
  MPI_Init(&argc, &argv);
  MPI_Finalize();
  return 0;
}
