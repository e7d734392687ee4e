// SPDX-License-Identifier: Apache-2.0

// The header of a .npy file: reading, checking and writing it.
//
// A .npy file is: the magic string "\x93NUMPY", a major and a minor version byte, the length of the
// text that follows (2 bytes little-endian in version 1, 4 bytes in versions 2 and 3), the text,
// and the data. The text is a Python dict, padded with spaces and ended by a newline so that the
// data starts at a multiple of 64 bytes:
//   {'descr': '<i8', 'fortran_order': False, 'shape': (3, 4), }
// The text is in Latin-1, in version 3 in UTF-8.
//
// Reading and support are separate: ParseNpyHeader() reads the header of every array that
// numpy.save writes, and CheckSupported() refuses the arrays that mpaio does not process.
#ifndef MPAIO_FORMAT_NPY_HEADER_H_
#define MPAIO_FORMAT_NPY_HEADER_H_

#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "mpaio/array/dtype.h"
#include "mpaio/base/index.h"
#include "mpaio/format/read_some.h"

namespace mpaio {

// The number of bytes from the start of a file that suffices for NpyHeaderSizeBytes().
inline constexpr Index kNpyPrefixBytes = 12;

// The longest header that is read. numpy.load stops at 10000 bytes by default; only structured
// types with thousands of fields come near.
inline constexpr Index kMaxNpyHeaderBytes = Index{1} << 20;

struct NpyHeader {
  // The type of the data as stored, possibly in the other byte order.
  DType dtype;
  bool fortran_order = false;
  // The axes of a sub-array type ("('<i4', (2, 3))") follow the others.
  std::vector<Index> shape;
  // The offset of the data in the file.
  Index data_offset = 0;
  // Bytes of the data. 0 for object arrays: their data is a pickle, whose size the header does not
  // give.
  Index data_size_bytes = 0;
};

// Returns the size of the whole header, magic string included. `first_bytes` holds the first
// kNpyPrefixBytes bytes of a file or more (or the whole file, if it is shorter). `name` is the name
// of the file in messages.
//   InvalidArgument  not a .npy file.
//   Unimplemented    a version of the format other than 1.0, 2.0 and 3.0.
//   DataLoss         the file ends before the length, or the header is longer than
//                    kMaxNpyHeaderBytes.
absl::StatusOr<Index> NpyHeaderSizeBytes(absl::string_view first_bytes, absl::string_view name);

// Parses the header at the start of `first_bytes`, the start of a file; ignores the bytes after it.
//   InvalidArgument  as NpyHeaderSizeBytes().
//   Unimplemented    as NpyHeaderSizeBytes(), and as DType::Parse(); a sub-array type in Fortran
//                    order. The message says which, and what to save instead.
//   DataLoss         as NpyHeaderSizeBytes(), or `first_bytes` does not hold the whole header, or
//                    numpy does not write such a header: not a dict; a missing, unknown or
//                    duplicate key; a wrong value; a type that numpy does not have; an array of
//                    more than kMaxArrayBytes.
absl::StatusOr<NpyHeader> ParseNpyHeader(absl::string_view first_bytes, absl::string_view name);

// Returns OK if mpaio supports such an array, which is true of all but Python objects, as elements
// or in a field.
//   Unimplemented  it does not; the message describes the array, and says how to save one that is
//                  supported.
absl::Status CheckSupported(const NpyHeader& header, absl::string_view name);

// Reads the header of the source `name`, and checks that mpaio supports the array. `*start` holds
// the first bytes of the source: kNpyPrefixBytes or more, or all of it. `read` continues after
// them; the bytes that it gives, the rest of a long header, are appended to `*start`. Errors: those
// of `read`, ParseNpyHeader and CheckSupported.
absl::StatusOr<NpyHeader> ReadNpyHeader(const ReadSome& read, const std::string& name,
                                        std::string* start);

// Returns the header, magic string included, that numpy.save writes for a C-order array: byte for
// byte that of numpy 1.24 and later, 2.x included (older versions leave less space for the first
// extent to grow, and can read it all the same). The version is 1, or 2 if the text is too long, or
// 3 if it is not all Latin-1. Precondition: `shape` has at most kMaxDimensions extents.
std::string FormatNpyHeader(const DType& dtype, const std::vector<Index>& shape);

}  // namespace mpaio

#endif  // MPAIO_FORMAT_NPY_HEADER_H_
