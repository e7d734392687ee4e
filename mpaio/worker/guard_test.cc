// SPDX-License-Identifier: Apache-2.0
#include "mpaio/worker/guard.h"

#include <new>
#include <stdexcept>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "gtest/gtest.h"

namespace mpaio {
namespace {

struct OddError {};
struct OwnError : std::runtime_error {
  using std::runtime_error::runtime_error;
};

TEST(GuardTest, ReturnsTheStatusOfUserCode) {
  EXPECT_TRUE(CallGuarded("Process", [] { return absl::OkStatus(); }).ok());
  EXPECT_EQ(CallGuarded("Process", [] { return absl::NotFoundError("no such thing"); }),
            absl::NotFoundError("no such thing"));
}

TEST(GuardTest, NamesTypeAndTextOfAnException) {
  const auto status = [](auto exception) {
    return CallGuarded("Process", [&]() -> absl::Status { throw exception; });
  };
  EXPECT_EQ(status(std::runtime_error("no luck")),
            absl::InternalError("Process threw std::runtime_error: no luck"));
  EXPECT_EQ(status(OwnError("mine")), absl::InternalError("Process threw mpaio::OwnError: mine"));
  EXPECT_EQ(status(5), absl::InternalError("Process threw int, which is not a std::exception"));
  EXPECT_EQ(status(OddError{}),
            absl::InternalError("Process threw mpaio::OddError, which is not a std::exception"));
  EXPECT_EQ(CallGuarded("ProcessCallback", []() -> absl::Status { throw std::vector<int>().at(3); })
                .message()
                .substr(0, 42),
            "ProcessCallback threw std::out_of_range: v");
}

TEST(GuardTest, KeepsTheMessageOnOneLine) {
  const absl::Status status =
      CallGuarded("Process", []() -> absl::Status { throw std::runtime_error("a\nb\r\nc"); });
  EXPECT_EQ(status.message(), "Process threw std::runtime_error: a b  c");
}

TEST(GuardTest, BadAllocIsResourceExhausted) {
  EXPECT_EQ(CallGuarded("Process", []() -> absl::Status { throw std::bad_alloc(); }).code(),
            absl::StatusCode::kResourceExhausted);
  EXPECT_EQ(
      CallGuarded("Process", []() -> absl::Status { throw std::bad_array_new_length(); }).code(),
      absl::StatusCode::kResourceExhausted);
}

TEST(GuardTest, TypeNamesAreThoseOfTheSource) {
  EXPECT_EQ(TypeName(typeid(int)), "int");
  EXPECT_EQ(TypeName(typeid(std::vector<int>)).substr(0, 16), "std::vector<int,");
  EXPECT_EQ(TypeName(typeid(OwnError)), "mpaio::OwnError");
}

}  // namespace
}  // namespace mpaio
