// SPDX-License-Identifier: Apache-2.0
#include "mpaio/format/npy_writer.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstdlib>
#include <filesystem>
#include <system_error>
#include <utility>

#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "absl/strings/string_view.h"
#include "mpaio/base/status_macros.h"
#include "mpaio/format/npy_header.h"
#include "mpaio/host/file_io.h"
#include "mpaio/host/temporary_file.h"
#include "mpaio/host/write_target.h"

namespace mpaio {
namespace {

// Reserves disk space for a file of `size_bytes`, so that a full disk is found before the writing
// rather than during it. Returns 0 or an errno. Does nothing if the file system cannot reserve
// space: then only FindWriteTarget() has checked the space.
int Reserve(int fd, Index size_bytes) {
  while (::fallocate(fd, 0, 0, size_bytes) != 0) {
    if (errno == EOPNOTSUPP || errno == ENOSYS) return 0;
    if (errno != EINTR) return errno;
  }
  return 0;
}

absl::Status WriteFailure(int error, const std::string& path, Index size_bytes,
                          const WriteTarget& target) {
  const Index available_bytes = error == ENOSPC ? AvailableBytes(target.temporary_directory) : -1;
  if (available_bytes >= 0)
    return NoSpaceToWrite(path, size_bytes, available_bytes, target.temporary_directory);
  return ErrnoStatus(error, absl::StrCat("cannot write ", path));
}

// Gives the new file the permissions of the file that it replaces, before it has any contents that
// others must not read. EPERM is ignored, because file systems without permissions return it.
absl::Status KeepPermissions(const WriteTarget& target, int fd, const std::string& path) {
  if (!target.exists || ::fchmod(fd, target.permissions) == 0 || errno == EPERM)
    return absl::OkStatus();
  return ErrnoStatus(errno, absl::StrCat("cannot write ", path));
}

}  // namespace

absl::Status CheckWritable(const std::string& path, Index size_bytes, bool* is_in_place) {
  MPAIO_ASSIGN_OR_RETURN(const WriteTarget target, FindWriteTarget(path, size_bytes));
  if (is_in_place != nullptr) *is_in_place = target.is_in_place;
  return absl::OkStatus();
}

absl::Status WriteWhole(const std::string& path, absl::string_view bytes) {
  const Index size_bytes = static_cast<Index>(bytes.size());
  MPAIO_ASSIGN_OR_RETURN(const WriteTarget target, FindWriteTarget(path, size_bytes));
  TemporaryFile file;
  MPAIO_RETURN_IF_ERROR(file.Create(target));
  MPAIO_RETURN_IF_ERROR(KeepPermissions(target, file.fd(), path));
  if (const int error = WriteAt(file.fd(), bytes.data(), size_bytes, 0); error != 0)
    return WriteFailure(error, path, size_bytes, target);
  return file.Commit(target);
}

struct NpyFile::State {
  absl::Status WriteFailure(int error) const {
    return mpaio::WriteFailure(error, path, file_bytes, target);
  }

  std::string path;  // as it was given
  WriteTarget target;
  Index header_bytes = 0;
  Index file_bytes = 0;
  TemporaryFile made;
  FileDescriptor attached;
  int fd = -1;  // that of `made` or `attached`
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
  MPAIO_ASSIGN_OR_RETURN(state->target, FindWriteTarget(path, state->file_bytes));
  MPAIO_RETURN_IF_ERROR(state->made.Create(state->target));
  const int fd = state->fd = state->made.fd();
  MPAIO_RETURN_IF_ERROR(KeepPermissions(state->target, fd, path));
  if (const int error = Reserve(fd, state->file_bytes); error != 0)
    return state->WriteFailure(error);
  if (::ftruncate(fd, state->file_bytes) != 0) return state->WriteFailure(errno);
  if (const int error = WriteAt(fd, header.data(), state->header_bytes, 0); error != 0)
    return state->WriteFailure(error);
  return NpyFile(std::move(state));
}

std::string NpyFile::address() const {
  return absl::StrCat(state_->header_bytes, " ", OpenFileName(::getpid(), state_->fd), " ",
                      state_->path);
}

absl::StatusOr<NpyFile> NpyFile::Attach(const std::string& address) {
  auto state = std::make_unique<State>();
  const std::vector<std::string> words = absl::StrSplit(address, absl::MaxSplits(' ', 2));
  if (words.size() != 3 || !absl::SimpleAtoi(words[0], &state->header_bytes))
    return absl::InvalidArgumentError(absl::StrCat("'", address, "' is not the address of a file"));
  state->path = words[2];
  state->attached = FileDescriptor(::open(words[1].c_str(), O_WRONLY | O_CLOEXEC));
  if (state->attached.get() < 0)
    return ErrnoStatus(errno, absl::StrCat("cannot write ", state->path));
  state->fd = state->attached.get();
  return NpyFile(std::move(state));
}

absl::Status NpyFile::Write(Index offset_bytes, const std::byte* from, Index size_bytes) const {
  const int error = WriteAt(state_->fd, from, size_bytes, state_->header_bytes + offset_bytes);
  return error == 0 ? absl::OkStatus() : state_->WriteFailure(error);
}

absl::Status NpyFile::Flush() {
  const int error = state_->made.Flush();
  return error == 0 ? absl::OkStatus() : state_->WriteFailure(error);
}

absl::Status NpyFile::Commit() { return state_->made.Commit(state_->target); }

absl::Status NpyFile::Keep(const absl::Status& why) {
  return state_->made.Keep(state_->target, why);
}

absl::StatusOr<NpyFile> WriteUncommitted(const std::string& path, const NdView& array) {
  if (array.data() == nullptr && array.size_bytes() > 0) {
    return absl::InvalidArgumentError(absl::StrCat("cannot write ", path, ": the data of ",
                                                   array.ToString(),
                                                   " is not at hand in this process"));
  }
  MPAIO_ASSIGN_OR_RETURN(NpyFile file, NpyFile::Create(path, array.dtype(), array.shape()));
  MPAIO_RETURN_IF_ERROR(file.Write(0, array.data(), array.size_bytes()));
  return file;
}

absl::Status WriteNpy(const std::string& path, const NdView& array) {
  MPAIO_ASSIGN_OR_RETURN(NpyFile file, WriteUncommitted(path, array));
  return file.Commit();
}

namespace {

// Writes `array` to a new temporary directory, and returns the path of the file.
absl::StatusOr<std::string> WriteElsewhere(const std::string& path, const NdView& array) {
  std::error_code error;
  const std::string temporary = std::filesystem::temp_directory_path(error).string();
  if (error) return ErrnoStatus(error.value(), "cannot find the temporary directory");
  std::string directory = temporary + "/mpaio.XXXXXX";
  if (::mkdtemp(directory.data()) == nullptr)
    return ErrnoStatus(errno, absl::StrCat("cannot make ", directory));
  const std::string elsewhere =
      absl::StrCat(directory, "/", std::filesystem::path(path).filename().string());
  const absl::Status written = WriteNpy(elsewhere, array);
  if (written.ok()) return elsewhere;
  ::rmdir(directory.c_str());
  return written;
}

}  // namespace

absl::Status KeepNpy(const std::string& path, const NdView& array, const absl::Status& why) {
  const absl::StatusOr<std::string> elsewhere = WriteElsewhere(path, array);
  return absl::Status(
      why.code(),
      elsewhere.ok() ? absl::StrCat(why.message(), "; the result is in ", *elsewhere,
                                    ", whole: put it in its place yourself")
                     : absl::StrCat(why.message(), "; the result cannot be kept elsewhere either: ",
                                    elsewhere.status().message()));
}

}  // namespace mpaio
