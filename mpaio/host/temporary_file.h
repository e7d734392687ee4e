// SPDX-License-Identifier: Apache-2.0

// A file that has no name, or a temporary one, until it replaces another.
#ifndef MPAIO_HOST_TEMPORARY_FILE_H_
#define MPAIO_HOST_TEMPORARY_FILE_H_

#include <string>

#include "absl/status/status.h"
#include "absl/strings/string_view.h"
#include "mpaio/base/index.h"
#include "mpaio/host/file_io.h"
#include "mpaio/host/write_target.h"

namespace mpaio {

// Returns the path in Linux's /proc of the file that `process` (a process ID) has open as `fd`.
std::string OpenFileName(Index process, int fd);

// Writes the bytes [from, from + size_bytes) at `offset_bytes`. Returns 0 or errno.
int WriteAt(int fd, const void* from, Index size_bytes, Index offset_bytes);

// A new file in the temporary directory of a target. It has no name if the file system supports
// that (O_TMPFILE), so that it disappears with the process; otherwise it is ".NAME.tmp.PID". The
// destructor removes it, unless Commit() or Keep() was called.
class TemporaryFile {
 public:
  TemporaryFile() = default;
  ~TemporaryFile();
  TemporaryFile(const TemporaryFile&) = delete;
  TemporaryFile& operator=(const TemporaryFile&) = delete;

  // Errors: system errors.
  absl::Status Create(const WriteTarget& target);

  // Open for reading and writing.
  int fd() const { return fd_.get(); }

  // Waits until the written bytes are on the disk. Returns 0 or errno.
  int Flush();

  // Puts the file in the place of `target`, for which it was created, or copies its contents into
  // `target` if that has to be written in place. The contents are on the disk on return. Errors:
  // system errors. The file is kept then, and the message says where.
  absl::Status Commit(const WriteTarget& target);

  // Called instead of Commit(): keeps the file under another name. Returns `why` with that name
  // added to the message, or with the reason why the file could not be kept.
  absl::Status Keep(const WriteTarget& target, const absl::Status& why);

 private:
  template <typename F>
  absl::Status WithName(const WriteTarget& target, const std::string& directory, F&& take);
  absl::Status GiveName(const WriteTarget& target);
  absl::Status Replace(const WriteTarget& target);
  absl::Status CopyInto(const WriteTarget& target) const;

  FileDescriptor fd_;
  std::string path_;  // empty if the file has no name
  bool is_whole_ = true;
};

}  // namespace mpaio

#endif  // MPAIO_HOST_TEMPORARY_FILE_H_
