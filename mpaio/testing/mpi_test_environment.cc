// SPDX-License-Identifier: Apache-2.0
#include "mpaio/testing/mpi_test_environment.h"

#include <cstdlib>

namespace mpaio {
namespace {

const Communicator* test_world = nullptr;

}  // namespace

const Communicator& TestWorld() {
  if (test_world == nullptr) std::abort();
  return *test_world;
}

void SetTestWorld(const Communicator* world) { test_world = world; }

}  // namespace mpaio
