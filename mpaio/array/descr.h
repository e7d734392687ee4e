// SPDX-License-Identifier: Apache-2.0

// Array descriptors: the Python literal under 'descr' in the header of a .npy file.
#ifndef MPAIO_ARRAY_DESCR_H_
#define MPAIO_ARRAY_DESCR_H_

#include <vector>

#include "absl/status/statusor.h"
#include "mpaio/array/dtype.h"
#include "mpaio/array/python_literal.h"
#include "mpaio/base/index.h"

namespace mpaio {

struct Descr {
  DType dtype;
  // The axes of a sub-array type, "('<i4', (2, 3))", which follow those of the array. Nested
  // sub-arrays become one with more axes.
  std::vector<Index> sub_shape;
};

// Reads a string (a simple type), a list (a structured type) or a tuple (a sub-array of either), as
// numpy.lib.format.descr_to_dtype does: nameless fields of raw bytes are padding.
//   InvalidArgument  it is none of these; the message says what is wrong at reader.position().
//   Unimplemented    as DType::Parse().
absl::StatusOr<Descr> ReadDescr(PythonLiteralReader& reader);

}  // namespace mpaio

#endif  // MPAIO_ARRAY_DESCR_H_
