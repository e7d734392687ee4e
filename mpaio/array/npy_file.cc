#include "mpaio/array/npy_file.h"

#include <fcntl.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <climits>
#include <cstdlib>
#include <system_error>
#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/strings/string_view.h"
#include "mpaio/base/status_macros.h"

namespace mpaio {
namespace {

// Linux transfers at most 2 GiB less a page at a time.
constexpr Index kMaxTransferBytes = Index{1} << 30;
// Enough for the header of any simple type.
constexpr Index kFirstReadBytes = 4096;
constexpr mode_t kPermissionBits = 07777;

std::string ErrorText(int error) { return std::system_category().message(error); }

// `error` of the operation that `what` tells of ("cannot open x.npy").
absl::Status ErrnoStatus(int error, absl::string_view what) {
  const std::string message = absl::StrCat(what, ": ", ErrorText(error));
  switch (error) {
    case EIO:
      return absl::DataLossError(message);
    case ENOTDIR:
    case ENAMETOOLONG:
    case ELOOP:
    case ENXIO:  // of a socket
      return absl::InvalidArgumentError(message);
    case EROFS:
      return absl::PermissionDeniedError(message);
    case EDQUOT:
    case EFBIG:
      return absl::ResourceExhaustedError(message);
    default:
      return absl::Status(absl::ErrnoToStatusCode(error), message);
  }
}

// What `mode` is, if it is no regular file.
absl::string_view FileKind(mode_t mode) {
  if (S_ISDIR(mode)) return "a directory";
  if (S_ISFIFO(mode)) return "a pipe";
  if (S_ISSOCK(mode)) return "a socket";
  if (S_ISCHR(mode) || S_ISBLK(mode)) return "a device";
  return "a special file";
}

// Reads up to `size_bytes` bytes at `offset_bytes`, and returns how many there were; fewer only at the end of
// the file. A failure is errno, negated.
Index ReadAt(int fd, std::byte* to, Index size_bytes, Index offset_bytes) {
  Index done_bytes = 0;
  while (done_bytes < size_bytes) {
    const auto wanted = static_cast<std::size_t>(std::min(size_bytes - done_bytes, kMaxTransferBytes));
    const ssize_t got = ::pread(fd, to + done_bytes, wanted, offset_bytes + done_bytes);
    if (got == 0) break;
    if (got > 0) {
      done_bytes += got;
    } else if (errno != EINTR) {
      return -errno;
    }
  }
  return done_bytes;
}

// Writes the bytes [from, from + size_bytes) at `offset_bytes`. Returns 0 or errno.
int WriteAt(int fd, const void* from, Index size_bytes, Index offset_bytes) {
  Index done_bytes = 0;
  while (done_bytes < size_bytes) {
    const auto wanted = static_cast<std::size_t>(std::min(size_bytes - done_bytes, kMaxTransferBytes));
    const ssize_t put =
        ::pwrite(fd, static_cast<const std::byte*>(from) + done_bytes, wanted, offset_bytes + done_bytes);
    if (put > 0) {
      done_bytes += put;
    } else if (put == 0) {
      return EIO;
    } else if (errno != EINTR) {
      return errno;
    }
  }
  return 0;
}

// Reserves room for a file of `size_bytes`, so as to run out of it before the writing rather than in it.
// Returns 0 or errno. Where the file system cannot reserve, what CheckTarget() found has to do.
int Reserve(int fd, Index size_bytes) {
  while (::fallocate(fd, 0, 0, size_bytes) != 0) {
    if (errno == EOPNOTSUPP || errno == ENOSYS) return 0;
    if (errno != EINTR) return errno;
  }
  return 0;
}

// The header of the open file `fd`, called `path` in messages, of `file_size_bytes`.
absl::StatusOr<NpyHeader> ReadHeader(int fd, const std::string& path, Index file_size_bytes) {
  std::string start;
  const auto read_start = [&](Index size_bytes) -> absl::Status {
    start.resize(static_cast<std::size_t>(size_bytes));
    const Index got_bytes = ReadAt(fd, reinterpret_cast<std::byte*>(start.data()), size_bytes, 0);
    if (got_bytes < 0) return ErrnoStatus(static_cast<int>(-got_bytes), absl::StrCat("cannot read ", path));
    start.resize(static_cast<std::size_t>(got_bytes));
    return absl::OkStatus();
  };
  MPAIO_RETURN_IF_ERROR(read_start(std::min(kFirstReadBytes, file_size_bytes)));
  MPAIO_ASSIGN_OR_RETURN(const Index header_bytes, NpyHeaderSizeBytes(start, path));
  if (header_bytes > static_cast<Index>(start.size())) MPAIO_RETURN_IF_ERROR(read_start(header_bytes));
  return ParseNpyHeader(start, path);
}

// Where a path leads: the file that is there, if any, and the directory that a new one would be made in.
struct Target {
  std::string path;  // with a symbolic link followed
  std::string directory;
  std::string name;
  bool exists = false;
  mode_t permissions = 0;  // of what exists
};

absl::StatusOr<Target> FindTarget(const std::string& path) {
  if (path.empty()) return absl::InvalidArgumentError("the path of the file to write is empty");
  Target target;
  target.path = path;
  struct stat status;
  if (::lstat(path.c_str(), &status) == 0 && S_ISLNK(status.st_mode)) {
    char* const real_path = ::realpath(path.c_str(), nullptr);
    if (real_path == nullptr)
      return ErrnoStatus(errno, absl::StrCat("cannot write ", path, ", a symbolic link that leads nowhere"));
    target.path = real_path;
    std::free(real_path);
  }
  if (::stat(target.path.c_str(), &status) == 0) {
    if (!S_ISREG(status.st_mode)) {
      return absl::InvalidArgumentError(absl::StrCat("cannot write ", path, ": it is ",
                                                     FileKind(status.st_mode), "; give the name of a file"));
    }
    target.exists = true;
    target.permissions = status.st_mode & kPermissionBits;
  } else if (errno != ENOENT) {
    return ErrnoStatus(errno, absl::StrCat("cannot write ", path));
  }
  const std::size_t slash = target.path.rfind('/');
  target.name = slash == std::string::npos ? target.path : target.path.substr(slash + 1);
  target.directory = slash == std::string::npos ? "." : slash == 0 ? "/" : target.path.substr(0, slash);
  // A path that ends in a slash and exists is a directory, and refused above.
  if (target.name.empty())
    return absl::NotFoundError(
        absl::StrCat("cannot write ", path, ": there is no such directory; create it first"));
  return target;
}

absl::Status NoRoom(const std::string& path, Index wanted_bytes, Index available_bytes,
                    absl::string_view where) {
  return absl::ResourceExhaustedError(absl::StrCat("no room for ", path, ": it takes ", wanted_bytes,
                                                   " bytes, ", where, " has room for ", available_bytes,
                                                   "; make room or choose another place"));
}

// Bytes that may still be written to the file system of `directory`, or -1 if it does not tell.
Index AvailableBytes(const std::string& directory) {
  struct statvfs status;
  if (::statvfs(directory.c_str(), &status) != 0 || status.f_blocks == 0) return -1;
  return CheckedMultiply(static_cast<Index>(status.f_bavail), static_cast<Index>(status.f_frsize))
      .value_or(-1);
}

absl::Status CheckTarget(const Target& target, const std::string& path, Index size_bytes) {
  struct stat status;
  if (::stat(target.directory.c_str(), &status) != 0) {
    if (errno != ENOENT) return ErrnoStatus(errno, absl::StrCat("cannot write ", path));
    return absl::NotFoundError(absl::StrCat("cannot write ", path, ": directory ", target.directory,
                                            " does not exist; create it first"));
  }
  if (!S_ISDIR(status.st_mode)) {
    return absl::InvalidArgumentError(
        absl::StrCat("cannot write ", path, ": ", target.directory, " is not a directory"));
  }
  if (::faccessat(AT_FDCWD, target.directory.c_str(), W_OK | X_OK, AT_EACCESS) != 0) {
    return ErrnoStatus(errno, absl::StrCat("cannot write to directory ", target.directory));
  }
  if (target.exists && ::faccessat(AT_FDCWD, target.path.c_str(), W_OK, AT_EACCESS) != 0) {
    return ErrnoStatus(errno, absl::StrCat("cannot write over ", path));
  }
  struct rlimit limit;
  if (::getrlimit(RLIMIT_FSIZE, &limit) == 0 && limit.rlim_cur != RLIM_INFINITY &&
      limit.rlim_cur < static_cast<rlim_t>(size_bytes)) {
    return NoRoom(path, size_bytes, static_cast<Index>(limit.rlim_cur),
                  "the limit of a file's size (ulimit -f)");
  }
  const Index available_bytes = AvailableBytes(target.directory);
  if (available_bytes >= 0 && available_bytes < size_bytes)
    return NoRoom(path, size_bytes, available_bytes, target.directory);
  return absl::OkStatus();
}

// A new file beside the one it is to become. Removed unless Rename() succeeds.
class TemporaryFile {
 public:
  TemporaryFile() = default;
  ~TemporaryFile() {
    if (fd_ >= 0) ::close(fd_);
    if (!path_.empty()) ::unlink(path_.c_str());
  }
  TemporaryFile(const TemporaryFile&) = delete;
  TemporaryFile& operator=(const TemporaryFile&) = delete;

  absl::Status Create(const Target& target) {
    constexpr int kMaxAttempts = 1000;
    constexpr std::size_t kMaxNameBytes = NAME_MAX - 40;  // so that the suffix fits as well
    const std::string stem = absl::StrCat(target.directory, "/.", target.name.substr(0, kMaxNameBytes),
                                          ".tmp.", static_cast<Index>(::getpid()));
    for (int attempt = 0; attempt < kMaxAttempts; ++attempt) {
      // The name may be taken: by another thread, or by a process of the same id on another machine or long
      // ago.
      std::string path = attempt == 0 ? stem : absl::StrCat(stem, ".", attempt);
      fd_ = ::open(path.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0666);
      if (fd_ >= 0) {
        path_ = std::move(path);
        return absl::OkStatus();
      }
      if (errno != EEXIST) return ErrnoStatus(errno, absl::StrCat("cannot create ", path));
    }
    return absl::AlreadyExistsError(absl::StrCat(stem, " and ", kMaxAttempts - 1,
                                                 " such files are left from writers that died; remove them"));
  }

  int fd() const { return fd_; }

  // Puts the file in the place of `target`, for good: what was written is on the disk when it returns.
  absl::Status Rename(const Target& target) {
    if (::fsync(fd_) != 0) return ErrnoStatus(errno, absl::StrCat("cannot flush ", path_));
    if (::close(std::exchange(fd_, -1)) != 0) return ErrnoStatus(errno, absl::StrCat("cannot close ", path_));
    if (::rename(path_.c_str(), target.path.c_str()) != 0)
      return ErrnoStatus(errno, absl::StrCat("cannot rename ", path_, " to ", target.path));
    path_.clear();
    return absl::OkStatus();
  }

 private:
  int fd_ = -1;
  std::string path_;
};

absl::Status FlushDirectory(const std::string& directory) {
  const int fd = ::open(directory.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
  // A directory that may be written but not read cannot be flushed; nor can some file systems do it.
  if (fd < 0) return absl::OkStatus();
  const int error = ::fsync(fd) == 0 ? 0 : errno;
  ::close(fd);
  if (error == 0 || error == EINVAL || error == ENOTSUP || error == EROFS) return absl::OkStatus();
  return ErrnoStatus(error, absl::StrCat("cannot flush directory ", directory));
}

}  // namespace

NpyFile::NpyFile(NpyFile&& other) noexcept
    : fd_(std::exchange(other.fd_, -1)),
      path_(std::move(other.path_)),
      header_(std::move(other.header_)),
      trailing_bytes_(std::exchange(other.trailing_bytes_, 0)) {}

NpyFile& NpyFile::operator=(NpyFile&& other) noexcept {
  if (this == &other) return *this;
  Close();
  fd_ = std::exchange(other.fd_, -1);
  path_ = std::move(other.path_);
  header_ = std::move(other.header_);
  trailing_bytes_ = std::exchange(other.trailing_bytes_, 0);
  return *this;
}

void NpyFile::Close() {
  if (fd_ >= 0) ::close(std::exchange(fd_, -1));
}

absl::StatusOr<NpyFile> NpyFile::Open(const std::string& path) {
  NpyFile file;
  file.path_ = path;
  // A pipe without a writer would block an open() for ever.
  file.fd_ = ::open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK);
  if (file.fd_ < 0) {
    const int error = errno;
    if (error == ENOENT)
      return absl::NotFoundError(absl::StrCat("there is no file ", path, "; check the path"));
    return ErrnoStatus(error, absl::StrCat("cannot open ", path));
  }
  struct stat status;
  if (::fstat(file.fd_, &status) != 0) return ErrnoStatus(errno, absl::StrCat("cannot open ", path));
  if (!S_ISREG(status.st_mode)) {
    return absl::InvalidArgumentError(
        absl::StrCat(path, " is ", FileKind(status.st_mode),
                     ", not a .npy file; copy what it gives into a file, and give that"));
  }
  const Index file_size_bytes = status.st_size;
  MPAIO_ASSIGN_OR_RETURN(file.header_, ReadHeader(file.fd_, path, file_size_bytes));
  MPAIO_RETURN_IF_ERROR(CheckSupported(file.header_, path));
  const Index held_bytes = file_size_bytes - file.header_.data_offset;
  if (held_bytes < file.header_.data_size_bytes) {
    return absl::DataLossError(absl::StrCat(path, " is truncated: its header promises ",
                                            file.header_.data_size_bytes, " bytes of data, the file holds ",
                                            held_bytes, "; copy it again"));
  }
  file.trailing_bytes_ = held_bytes - file.header_.data_size_bytes;
  return file;
}

absl::Status NpyFile::ReadInto(Index offset_bytes, std::span<std::byte> destination) const {
  const Index size_bytes = static_cast<Index>(destination.size());
  if (offset_bytes < 0 || offset_bytes > header_.data_size_bytes ||
      size_bytes > header_.data_size_bytes - offset_bytes) {
    return absl::OutOfRangeError(absl::StrCat("bytes ", offset_bytes, " and the ", size_bytes,
                                              " from there are not all within the ", header_.data_size_bytes,
                                              " bytes of data of ", path_));
  }
  const Index got_bytes = ReadAt(fd_, destination.data(), size_bytes, header_.data_offset + offset_bytes);
  if (got_bytes == size_bytes) return absl::OkStatus();
  if (got_bytes >= 0) {
    return absl::DataLossError(absl::StrCat(path_, " shrank while it was read: it ends at byte ",
                                            header_.data_offset + offset_bytes + got_bytes,
                                            "; let nothing write it, and start again"));
  }
  const int error = static_cast<int>(-got_bytes);
  if (error == EFAULT) {
    // The kernel could not put a page under the destination. Touching that page would have been a SIGBUS.
    return absl::ResourceExhaustedError(
        absl::StrCat("shared memory ran out while ", path_, " was read: ", size_bytes,
                     " bytes were to be filled; enlarge /dev/shm or use more nodes"));
  }
  return ErrnoStatus(error, absl::StrCat("cannot read ", path_));
}

absl::Status CheckWritable(const std::string& path, Index size_bytes) {
  MPAIO_ASSIGN_OR_RETURN(const Target target, FindTarget(path));
  return CheckTarget(target, path, size_bytes);
}

absl::Status WriteNpy(const std::string& path, const NdView& array) {
  const Index data_bytes = array.size_bytes();
  if (array.data() == nullptr && data_bytes > 0) {
    return absl::InvalidArgumentError(absl::StrCat("cannot write ", path, ": the data of ", array.ToString(),
                                                   " is not at hand in this process"));
  }
  if (array.dtype().kind() == DType::Kind::kObject) {
    return absl::InvalidArgumentError(
        absl::StrCat("cannot write ", path, ": Python objects can only be written by Python"));
  }
  const std::string header = FormatNpyHeader(array.dtype(), array.shape());
  const Index header_bytes = static_cast<Index>(header.size());
  const Index file_bytes = header_bytes + data_bytes;
  MPAIO_ASSIGN_OR_RETURN(const Target target, FindTarget(path));
  MPAIO_RETURN_IF_ERROR(CheckTarget(target, path, file_bytes));

  TemporaryFile file;
  MPAIO_RETURN_IF_ERROR(file.Create(target));
  const auto failure = [&](int error) -> absl::Status {
    const Index available_bytes = AvailableBytes(target.directory);
    if (error == ENOSPC && available_bytes >= 0)
      return NoRoom(path, file_bytes, available_bytes, target.directory);
    return ErrnoStatus(error, absl::StrCat("cannot write ", path));
  };
  // Before there is anything to read. A file system without permissions may refuse.
  if (target.exists && ::fchmod(file.fd(), target.permissions) != 0 && errno != EPERM) return failure(errno);
  if (const int error = Reserve(file.fd(), file_bytes); error != 0) return failure(error);
  if (const int error = WriteAt(file.fd(), header.data(), header_bytes, 0); error != 0) return failure(error);
  if (const int error = WriteAt(file.fd(), array.data(), data_bytes, header_bytes); error != 0)
    return failure(error);
  MPAIO_RETURN_IF_ERROR(file.Rename(target));
  return FlushDirectory(target.directory);
}

}  // namespace mpaio
