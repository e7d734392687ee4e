// .npy files: reading slices of one, by many processes at once, and writing one whole or not at all.
#ifndef MPAIO_ARRAY_NPY_FILE_H_
#define MPAIO_ARRAY_NPY_FILE_H_

#include <cstddef>
#include <span>
#include <string>
#include <utility>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "mpaio/array/nd_view.h"
#include "mpaio/array/npy_header.h"
#include "mpaio/base/index.h"

namespace mpaio {

// A .npy file open for reading, of an array that mpaio takes. Owns its file descriptor; movable, not
// copyable. ReadInto() may be called by several threads at once, and several processes may read the same
// file.
class NpyFile {
 public:
  // Holds no file: only to be assigned to.
  NpyFile() = default;
  ~NpyFile() { Close(); }
  NpyFile(NpyFile&& other) noexcept;
  NpyFile& operator=(NpyFile&& other) noexcept;

  // Opens `path`, reads its header and checks that the file holds the data which the header promises.
  //   NotFound            there is no such file.
  //   PermissionDenied    it may not be read.
  //   InvalidArgument     not a regular file (a directory, a pipe, a device), or not a .npy file.
  //   Unimplemented       an array that mpaio does not take; see CheckSupported() in npy_header.h.
  //   DataLoss            the header is damaged, or the file is shorter than the header says.
  //   ResourceExhausted   too many files are open.
  static absl::StatusOr<NpyFile> Open(const std::string& path);

  const std::string& path() const { return path_; }
  const NpyHeader& header() const { return header_; }

  // Bytes of the file after the data. numpy.load ignores them, and so does this.
  Index trailing_bytes() const { return trailing_bytes_; }

  // Fills `destination` with the bytes of the data from `offset_bytes` on (0 is the first byte of the first
  // element). On failure its contents are unspecified.
  //   OutOfRange          [offset_bytes, offset_bytes + size) is not within [0, header().data_size_bytes].
  //   DataLoss            the file ended before, so it was cut while it was open; or the disk failed.
  //   ResourceExhausted   `destination` has no memory behind it: a shared memory segment larger than what
  //                       /dev/shm can hold.
  absl::Status ReadInto(Index offset_bytes, std::span<std::byte> destination) const;

 private:
  void Close();

  int fd_ = -1;
  std::string path_;
  NpyHeader header_;
  Index trailing_bytes_ = 0;
};

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

#endif  // MPAIO_ARRAY_NPY_FILE_H_
