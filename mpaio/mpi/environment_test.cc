// SPDX-License-Identifier: Apache-2.0
#include "mpaio/mpi/environment.h"

#include <mpi.h>
#include <stdlib.h>
#include <sys/prctl.h>

#include <string>

#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "mpaio/testing/mpi_test_environment.h"
#include "mpaio/testing/status_matchers.h"

namespace mpaio {
namespace {

std::string Variable(const char* name) {
  const char* value = getenv(name);
  return value != nullptr ? value : "(not set)";
}

bool MpiRuns() {
  int initialized = 0, finalized = 0;
  MPI_Initialized(&initialized);
  MPI_Finalized(&finalized);
  return initialized != 0 && finalized == 0;
}

// The test's main() has made an Environment before anything else could start MPI.
TEST(Environment, StartsMpiForSeveralRanksWithItsSettings) {
  ASSERT_GT(TestWorld().size(), 1);
  EXPECT_TRUE(MpiRuns());
  EXPECT_FALSE(TestWorld().is_null());
  // environment_with_user_settings_test sets this one itself.
  const char* of_user = getenv("MPAIO_TEST_USER_SETTING");
  EXPECT_EQ(Variable("OMPI_MCA_mpi_yield_when_idle"), of_user != nullptr ? of_user : "1");
  EXPECT_EQ(Variable("OMPI_MCA_pml"), "ob1");
  EXPECT_EQ(Variable("OMPI_MCA_btl_vader_single_copy_mechanism"), "none");
  EXPECT_EQ(Variable("OMPI_MCA_smsc"), "^cma");
  EXPECT_EQ(prctl(PR_GET_TIMERSLACK), 1);
}

}  // namespace
}  // namespace mpaio
