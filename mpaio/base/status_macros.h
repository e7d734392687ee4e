// SPDX-License-Identifier: Apache-2.0

// Early return of a failed absl::Status. (Abseil has these macros only from 20260526 on.)
#ifndef MPAIO_BASE_STATUS_MACROS_H_
#define MPAIO_BASE_STATUS_MACROS_H_

#include <utility>

#include "absl/status/status.h"
#include "absl/status/statusor.h"

// Evaluates `expr` (an absl::Status) once, and returns it from the enclosing function if it is not
// OK.
#define MPAIO_RETURN_IF_ERROR(expr)                                                     \
  do {                                                                                  \
    if (absl::Status mpaio_status_ = (expr); !mpaio_status_.ok()) return mpaio_status_; \
  } while (false)

// Evaluates `expr` (an absl::StatusOr<T>) once, and returns its status if it is not OK; else
// assigns the value to `lhs`, which may declare a variable:
//   MPAIO_ASSIGN_OR_RETURN(Index rows, CountRows(header));
#define MPAIO_ASSIGN_OR_RETURN(lhs, expr) \
  MPAIO_ASSIGN_OR_RETURN_IMPL_(MPAIO_STATUS_CONCAT_(mpaio_status_or_, __LINE__), lhs, expr)
#define MPAIO_ASSIGN_OR_RETURN_IMPL_(holder, lhs, expr) \
  auto holder = (expr);                                 \
  if (!holder.ok()) return holder.status();             \
  lhs = *std::move(holder)
#define MPAIO_STATUS_CONCAT_(a, b) MPAIO_STATUS_CONCAT_IMPL_(a, b)
#define MPAIO_STATUS_CONCAT_IMPL_(a, b) a##b

#endif  // MPAIO_BASE_STATUS_MACROS_H_
