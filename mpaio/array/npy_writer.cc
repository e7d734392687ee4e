#include "mpaio/array/npy_writer.h"

#include <fcntl.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <climits>
#include <cstdlib>
#include <utility>

#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "absl/strings/string_view.h"
#include "mpaio/array/file_io.h"
#include "mpaio/array/npy_header.h"
#include "mpaio/base/status_macros.h"

namespace mpaio {
namespace {

constexpr mode_t kPermissionBits = 07777;

// Written bytes that are sent on to the disk at once. Waiting for fsync with that would leave the disk idle in the meantime.
constexpr Index kFlushBytes = Index{16} << 20;

// Writes the bytes [from, from + size_bytes) at `offset_bytes`. Returns 0 or errno.
int WriteAt(int fd, const void* from, Index size_bytes, Index offset_bytes) {
  Index done_bytes = 0;
  while (done_bytes < size_bytes) {
    const auto wanted = static_cast<std::size_t>(std::min(size_bytes - done_bytes, kFlushBytes));
    const ssize_t put =
        ::pwrite(fd, static_cast<const std::byte*>(from) + done_bytes, wanted, offset_bytes + done_bytes);
    if (put > 0) {
      // It only begins to write, and says nothing of errors that fsync will not say: so what it returns does not matter.
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

// Reserves room for a file of `size_bytes`, so as to run out of it before the writing rather than in it.
// Returns 0 or errno. Where the file system cannot reserve, what CheckTarget() found has to do.
int Reserve(int fd, Index size_bytes) {
  while (::fallocate(fd, 0, 0, size_bytes) != 0) {
    if (errno == EOPNOTSUPP || errno == ENOSYS) return 0;
    if (errno != EINTR) return errno;
  }
  return 0;
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

// The name of a file for a process that has it open; Linux's.
std::string OpenFileName(Index process, int fd) { return absl::StrCat("/proc/", process, "/fd/", fd); }

// A new file in the directory of the one it is to become. Gone unless Rename() succeeds.
class TemporaryFile {
 public:
  TemporaryFile() = default;
  ~TemporaryFile() {
    if (!path_.empty()) ::unlink(path_.c_str());
  }
  TemporaryFile(const TemporaryFile&) = delete;
  TemporaryFile& operator=(const TemporaryFile&) = delete;

  absl::Status Create(const Target& target) {
    fd_ = FileDescriptor(::open(target.directory.c_str(), O_TMPFILE | O_WRONLY | O_CLOEXEC, 0666));
    // Without /proc it would stay without a name.
    if (fd_.get() >= 0 && ::access(OpenFileName(::getpid(), fd_.get()).c_str(), F_OK) == 0) return absl::OkStatus();
    return WithName(target, [this](const std::string& path) {
      fd_ = FileDescriptor(::open(path.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0666));
      return fd_.get() >= 0;
    });
  }

  int fd() const { return fd_.get(); }

  // Puts the file in the place of `target`, for good: what was written is on the disk when it returns.
  absl::Status Rename(const Target& target) {
    if (::fsync(fd()) != 0) return ErrnoStatus(errno, absl::StrCat("cannot flush ", target.path));
    if (path_.empty()) {
      // A file gets a name only where there is none, so it goes by way of a temporary one.
      const std::string open_file = OpenFileName(::getpid(), fd());
      MPAIO_RETURN_IF_ERROR(WithName(target, [&open_file](const std::string& path) {
        return ::linkat(AT_FDCWD, open_file.c_str(), AT_FDCWD, path.c_str(), AT_SYMLINK_FOLLOW) == 0;
      }));
    }
    if (::rename(path_.c_str(), target.path.c_str()) != 0)
      return ErrnoStatus(errno, absl::StrCat("cannot rename ", path_, " to ", target.path));
    path_.clear();
    return absl::OkStatus();
  }

 private:
  // Calls `take` with names until it takes one; a name may be taken by another thread, or by a process of the
  // same id on another machine or long ago.
  template <typename F>
  absl::Status WithName(const Target& target, F&& take) {
    constexpr int kMaxAttempts = 1000;
    constexpr std::size_t kMaxNameBytes = NAME_MAX - 40;  // so that the suffix fits as well
    const std::string stem = absl::StrCat(target.directory, "/.", target.name.substr(0, kMaxNameBytes),
                                          ".tmp.", static_cast<Index>(::getpid()));
    for (int attempt = 0; attempt < kMaxAttempts; ++attempt) {
      std::string path = attempt == 0 ? stem : absl::StrCat(stem, ".", attempt);
      if (take(path)) {
        path_ = std::move(path);
        return absl::OkStatus();
      }
      if (errno != EEXIST) return ErrnoStatus(errno, absl::StrCat("cannot write ", target.path, " by way of ", path));
    }
    return absl::AlreadyExistsError(absl::StrCat(stem, " and ", kMaxAttempts - 1,
                                                 " such files are left from writers that died; remove them"));
  }

  FileDescriptor fd_;
  std::string path_;  // empty: it has none
};

absl::Status WriteFailure(int error, const std::string& path, Index size_bytes, const Target& target) {
  const Index available_bytes = error == ENOSPC ? AvailableBytes(target.directory) : -1;
  if (available_bytes >= 0) return NoRoom(path, size_bytes, available_bytes, target.directory);
  return ErrnoStatus(error, absl::StrCat("cannot write ", path));
}

// Of the file that is there, to be done before there is anything to read. A file system without permissions may refuse.
absl::Status KeepPermissions(const Target& target, int fd, const std::string& path) {
  if (!target.exists || ::fchmod(fd, target.permissions) == 0 || errno == EPERM) return absl::OkStatus();
  return ErrnoStatus(errno, absl::StrCat("cannot write ", path));
}

}  // namespace

absl::Status CheckWritable(const std::string& path, Index size_bytes) {
  MPAIO_ASSIGN_OR_RETURN(const Target target, FindTarget(path));
  return CheckTarget(target, path, size_bytes);
}

absl::Status WriteWhole(const std::string& path, absl::string_view bytes) {
  const Index size_bytes = static_cast<Index>(bytes.size());
  MPAIO_ASSIGN_OR_RETURN(const Target target, FindTarget(path));
  MPAIO_RETURN_IF_ERROR(CheckTarget(target, path, size_bytes));
  TemporaryFile file;
  MPAIO_RETURN_IF_ERROR(file.Create(target));
  MPAIO_RETURN_IF_ERROR(KeepPermissions(target, file.fd(), path));
  if (const int error = WriteAt(file.fd(), bytes.data(), size_bytes, 0); error != 0) return WriteFailure(error, path, size_bytes, target);
  MPAIO_RETURN_IF_ERROR(file.Rename(target));
  return FlushDirectory(target.directory);
}

struct NpyFile::State {
  absl::Status WriteFailure(int error) const { return mpaio::WriteFailure(error, path, file_bytes, target); }

  std::string path;  // as it was given
  Target target;
  Index header_bytes = 0;
  Index file_bytes = 0;
  TemporaryFile made;
  FileDescriptor attached;
  int fd = -1;  // of one of the two
};

NpyFile::NpyFile(std::unique_ptr<State> state) : state_(std::move(state)) {}
NpyFile::NpyFile(NpyFile&&) noexcept = default;
NpyFile& NpyFile::operator=(NpyFile&&) noexcept = default;
NpyFile::~NpyFile() = default;

absl::StatusOr<NpyFile> NpyFile::Create(const std::string& path, const DType& dtype,
                                        const std::vector<Index>& shape) {
  if (dtype.has_objects()) {
    return absl::InvalidArgumentError(
        absl::StrCat("cannot write ", path, ": Python objects can only be written by Python"));
  }
  MPAIO_ASSIGN_OR_RETURN(const Index data_bytes, ArraySizeBytes(dtype, shape));
  const std::string header = FormatNpyHeader(dtype, shape);
  auto state = std::make_unique<State>();
  state->path = path;
  state->header_bytes = static_cast<Index>(header.size());
  state->file_bytes = state->header_bytes + data_bytes;
  MPAIO_ASSIGN_OR_RETURN(state->target, FindTarget(path));
  MPAIO_RETURN_IF_ERROR(CheckTarget(state->target, path, state->file_bytes));
  MPAIO_RETURN_IF_ERROR(state->made.Create(state->target));
  const int fd = state->fd = state->made.fd();
  MPAIO_RETURN_IF_ERROR(KeepPermissions(state->target, fd, path));
  if (const int error = Reserve(fd, state->file_bytes); error != 0) return state->WriteFailure(error);
  if (::ftruncate(fd, state->file_bytes) != 0) return state->WriteFailure(errno);
  if (const int error = WriteAt(fd, header.data(), state->header_bytes, 0); error != 0)
    return state->WriteFailure(error);
  return NpyFile(std::move(state));
}

std::string NpyFile::address() const {
  return absl::StrCat(state_->header_bytes, " ", OpenFileName(::getpid(), state_->fd), " ", state_->path);
}

absl::StatusOr<NpyFile> NpyFile::Attach(const std::string& address) {
  auto state = std::make_unique<State>();
  const std::vector<std::string> words = absl::StrSplit(address, absl::MaxSplits(' ', 2));
  if (words.size() != 3 || !absl::SimpleAtoi(words[0], &state->header_bytes))
    return absl::InvalidArgumentError(absl::StrCat("'", address, "' is not the address of a file"));
  state->path = words[2];
  state->attached = FileDescriptor(::open(words[1].c_str(), O_WRONLY | O_CLOEXEC));
  if (state->attached.get() < 0) return ErrnoStatus(errno, absl::StrCat("cannot write ", state->path));
  state->fd = state->attached.get();
  return NpyFile(std::move(state));
}

absl::Status NpyFile::Write(Index offset_bytes, const std::byte* from, Index size_bytes) const {
  const int error = WriteAt(state_->fd, from, size_bytes, state_->header_bytes + offset_bytes);
  return error == 0 ? absl::OkStatus() : state_->WriteFailure(error);
}

absl::Status NpyFile::Commit() {
  MPAIO_RETURN_IF_ERROR(state_->made.Rename(state_->target));
  return FlushDirectory(state_->target.directory);
}

absl::Status WriteNpy(const std::string& path, const NdView& array) {
  if (array.data() == nullptr && array.size_bytes() > 0) {
    return absl::InvalidArgumentError(absl::StrCat("cannot write ", path, ": the data of ", array.ToString(),
                                                   " is not at hand in this process"));
  }
  MPAIO_ASSIGN_OR_RETURN(NpyFile file, NpyFile::Create(path, array.dtype(), array.shape()));
  MPAIO_RETURN_IF_ERROR(file.Write(0, array.data(), array.size_bytes()));
  return file.Commit();
}

}  // namespace mpaio
