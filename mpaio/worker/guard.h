// SPDX-License-Identifier: Apache-2.0

// What user code throws, as a Status: exceptions do not cross into the library.
#ifndef MPAIO_WORKER_GUARD_H_
#define MPAIO_WORKER_GUARD_H_

#include <string>
#include <typeinfo>
#include <utility>

#include "absl/status/status.h"
#include "absl/strings/string_view.h"

namespace mpaio {

// In a catch block: Internal, "<what> threw <type>: <text>", on one line; ResourceExhausted for
// std::bad_alloc.
absl::Status StatusOfCurrentException(absl::string_view what);

// Calls `user_code`, which returns an absl::Status, and returns what it returns; an exception
// becomes StatusOfCurrentException(what).
template <typename F>
absl::Status CallGuarded(absl::string_view what, F&& user_code) {
  try {
    return std::forward<F>(user_code)();
  } catch (...) {
    return StatusOfCurrentException(what);
  }
}

// The name of a type as it is written in the source.
std::string TypeName(const std::type_info& type);

}  // namespace mpaio

#endif  // MPAIO_WORKER_GUARD_H_
