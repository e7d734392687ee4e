// SPDX-License-Identifier: Apache-2.0

// Tests of a single process, started by mpirun -n 1 or without a launcher.
#include <mpi.h>
#include <sys/prctl.h>

#include <algorithm>
#include <chrono>
#include <string>

#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "mpaio/launcher/scoped_launch.h"
#include "mpaio/mpi/environment.h"
#include "mpaio/testing/status_matchers.h"

namespace mpaio {
namespace {

bool MpiWasStarted() {
  int initialized = 0;
  MPI_Initialized(&initialized);
  return initialized != 0;
}

class EnvironmentAlone : public testing::TestWithParam<bool> {
 private:
  const ScopedLaunch launch_{GetParam() ? Mpirun(0, 1) : Launch()};
};

TEST_P(EnvironmentAlone, DoesNotStartMpi) {
  int argc = 0;
  char** argv = nullptr;
  Environment environment(&argc, &argv);
  MPAIO_EXPECT_OK(environment.status());
  EXPECT_TRUE(environment.world().is_null());
  EXPECT_FALSE(MpiWasStarted());
  EXPECT_EQ(prctl(PR_GET_TIMERSLACK), 1);
  MPAIO_EXPECT_OK(environment.Finalize());
  MPAIO_EXPECT_OK(environment.Finalize());
  EXPECT_FALSE(MpiWasStarted());
}

// Uses the fastest of several attempts, since the machine may be busy.
TEST_P(EnvironmentAlone, TakesLessThanAMillisecond) {
  auto fastest = std::chrono::steady_clock::duration::max();
  for (int attempt = 0; attempt < 20; ++attempt) {
    int argc = 0;
    char** argv = nullptr;
    const auto start = std::chrono::steady_clock::now();
    const Environment environment(&argc, &argv);
    fastest = std::min(fastest, std::chrono::steady_clock::now() - start);
  }
  EXPECT_LT(fastest, std::chrono::milliseconds(1));
}

INSTANTIATE_TEST_SUITE_P(EnvironmentAlone, EnvironmentAlone, testing::Bool(),
                         [](const auto& info) -> std::string {
                           return info.param ? "MpirunWithOneRank" : "NoLauncher";
                         });

}  // namespace
}  // namespace mpaio
