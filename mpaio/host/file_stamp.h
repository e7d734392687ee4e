// SPDX-License-Identifier: Apache-2.0

// Whether a file has changed.
#ifndef MPAIO_HOST_FILE_STAMP_H_
#define MPAIO_HOST_FILE_STAMP_H_

#include <sys/types.h>

#include <cstdint>
#include <string>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "mpaio/base/index.h"

namespace mpaio {

// The identity of a file, its length, and the time of its last write, by which a later change is
// detected. Equal stamps mean that it is the same file, and that nobody has written it meanwhile,
// unless its clock is too coarse or somebody has set the time back. Renaming or linking a file does
// not change its stamp.
class FileStamp {
 public:
  FileStamp() = default;
  // Errors: system errors for the file `fd`, called `name`.
  static absl::StatusOr<FileStamp> Of(int fd, const std::string& name);

  Index size_bytes() const { return size_bytes_; }
  // Time of the last write, in nanoseconds since 1970.
  std::int64_t mtime_ns() const { return mtime_ns_; }

  // Returns DataLoss, with a message that says how, if the file `fd`, from which this stamp was
  // taken, has changed since; or the errors of Of().
  absl::Status CheckUnchanged(int fd, const std::string& name) const;
  bool HasShrunk(int fd) const;

  friend bool operator==(const FileStamp&, const FileStamp&) = default;

 private:
  dev_t device_ = 0;
  ino_t inode_ = 0;
  Index size_bytes_ = 0;
  std::int64_t mtime_ns_ = 0;
};

}  // namespace mpaio

#endif  // MPAIO_HOST_FILE_STAMP_H_
