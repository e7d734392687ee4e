// SPDX-License-Identifier: Apache-2.0

// What a test under mpirun (mpi_cc_test) finds.
#ifndef MPAIO_TESTING_MPI_TEST_ENVIRONMENT_H_
#define MPAIO_TESTING_MPI_TEST_ENVIRONMENT_H_

#include "mpaio/mpi/communicator.h"

namespace mpaio {

// The ranks that run this test; null where there is only one. Every rank runs the same tests in the
// same order, and leaves a test when all have; so a test is written like a program: what is
// collective must be called by all.
const Communicator& TestWorld();

// For the main() of tests only. `world` must stay until the last test has ended.
void SetTestWorld(const Communicator* world);

}  // namespace mpaio

#endif  // MPAIO_TESTING_MPI_TEST_ENVIRONMENT_H_
