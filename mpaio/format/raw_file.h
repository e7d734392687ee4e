// SPDX-License-Identifier: Apache-2.0

// Raw bytes without a header, whose type and shape the name of the input gives.
#ifndef MPAIO_FORMAT_RAW_FILE_H_
#define MPAIO_FORMAT_RAW_FILE_H_

#include <memory>

#include "absl/status/statusor.h"
#include "mpaio/format/array_source.h"
#include "mpaio/format/input_name.h"

namespace mpaio {

// Opens raw bytes, in a file or on standard input. InvalidArgument if the file's length does not
// fit the type and shape; other errors: those of ArrayFile::Open. Precondition:
// name.raw.has_value().
absl::StatusOr<std::unique_ptr<ArraySource>> OpenRaw(const InputName& name);

}  // namespace mpaio

#endif  // MPAIO_FORMAT_RAW_FILE_H_
