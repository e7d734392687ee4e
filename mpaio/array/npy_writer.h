// Writing a .npy file, whole or not at all.
#ifndef MPAIO_ARRAY_NPY_WRITER_H_
#define MPAIO_ARRAY_NPY_WRITER_H_

#include <string>

#include "absl/status/status.h"
#include "mpaio/array/nd_view.h"
#include "mpaio/base/index.h"

namespace mpaio {

// Whether WriteNpy() could write a file of `size_bytes` to `path` now: to be asked before hours of work, not
// after. Leaves nothing behind.
//   NotFound            the directory does not exist.
//   InvalidArgument     `path` is empty, or is a directory or something else that is not a regular file.
//   PermissionDenied    the directory, or the file that is there, may not be written.
//   ResourceExhausted   there is no room for size_bytes, on the disk or under the limit of a file's size
//                       (ulimit -f).
absl::Status CheckWritable(const std::string& path, Index size_bytes);

// Writes `array` to `path`, byte for byte what numpy.save writes. The file appears whole, in the place of one
// that may have been there, or not at all: the bytes go to a temporary file in the same directory
// (".NAME.tmp.PID"), which is flushed to the disk, then renamed. A file that was there keeps its permissions;
// a symbolic link stays, and what it points to is written.
//   as CheckWritable()  with what there is when it is called.
//   InvalidArgument     `array` has bytes but no data(), or holds Python objects.
//   ResourceExhausted   the disk filled up in the meantime.
//   DataLoss            the disk failed.
absl::Status WriteNpy(const std::string& path, const NdView& array);

}  // namespace mpaio

#endif  // MPAIO_ARRAY_NPY_WRITER_H_
