// SPDX-License-Identifier: Apache-2.0

// The formats in which arrays are read, and the choice of the one of an input.
//
// A new format that the contents of a file or directory show (HDF5, Zarr) is a new file and a line
// in a table: the file defines a subclass of ArraySource (array_source.h), or uses FileArray if the
// bytes lie in a file as one piece, and an ArrayFormat (array_format.h) that recognizes and opens
// such inputs; the table is in array_opener.cc. Then its row in foreign_format.cc, which refuses
// it, goes.
#ifndef MPAIO_FORMAT_ARRAY_OPENER_H_
#define MPAIO_FORMAT_ARRAY_OPENER_H_

#include <memory>
#include <span>
#include <string>

#include "absl/status/statusor.h"
#include "mpaio/format/array_format.h"
#include "mpaio/format/array_source.h"

namespace mpaio {

// The table of formats.
std::span<const ArrayFormat> ArrayFormats();

// Opens `input`: standard input, raw bytes, or a file or directory in the first of `formats` that
// recognizes it. Errors: those of ArrayFile::Open.
absl::StatusOr<std::unique_ptr<ArraySource>> OpenArraySource(
    const std::string& input, std::span<const ArrayFormat> formats = ArrayFormats());

}  // namespace mpaio

#endif  // MPAIO_FORMAT_ARRAY_OPENER_H_
