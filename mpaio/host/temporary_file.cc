// SPDX-License-Identifier: Apache-2.0
#include "mpaio/host/temporary_file.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <climits>
#include <cstddef>
#include <filesystem>
#include <span>
#include <system_error>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "mpaio/base/status_macros.h"

namespace mpaio {
namespace {

// The transfer to the disk starts after each piece of this many bytes. If it started with fsync,
// the disk would be idle until then.
constexpr Index kFlushBytes = Index{16} << 20;
constexpr Index kCopyBytes = Index{1} << 20;

// Replaces the contents of the file `to` by those of the file `from`, and flushes them. Returns 0
// or errno.
int Copy(int from, int to) {
  std::vector<std::byte> buffer(static_cast<std::size_t>(kCopyBytes));
  Index done_bytes = 0;
  while (true) {
    const Index got_bytes = ReadAt(from, buffer, done_bytes);
    if (got_bytes < 0) return static_cast<int>(-got_bytes);
    if (got_bytes == 0) break;
    if (const int error = WriteAt(to, buffer.data(), got_bytes, done_bytes); error != 0)
      return error;
    done_bytes += got_bytes;
  }
  if (::ftruncate(to, done_bytes) != 0) return errno;
  return ::fsync(to) == 0 ? 0 : errno;
}

}  // namespace

std::string OpenFileName(Index process, int fd) {
  return absl::StrCat("/proc/", process, "/fd/", fd);
}

int WriteAt(int fd, const void* from, Index size_bytes, Index offset_bytes) {
  Index done_bytes = 0;
  while (done_bytes < size_bytes) {
    const auto wanted = static_cast<std::size_t>(std::min(size_bytes - done_bytes, kFlushBytes));
    const ssize_t put = ::pwrite(fd, static_cast<const std::byte*>(from) + done_bytes, wanted,
                                 offset_bytes + done_bytes);
    if (put > 0) {
      // This only starts the writing. Its result does not matter: fsync reports every error.
      (void)::sync_file_range(fd, offset_bytes + done_bytes, put, SYNC_FILE_RANGE_WRITE);
      done_bytes += put;
    } else if (put == 0) {
      return EIO;
    } else if (errno != EINTR) {
      return errno;
    }
  }
  return 0;
}

TemporaryFile::~TemporaryFile() {
  if (!path_.empty()) ::unlink(path_.c_str());
}

// Calls `take` with one name after the other until it returns true; if it returns false, it leaves
// the reason in errno. A name may be in use by another thread, by a process of the same ID on
// another machine, or by an earlier process.
template <typename F>
absl::Status TemporaryFile::WithName(const WriteTarget& target, const std::string& directory,
                                     F&& take) {
  constexpr int kMaxAttempts = 1000;
  constexpr std::size_t kMaxNameBytes = NAME_MAX - 40;  // so that the suffix fits as well
  const std::string stem = absl::StrCat(directory, "/.", target.name.substr(0, kMaxNameBytes),
                                        ".tmp.", static_cast<Index>(::getpid()));
  for (int attempt = 0; attempt < kMaxAttempts; ++attempt) {
    std::string path = attempt == 0 ? stem : absl::StrCat(stem, ".", attempt);
    if (take(path)) {
      path_ = std::move(path);
      return absl::OkStatus();
    }
    if (errno != EEXIST)
      return ErrnoStatus(errno, absl::StrCat("cannot write ", target.path, " by way of ", path));
  }
  return absl::AlreadyExistsError(absl::StrCat(
      stem, " and ", kMaxAttempts - 1, " such files are left from writers that died; remove them"));
}

absl::Status TemporaryFile::Create(const WriteTarget& target) {
  const std::string& directory = target.temporary_directory;
  fd_ = FileDescriptor(::open(directory.c_str(), O_TMPFILE | O_RDWR | O_CLOEXEC, 0666));
  // Without /proc the file could not get a name later.
  if (fd_.get() >= 0 && ::access(OpenFileName(::getpid(), fd_.get()).c_str(), F_OK) == 0)
    return absl::OkStatus();
  return WithName(target, directory, [this](const std::string& path) {
    fd_ = FileDescriptor(::open(path.c_str(), O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, 0666));
    return fd_.get() >= 0;
  });
}

absl::Status TemporaryFile::GiveName(const WriteTarget& target) {
  if (!path_.empty()) return absl::OkStatus();
  const std::string open_file = OpenFileName(::getpid(), fd());
  return WithName(target, target.temporary_directory, [&open_file](const std::string& path) {
    return ::linkat(AT_FDCWD, open_file.c_str(), AT_FDCWD, path.c_str(), AT_SYMLINK_FOLLOW) == 0;
  });
}

absl::Status TemporaryFile::Replace(const WriteTarget& target) {
  // An append-only directory permits no rename, so a free name is linked directly.
  const std::string open_file = OpenFileName(::getpid(), fd());
  if (path_.empty() && !target.exists &&
      ::linkat(AT_FDCWD, open_file.c_str(), AT_FDCWD, target.path.c_str(), AT_SYMLINK_FOLLOW) ==
          0) {
    return absl::OkStatus();
  }
  // A link cannot replace an existing name, so the file gets a temporary name first.
  MPAIO_RETURN_IF_ERROR(GiveName(target));
  if (::rename(path_.c_str(), target.path.c_str()) != 0)
    return ErrnoStatus(errno, absl::StrCat("cannot rename ", path_, " to ", target.path));
  path_.clear();
  return absl::OkStatus();
}

absl::Status TemporaryFile::CopyInto(const WriteTarget& target) const {
  const FileDescriptor file(::open(target.path.c_str(), O_WRONLY | O_CLOEXEC));
  if (file.get() < 0)
    return ErrnoStatus(errno, absl::StrCat("cannot write ", target.path, " in place"));
  const int error = Copy(fd(), file.get());
  if (error == 0) return absl::OkStatus();
  return ErrnoStatus(error,
                     absl::StrCat(target.path, " could not be written in full, and is damaged"));
}

absl::Status TemporaryFile::Keep(const WriteTarget& target, const absl::Status& why) {
  const auto with = [&why](absl::string_view what) {
    return absl::Status(why.code(), absl::StrCat(why.message(), "; ", what));
  };
  absl::Status kept = GiveName(target);
  if (!kept.ok()) {
    // The directory may be gone, or full.
    std::error_code error;
    const std::string directory = std::filesystem::temp_directory_path(error).string();
    FileDescriptor copy;
    kept = WithName(target, error ? "." : directory, [&copy](const std::string& path) {
      copy = FileDescriptor(::open(path.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600));
      return copy.get() >= 0;
    });
    if (kept.ok()) {
      const int failure = Copy(fd(), copy.get());
      if (failure != 0) kept = ErrnoStatus(failure, absl::StrCat("cannot write ", path_));
    }
  }
  if (!kept.ok())
    return with(absl::StrCat("the result cannot be kept elsewhere either: ", kept.message()));
  return with(absl::StrCat("the result is in ", std::exchange(path_, ""),
                           is_whole_ ? ", whole: put it in its place yourself"
                                     : ", but the disk may not hold all of it"));
}

int TemporaryFile::Flush() {
  if (::fsync(fd()) == 0) return 0;
  is_whole_ = false;
  return errno;
}

absl::Status TemporaryFile::Commit(const WriteTarget& target) {
  if (const int error = Flush(); error != 0)
    return Keep(target, ErrnoStatus(error, absl::StrCat("cannot flush ", target.path)));
  const absl::Status put = target.is_in_place ? CopyInto(target) : Replace(target);
  if (!put.ok()) return Keep(target, put);
  return target.is_in_place ? absl::OkStatus() : FlushDirectory(target.directory);
}

}  // namespace mpaio
