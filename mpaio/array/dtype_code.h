// SPDX-License-Identifier: Apache-2.0

// The texts of simple types, codes and names, as numpy's dtype(text) reads them. Only
// DType::Parse() uses this; all other code calls DType::Parse().
#ifndef MPAIO_ARRAY_DTYPE_CODE_H_
#define MPAIO_ARRAY_DTYPE_CODE_H_

#include <cstddef>
#include <cstdint>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "mpaio/array/dtype.h"
#include "mpaio/base/index.h"

namespace mpaio {

// The parts of a simple type that its text gives.
struct DTypeCode {
  DType::Kind kind;
  Index itemsize_bytes;
  DType::ByteOrder byte_order;
  // For datetime64 and timedelta64: "[25ns]" is 25 of the unit TimeUnitName(10).
  std::int32_t time_multiple = 1;
  std::uint8_t time_unit = 0;
};

// Errors: those of DType::Parse().
absl::StatusOr<DTypeCode> ReadDTypeCode(absl::string_view text);

// Returns the name of a unit of time; units are numbered, and 0 is "generic".
absl::string_view TimeUnitName(std::uint8_t unit);

}  // namespace mpaio

#endif  // MPAIO_ARRAY_DTYPE_CODE_H_
