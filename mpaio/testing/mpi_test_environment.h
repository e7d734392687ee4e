// SPDX-License-Identifier: Apache-2.0

// The environment of a test under mpirun (mpi_cc_test).
#ifndef MPAIO_TESTING_MPI_TEST_ENVIRONMENT_H_
#define MPAIO_TESTING_MPI_TEST_ENVIRONMENT_H_

#include "mpaio/mpi/communicator.h"

namespace mpaio {

// Returns the ranks that run this test; null if there is only one. Every rank runs the same tests
// in the same order, and leaves a test when all ranks have finished it. So all ranks must make each
// collective call of a test. Aborts in tests that are not an mpi_cc_test.
const Communicator& TestWorld();

// For the main() of tests only. `world` must live until the last test has ended.
void SetTestWorld(const Communicator* world);

}  // namespace mpaio

#endif  // MPAIO_TESTING_MPI_TEST_ENVIRONMENT_H_
