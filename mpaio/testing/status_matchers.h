// SPDX-License-Identifier: Apache-2.0

// Matchers for absl::Status and absl::StatusOr. (Abseil has them only from 20240722 on.)
//
//   EXPECT_THAT(file.status(), IsOk());
//   EXPECT_THAT(ArrayFile::Open("gone"), StatusIs(absl::StatusCode::kNotFound, "no file gone"));
//   MPAIO_ASSERT_OK(executor.Close());
#ifndef MPAIO_TESTING_STATUS_MATCHERS_H_
#define MPAIO_TESTING_STATUS_MATCHERS_H_

#include <string>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"

namespace mpaio {

inline const absl::Status& StatusOf(const absl::Status& status) { return status; }
template <typename T>
const absl::Status& StatusOf(const absl::StatusOr<T>& result) {
  return result.status();
}

MATCHER(IsOk, negation ? "is not OK" : "is OK") {
  if (!StatusOf(arg).ok()) *result_listener << StatusOf(arg).ToString();
  return StatusOf(arg).ok();
}

// Matches a status with this code and a message of one line.
MATCHER_P(StatusIs, code, "is " + absl::StatusCodeToString(code) + " with a message of one line") {
  const std::string message(StatusOf(arg).message());
  *result_listener << StatusOf(arg).ToString();
  return StatusOf(arg).code() == code && message.find('\n') == std::string::npos;
}

// Also requires that the message contains `text`.
MATCHER_P2(StatusIs, code, text,
           "is " + absl::StatusCodeToString(code) + " with a message of one line that contains \"" +
               std::string(text) + "\"") {
  const std::string message(StatusOf(arg).message());
  *result_listener << StatusOf(arg).ToString();
  return StatusOf(arg).code() == code && message.find('\n') == std::string::npos &&
         message.find(std::string(text)) != std::string::npos;
}

}  // namespace mpaio

#define MPAIO_EXPECT_OK(expression) EXPECT_THAT((expression), ::mpaio::IsOk())
#define MPAIO_ASSERT_OK(expression) ASSERT_THAT((expression), ::mpaio::IsOk())

#endif  // MPAIO_TESTING_STATUS_MATCHERS_H_
