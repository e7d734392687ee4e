// SPDX-License-Identifier: Apache-2.0
#include "mpaio/host/file_stamp.h"

#include <errno.h>
#include <sys/stat.h>

#include "absl/strings/str_cat.h"
#include "absl/strings/string_view.h"
#include "mpaio/base/status_macros.h"
#include "mpaio/host/file_io.h"

namespace mpaio {

absl::StatusOr<FileStamp> FileStamp::Of(int fd, const std::string& name) {
  struct stat now = {};
  if (::fstat(fd, &now) != 0) return ErrnoStatus(errno, absl::StrCat("cannot look at ", name));
  constexpr std::int64_t kNanoseconds = 1'000'000'000;
  FileStamp stamp;
  stamp.device_ = now.st_dev;
  stamp.inode_ = now.st_ino;
  stamp.size_bytes_ = now.st_size;
  // Not st_ctime: renaming or linking a file changes it, but not the contents.
  stamp.mtime_ns_ = std::int64_t{now.st_mtim.tv_sec} * kNanoseconds + now.st_mtim.tv_nsec;
  return stamp;
}

absl::Status FileStamp::CheckUnchanged(int fd, const std::string& name) const {
  const auto changed = [&name](absl::string_view how) {
    return absl::DataLossError(
        absl::StrCat(name, " ", how,
                     " while it was read; make sure that no program writes it, and start again"));
  };
  MPAIO_ASSIGN_OR_RETURN(const FileStamp now, Of(fd, name));
  if (now.size_bytes_ < size_bytes_) return changed("shrank");
  return now == *this ? absl::OkStatus() : changed("was written");
}

bool FileStamp::HasShrunk(int fd) const {
  const absl::StatusOr<FileStamp> now = Of(fd, "");
  return now.ok() && now->size_bytes_ < size_bytes_;
}

}  // namespace mpaio
