// SPDX-License-Identifier: Apache-2.0

// The last rank aborts with exit status 7 while the others wait for it. For abort_test.sh.
#include "mpaio/mpi/communicator.h"
#include "mpaio/mpi/environment.h"

int main(int argc, char** argv) {
  mpaio::Environment environment(&argc, &argv);
  const mpaio::Communicator& world = environment.world();
  if (world.rank() == world.size() - 1) world.Abort(7);
  return world.Barrier().ok() ? 0 : 1;
}
