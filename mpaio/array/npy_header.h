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
// What numpy can write and what mpaio takes are kept apart: ParseNpyHeader() understands every
// array that numpy.save writes, CheckSupported() says which of them mpaio does not work on.
#ifndef MPAIO_ARRAY_NPY_HEADER_H_
#define MPAIO_ARRAY_NPY_HEADER_H_

#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "mpaio/array/dtype.h"
#include "mpaio/base/index.h"

namespace mpaio {

// That many bytes from the start of a file suffice for NpyHeaderSizeBytes().
inline constexpr Index kNpyPrefixBytes = 12;

// The longest header that is read. numpy.load stops at 10000 unless told otherwise; only structured
// types of thousands of fields come near.
inline constexpr Index kMaxNpyHeaderBytes = Index{1} << 20;

struct NpyHeader {
  int version_major = 1;
  // As the data has it, so perhaps in the other byte order.
  DType dtype;
  bool fortran_order = false;
  // With the axes of a sub-array type ("('<i4', (2, 3))") behind the others.
  std::vector<Index> shape;
  // Where the data starts in the file.
  Index data_offset = 0;
  // Bytes of the data. 0 if the header does not tell: object arrays, whose data is a pickle.
  Index data_size_bytes = 0;
};

// The bytes of the whole header, magic string included, from the first kNpyPrefixBytes bytes of a
// file or more (or all of it, if it has less). `name` is what messages call the file.
//   InvalidArgument  not a .npy file.
//   Unimplemented    a version of the format other than 1.0, 2.0 and 3.0.
//   DataLoss         the file ends before that, or the header is longer than kMaxNpyHeaderBytes.
absl::StatusOr<Index> NpyHeaderSizeBytes(absl::string_view first_bytes, absl::string_view name);

// The header that `first_bytes`, the start of a file, holds; what follows the header is not looked
// at.
//   InvalidArgument  as NpyHeaderSizeBytes().
//   Unimplemented    as NpyHeaderSizeBytes(), and as DType::Parse(): a type of another machine, or
//                    of a
//   library
//                    beside numpy; the message says which, and what to save instead.
//   DataLoss  as NpyHeaderSizeBytes(), or `first_bytes` does not hold the whole header, or it is
//             not what numpy writes: not a dict, a key missing, unknown or twice, a wrong value, a
//             type that numpy has not, an array of more than kMaxArrayBytes.
absl::StatusOr<NpyHeader> ParseNpyHeader(absl::string_view first_bytes, absl::string_view name);

// Whether mpaio takes such an array: all but Python objects, as elements or in a field of them.
//   Unimplemented  it does not; the message says what the array is, and how to save one that is
//                  taken.
absl::Status CheckSupported(const NpyHeader& header, absl::string_view name);

// The header, magic string included, that numpy.save writes for a C-order array: byte for byte that
// of numpy 1.24 and later, 2.x included (older ones leave less room for the first extent to grow,
// and read it all the same). Of version 1, but where the text is too long (2) or not all Latin-1
// (3). Precondition: `shape` has at most kMaxDimensions extents.
std::string FormatNpyHeader(const DType& dtype, const std::vector<Index>& shape);

}  // namespace mpaio

#endif  // MPAIO_ARRAY_NPY_HEADER_H_
