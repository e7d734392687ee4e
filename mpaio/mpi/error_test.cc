// SPDX-License-Identifier: Apache-2.0
#include "mpaio/mpi/error.h"

#include <mpi.h>

#include "absl/status/status.h"
#include "absl/strings/str_cat.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "mpaio/testing/status_matchers.h"

namespace mpaio {
namespace {

TEST(MpiStatus, SuccessIsOk) { MPAIO_EXPECT_OK(MpiStatus("MPI_Send", MPI_SUCCESS)); }

TEST(MpiStatus, NamesTheFunctionTheClassAndMpisText) {
  const absl::Status status = MpiStatus("MPI_Send", MPI_ERR_RANK);
  EXPECT_THAT(status, StatusIs(absl::StatusCode::kInternal, "MPI_Send failed: "));
  EXPECT_THAT(status, StatusIs(absl::StatusCode::kInternal, "invalid rank"));
  EXPECT_THAT(status, StatusIs(absl::StatusCode::kInternal,
                               absl::StrCat("(error class ", MPI_ERR_RANK, ")")));
}

TEST(MpiStatus, NoMemoryIsResourceExhausted) {
  EXPECT_THAT(MpiStatus("MPI_Alloc_mem", MPI_ERR_NO_MEM),
              StatusIs(absl::StatusCode::kResourceExhausted, "MPI_Alloc_mem"));
}

}  // namespace
}  // namespace mpaio
