// SPDX-License-Identifier: Apache-2.0

// A file that is written under no name, or a temporary one, until it takes the place of another.
#ifndef MPAIO_ARRAY_TEMPORARY_FILE_H_
#define MPAIO_ARRAY_TEMPORARY_FILE_H_

#include <string>

#include "absl/status/status.h"
#include "absl/strings/string_view.h"
#include "mpaio/array/file_io.h"
#include "mpaio/array/write_target.h"
#include "mpaio/base/index.h"

namespace mpaio {

// The name of a file for a process that has it open; Linux's.
std::string OpenFileName(Index process, int fd);

// Writes the bytes [from, from + size_bytes) at `offset_bytes`. Returns 0 or errno.
int WriteAt(int fd, const void* from, Index size_bytes, Index offset_bytes);

// A new file in the temporary directory of a target. Without a name where the file system can do
// that (O_TMPFILE), so that it is gone with the process; else ".NAME.tmp.PID". Gone with this,
// unless Commit() is called.
class TemporaryFile {
 public:
  TemporaryFile() = default;
  ~TemporaryFile();
  TemporaryFile(const TemporaryFile&) = delete;
  TemporaryFile& operator=(const TemporaryFile&) = delete;

  // Errors: what the system says.
  absl::Status Create(const WriteTarget& target);

  // Open for reading and writing.
  int fd() const { return fd_.get(); }

  // Waits until what was written is on the disk. Returns 0 or errno.
  int Flush();

  // Puts the file in the place of `target`, the one that it was created for, or its contents into
  // it where that has to be in place. What was written is on the disk when it returns. Errors: what
  // the system says. The file is kept then, and the message says where.
  absl::Status Commit(const WriteTarget& target);

  // In place of Commit(): keeps the file under another name. Returns `why` with that name, or with
  // the reason for there being none.
  absl::Status Keep(const WriteTarget& target, const absl::Status& why);

 private:
  template <typename F>
  absl::Status WithName(const WriteTarget& target, const std::string& directory, F&& take);
  absl::Status GiveName(const WriteTarget& target);
  absl::Status Replace(const WriteTarget& target);
  absl::Status CopyInto(const WriteTarget& target) const;

  FileDescriptor fd_;
  std::string path_;  // empty: it has none
  bool is_whole_ = true;
};

}  // namespace mpaio

#endif  // MPAIO_ARRAY_TEMPORARY_FILE_H_
