// SPDX-License-Identifier: Apache-2.0
#include "mpaio/host/write_target.h"

#include <fcntl.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <filesystem>
#include <system_error>
#include <utility>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "mpaio/base/status_macros.h"
#include "mpaio/host/file_io.h"
#include "mpaio/host/temporary_file.h"
#include "mpaio/host/text_file.h"

namespace mpaio {
namespace {

constexpr mode_t kPermissionBits = 07777;

absl::StatusOr<WriteTarget> Locate(const std::string& path) {
  if (path.empty()) return absl::InvalidArgumentError("the path of the file to write is empty");
  WriteTarget target;
  // The file that a link names is created or replaced; the link stays.
  target.path = FollowLinks(path);
  struct stat status;
  if (::stat(target.path.c_str(), &status) == 0) {
    if (!S_ISREG(status.st_mode)) {
      return absl::InvalidArgumentError(absl::StrCat("cannot write ", path, ": it is ",
                                                     FileKind(status.st_mode),
                                                     "; give the name of a file"));
    }
    target.exists = true;
    target.permissions = status.st_mode & kPermissionBits;
  } else if (errno != ENOENT) {
    return ErrnoStatus(errno, absl::StrCat("cannot write ", path));
  }
  const std::size_t slash = target.path.rfind('/');
  target.name = slash == std::string::npos ? target.path : target.path.substr(slash + 1);
  target.directory = slash == std::string::npos ? "."
                     : slash == 0               ? "/"
                                                : target.path.substr(0, slash);
  // An existing path that ends in a slash is a directory, refused above.
  if (target.name.empty())
    return absl::NotFoundError(
        absl::StrCat("cannot write ", path, ": there is no such directory; create it first"));
  target.temporary_directory = target.directory;
  return target;
}

absl::Status CheckDirectory(const WriteTarget& target, const std::string& path) {
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
  return absl::OkStatus();
}

// Returns the line with the mount ID of `path`, or "" if the system does not report it. statx has
// the ID only from Linux 5.8 on; name_to_handle_at does not work on overlayfs.
std::string MountOf(const std::string& path) {
  const FileDescriptor file(::open(path.c_str(), O_PATH | O_CLOEXEC));
  const std::string text = TextOf(absl::StrCat("/proc/self/fdinfo/", file.get()));
  for (const absl::string_view line : absl::StrSplit(text, '\n')) {
    if (absl::StartsWith(line, "mnt_id:")) return std::string(line);
  }
  return "";
}

// Returns OK if a new file can replace `target`, else the reason.
absl::Status CheckReplaceable(const WriteTarget& target, const std::string& path) {
  if (::faccessat(AT_FDCWD, target.directory.c_str(), W_OK | X_OK, AT_EACCESS) != 0)
    return ErrnoStatus(errno, absl::StrCat("cannot write to directory ", target.directory));
  // A quota or a server may refuse a new file even with these permissions.
  MPAIO_RETURN_IF_ERROR(TemporaryFile().Create(target));
  if (!target.exists) return absl::OkStatus();
  // rename() fails on a mount point, but succeeds on every other file, so it cannot be tried.
  const std::string mount = MountOf(target.path);
  if (!mount.empty() && mount != MountOf(target.directory)) {
    return absl::FailedPreconditionError(
        absl::StrCat("cannot replace ", path, ": it is a mount point"));
  }
  // The same conditions forbid replacing and removing a file (a sticky directory, an immutable
  // file), and rmdir() checks them before it fails because the target is not a directory. It could
  // only remove something if an empty directory took the place of the file at this moment.
  if (::rmdir(target.path.c_str()) != 0 && errno == EPERM)
    return ErrnoStatus(EPERM, absl::StrCat("cannot replace ", path));
  return absl::OkStatus();
}

// Returns true if a file can be created in `directory`, and grow to `size_bytes`.
bool CanHoldFile(const WriteTarget& target, const std::string& directory, Index size_bytes) {
  WriteTarget elsewhere = target;
  elsewhere.temporary_directory = directory;
  const Index available_bytes = AvailableBytes(directory);
  return (available_bytes < 0 || available_bytes >= size_bytes) &&
         TemporaryFile().Create(elsewhere).ok();
}

// Checks that the existing file can be written, and finds a directory in which its contents can be
// gathered until then.
absl::Status PrepareInPlace(const absl::Status& why, const std::string& path, Index size_bytes,
                            WriteTarget* target) {
  // O_NONBLOCK: if a reader holds a lease on the file, do not wait for it now; CopyInto() will.
  const FileDescriptor file(::open(target->path.c_str(), O_WRONLY | O_CLOEXEC | O_NONBLOCK));
  if (file.get() < 0 && errno != EWOULDBLOCK) {
    const absl::Status in_place = ErrnoStatus(errno, "nor write it in place");
    return absl::Status(in_place.code(), absl::StrCat(why.message(), ", ", in_place.message()));
  }
  struct stat status;
  const Index available_bytes = AvailableBytes(target->path);
  if (::stat(target->path.c_str(), &status) == 0 && available_bytes >= 0) {
    // The file's own blocks are overwritten.
    const Index with_its_own_bytes = available_bytes + static_cast<Index>(status.st_blocks) * 512;
    if (with_its_own_bytes < size_bytes)
      return NoSpaceToWrite(path, size_bytes, with_its_own_bytes, path);
  }
  target->is_in_place = true;
  std::error_code error;
  const std::string temporary = std::filesystem::temp_directory_path(error).string();
  for (const std::string& directory : {target->directory, temporary}) {
    target->temporary_directory = directory;
    if (!directory.empty() && CanHoldFile(*target, directory, size_bytes)) return absl::OkStatus();
  }
  return absl::ResourceExhaustedError(absl::StrCat(
      why.message(), ", and neither ", target->directory, " nor ",
      temporary.empty() ? "the temporary directory" : temporary, " can hold a temporary file of ",
      size_bytes, " bytes; set TMPDIR to a directory that can"));
}

}  // namespace

absl::Status NoSpaceToWrite(const std::string& path, Index wanted_bytes, Index available_bytes,
                            absl::string_view where) {
  return absl::ResourceExhaustedError(
      absl::StrCat("no room for ", path, ": it takes ", wanted_bytes, " bytes, ", where,
                   " has room for ", available_bytes, "; make room or choose another place"));
}

Index AvailableBytes(const std::string& directory) {
  struct statvfs status;
  if (::statvfs(directory.c_str(), &status) != 0 || status.f_blocks == 0) return -1;
  return CheckedMultiply(static_cast<Index>(status.f_bavail), static_cast<Index>(status.f_frsize))
      .value_or(-1);
}

std::string FollowLinks(const std::string& path) {
  constexpr int kMaxLinks = 40;  // as many as the kernel follows
  std::string at = path;
  for (int link = 0; link < kMaxLinks; ++link) {
    std::error_code error;
    const std::filesystem::path to = std::filesystem::read_symlink(at, error);
    if (error) return at;  // not a link
    // operator/ returns an absolute right operand as it is.
    at = (std::filesystem::path(at).parent_path() / to).string();
  }
  return path;
}

absl::StatusOr<WriteTarget> FindWriteTarget(const std::string& path, Index size_bytes) {
  MPAIO_ASSIGN_OR_RETURN(WriteTarget target, Locate(path));
  MPAIO_RETURN_IF_ERROR(CheckDirectory(target, path));
  if (target.exists && ::faccessat(AT_FDCWD, target.path.c_str(), W_OK, AT_EACCESS) != 0) {
    return ErrnoStatus(errno, absl::StrCat("cannot write over ", path));
  }
  struct rlimit limit;
  if (::getrlimit(RLIMIT_FSIZE, &limit) == 0 && limit.rlim_cur != RLIM_INFINITY &&
      limit.rlim_cur < static_cast<rlim_t>(size_bytes)) {
    return NoSpaceToWrite(path, size_bytes, static_cast<Index>(limit.rlim_cur),
                          "the file-size limit (ulimit -f)");
  }
  if (const absl::Status replaceable = CheckReplaceable(target, path); !replaceable.ok()) {
    const bool is_forbidden =
        absl::IsPermissionDenied(replaceable) || absl::IsFailedPrecondition(replaceable);
    if (!target.exists || !is_forbidden) return replaceable;
    MPAIO_RETURN_IF_ERROR(PrepareInPlace(replaceable, path, size_bytes, &target));
    return target;
  }
  const Index available_bytes = AvailableBytes(target.directory);
  if (available_bytes >= 0 && available_bytes < size_bytes)
    return NoSpaceToWrite(path, size_bytes, available_bytes, target.directory);
  return target;
}

}  // namespace mpaio
