// SPDX-License-Identifier: Apache-2.0

// Reading files, in slices and as streams, with a Status for each errno.
#ifndef MPAIO_ARRAY_FILE_IO_H_
#define MPAIO_ARRAY_FILE_IO_H_

#include <sys/types.h>
#include <time.h>

#include <cstddef>
#include <span>
#include <string>
#include <utility>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "mpaio/base/index.h"

namespace mpaio {

// Linux transfers at most 2 GiB less a page at a time.
inline constexpr Index kMaxTransferBytes = Index{1} << 30;

// The Status of `error` (an errno) in the operation that `what` tells of ("cannot open x.npy").
absl::Status ErrnoStatus(int error, absl::string_view what);

// What `mode` is, if it is no regular file: "a directory", "a pipe", ...
absl::string_view FileKind(mode_t mode);

// An open file, closed when it goes. Null by default.
class FileDescriptor {
 public:
  FileDescriptor() = default;
  explicit FileDescriptor(int fd) : fd_(fd) {}
  ~FileDescriptor() { Close(); }
  FileDescriptor(FileDescriptor&& other) noexcept : fd_(std::exchange(other.fd_, -1)) {}
  FileDescriptor& operator=(FileDescriptor&& other) noexcept {
    if (this != &other) {
      Close();
      fd_ = std::exchange(other.fd_, -1);
    }
    return *this;
  }

  int get() const { return fd_; }

 private:
  void Close();

  int fd_ = -1;
};

// A regular file, open for reading, and how long it is now.
struct OpenFile {
  FileDescriptor fd;
  Index size_bytes = 0;
};

// Opens the regular file `path`.
//   NotFound            there is no such file.
//   PermissionDenied    it may not be read.
//   InvalidArgument     not a regular file: a directory, a pipe, a device.
//   ResourceExhausted   too many files are open.
absl::StatusOr<OpenFile> OpenRegularFile(const std::string& path);

// How long a file is, and when it was last written: to find out later whether it has been written
// since.
class FileStamp {
 public:
  FileStamp() = default;
  // Errors: what the system says of the file `fd`, called `name`.
  static absl::StatusOr<FileStamp> Of(int fd, const std::string& name);

  Index size_bytes() const { return size_bytes_; }

  // DataLoss, which says how it has changed, where the file is not as it was.
  absl::Status CheckUnchanged(int fd, const std::string& name) const;
  bool HasShrunk(int fd) const;

 private:
  Index size_bytes_ = 0;
  timespec written_ = {};
};

// Reads up to `to.size()` bytes at `offset_bytes`, and returns how many there were; fewer only at
// the end of the file. A failure is errno, negated.
Index ReadAt(int fd, std::span<std::byte> to, Index offset_bytes);

// The same from where the file is, which may be a pipe; waits for what is to come.
Index ReadNext(int fd, std::span<std::byte> to);

// The Status of a failure to read `size_bytes` of the file `name` into shared memory: `error` is an
// errno.
absl::Status ReadFailure(int error, const std::string& name, Index size_bytes);

// Fills `to` from what the regular file `fd`, called `name`, has at `offset_bytes`. Errors: those
// of ReadFailure; DataLoss where the file ends before.
absl::Status ReadWhole(int fd, const std::string& name, std::span<std::byte> to,
                       Index offset_bytes);

// Another descriptor of the file `fd`, called `name`, which is not passed on to other programs.
absl::StatusOr<FileDescriptor> Duplicate(int fd, const std::string& name);

// Brings to the disk which names are in `directory`, where that is possible. Errors: what the
// system says.
absl::Status FlushDirectory(const std::string& directory);

}  // namespace mpaio

#endif  // MPAIO_ARRAY_FILE_IO_H_
