// SPDX-License-Identifier: Apache-2.0

// Converts exceptions of user code to a Status: exceptions do not enter the library.
#ifndef MPAIO_WORKER_GUARD_H_
#define MPAIO_WORKER_GUARD_H_

#include <string>
#include <type_traits>
#include <typeinfo>
#include <utility>

#include "absl/status/status.h"
#include "absl/strings/string_view.h"

namespace mpaio {

// To be called in a catch block. Returns Internal, "<what> threw <type>: <text>", on one line;
// ResourceExhausted for std::bad_alloc.
absl::Status StatusOfCurrentException(absl::string_view what);

// Calls `user_code`, which returns an absl::Status or an absl::StatusOr, and returns the same. An
// exception becomes StatusOfCurrentException(what).
template <typename F>
std::invoke_result_t<F> CallGuarded(absl::string_view what, F&& user_code) {
  try {
    return std::forward<F>(user_code)();
  } catch (...) {
    return StatusOfCurrentException(what);
  }
}

// Returns the name of a type as written in the source.
std::string TypeName(const std::type_info& type);

}  // namespace mpaio

#endif  // MPAIO_WORKER_GUARD_H_
