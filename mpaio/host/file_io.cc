// SPDX-License-Identifier: Apache-2.0
#include "mpaio/host/file_io.h"

#include <fcntl.h>
#include <poll.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <system_error>

#include "absl/strings/str_cat.h"
#include "mpaio/host/open_files.h"

namespace mpaio {

absl::Status ErrnoStatus(int error, absl::string_view what) {
  const std::string message = absl::StrCat(what, ": ", std::system_category().message(error));
  switch (error) {
    case EIO:
      return absl::DataLossError(message);
    case ENOTDIR:
    case ENAMETOOLONG:
    case ELOOP:
    case ENXIO:  // open() of a socket
      return absl::InvalidArgumentError(message);
    case EMFILE:
      return absl::ResourceExhaustedError(absl::StrCat(
          message, ": this process may have ", OpenFileLimit(),
          " open; raise the limit (ulimit -n N; docker run --ulimit nofile=N), or name "
          "fewer files at once"));
    case ENFILE:
      return absl::ResourceExhaustedError(absl::StrCat(
          message, ": the whole system may open no more; raise the limit (sysctl fs.file-max)"));
    case EROFS:
      return absl::PermissionDeniedError(message);
    case EDQUOT:
    case EFBIG:
      return absl::ResourceExhaustedError(message);
    default:
      return absl::Status(absl::ErrnoToStatusCode(error), message);
  }
}

absl::string_view FileKind(mode_t mode) {
  if (S_ISDIR(mode)) return "a directory";
  if (S_ISFIFO(mode)) return "a pipe";
  if (S_ISSOCK(mode)) return "a socket";
  if (S_ISCHR(mode) || S_ISBLK(mode)) return "a device";
  return "a special file";
}

absl::StatusOr<OpenFile> OpenRegularFile(const std::string& path) {
  OpenFile file;
  // O_NONBLOCK: a pipe without a writer would block open() forever.
  file.fd = FileDescriptor(::open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK));
  if (!file.fd.is_open()) {
    const int error = errno;
    if (error == ENOENT)
      return absl::NotFoundError(absl::StrCat("there is no file ", path, "; check the path"));
    return ErrnoStatus(error, absl::StrCat("cannot open ", path));
  }
  struct stat status;
  if (::fstat(file.fd.get(), &status) != 0)
    return ErrnoStatus(errno, absl::StrCat("cannot open ", path));
  if (!S_ISREG(status.st_mode)) {
    return absl::InvalidArgumentError(absl::StrCat(
        path, " is ", FileKind(status.st_mode),
        ", not a file; give the name of a file, or '-' and the array on standard input"));
  }
  file.size_bytes = status.st_size;
  return file;
}

Index ReadAt(int fd, std::span<std::byte> to, Index offset_bytes) {
  const Index size_bytes = static_cast<Index>(to.size());
  Index done_bytes = 0;
  while (done_bytes < size_bytes) {
    const auto wanted =
        static_cast<std::size_t>(std::min(size_bytes - done_bytes, kMaxTransferBytes));
    const ssize_t got = ::pread(fd, to.data() + done_bytes, wanted, offset_bytes + done_bytes);
    if (got == 0) break;
    if (got > 0) {
      done_bytes += got;
    } else if (errno != EINTR) {
      return -errno;
    }
  }
  return done_bytes;
}

Index ReadNext(int fd, std::span<std::byte> to) {
  const Index size_bytes = static_cast<Index>(to.size());
  Index done_bytes = 0;
  while (done_bytes < size_bytes) {
    const auto wanted =
        static_cast<std::size_t>(std::min(size_bytes - done_bytes, kMaxTransferBytes));
    const ssize_t got = ::read(fd, to.data() + done_bytes, wanted);
    if (got == 0) break;
    if (got > 0) {
      done_bytes += got;
    } else if (errno == EAGAIN) {  // the file was made non-blocking
      struct pollfd ready = {fd, POLLIN, 0};
      ::poll(&ready, 1, -1);
    } else if (errno != EINTR) {
      return -errno;
    }
  }
  return done_bytes;
}

absl::Status ReadFailure(int error, const std::string& name, Index size_bytes) {
  if (error == EFAULT) {
    // The kernel had no page for the destination. A store to that page would have raised SIGBUS.
    return absl::ResourceExhaustedError(
        absl::StrCat("shared memory ran out while ", name, " was read: ", size_bytes,
                     " bytes were to be filled; enlarge /dev/shm or use more nodes"));
  }
  return ErrnoStatus(error, absl::StrCat("cannot read ", name));
}

absl::Status ReadWhole(int fd, const std::string& name, std::span<std::byte> to,
                       Index offset_bytes) {
  const Index size_bytes = static_cast<Index>(to.size());
  const Index got_bytes = ReadAt(fd, to, offset_bytes);
  if (got_bytes == size_bytes) return absl::OkStatus();
  if (got_bytes < 0) return ReadFailure(static_cast<int>(-got_bytes), name, size_bytes);
  return absl::DataLossError(
      absl::StrCat(name, " shrank while it was read: byte ", offset_bytes + got_bytes,
                   " no longer exists; make sure that no program writes it, and start again"));
}

absl::StatusOr<FileDescriptor> Duplicate(int fd, const std::string& name) {
  FileDescriptor duplicate(::fcntl(fd, F_DUPFD_CLOEXEC, 0));
  if (!duplicate.is_open()) return ErrnoStatus(errno, absl::StrCat("cannot read ", name));
  return duplicate;
}

absl::Status FlushDirectory(const std::string& directory) {
  const FileDescriptor fd(::open(directory.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
  // A directory cannot be flushed if this user may write but not read it. Some file systems cannot
  // flush directories at all.
  if (!fd.is_open()) return absl::OkStatus();
  const int error = ::fsync(fd.get()) == 0 ? 0 : errno;
  if (error == 0 || error == EINVAL || error == ENOTSUP || error == EROFS) return absl::OkStatus();
  return ErrnoStatus(error, absl::StrCat("cannot flush directory ", directory));
}

}  // namespace mpaio
