// SPDX-License-Identifier: Apache-2.0
#include "mpaio/format/stream_array.h"

#include <fcntl.h>
#include <unistd.h>

#include <utility>

#include "absl/strings/str_cat.h"

namespace mpaio {
namespace {

constexpr char kCannotBeMapped[] = "it comes through a pipe";

}  // namespace

absl::StatusOr<FileDescriptor> TakeStandardInput() {
  static std::atomic<bool> taken = false;
  if (::fcntl(STDIN_FILENO, F_GETFD) < 0)
    return absl::InvalidArgumentError("standard input is closed; give the name of a file");
  if (::isatty(STDIN_FILENO) == 1)
    return absl::InvalidArgumentError(
        "standard input is a terminal; send an array to it, or give the name of a file");
  if (taken.exchange(true)) {
    return absl::FailedPreconditionError(
        "standard input has been read already, and holds only one array; save the others to files");
  }
  return Duplicate(STDIN_FILENO, kStandardInputName);
}

absl::StatusOr<Index> ReadSomeOfStream(int fd, const std::string& name, std::span<std::byte> to) {
  const Index got_bytes = ReadNext(fd, to);
  if (got_bytes < 0)
    return ReadFailure(static_cast<int>(-got_bytes), name, static_cast<Index>(to.size()));
  return got_bytes;
}

StreamArray::StreamArray(std::string name, FileDescriptor fd, ArrayLayout layout,
                         absl::string_view first_bytes)
    : ArraySource(std::move(name), "", std::move(layout), first_bytes), fd_(std::move(fd)) {}

absl::Status StreamArray::LoadShare(int share, int /*num_shares*/, std::span<std::byte> array,
                                    const BeforeWriting& before_writing) const {
  if (share != 0) return absl::OkStatus();
  if (was_loaded_.exchange(true)) {
    return absl::FailedPreconditionError(absl::StrCat(
        name(), " has been read already; save the array to a file to load it several times"));
  }
  return layout().LoadSequentially(
      [this](std::span<std::byte> to) { return ReadSomeOfStream(fd_.get(), name(), to); }, name(),
      array, before_writing);
}

absl::StatusOr<std::unique_ptr<FileMapping>> StreamArray::Map(bool /*takes_lease*/) const {
  return CannotBeMapped(kCannotBeMapped);
}

ElsewhereArray::ElsewhereArray(std::string name, ArrayLayout layout)
    : ArraySource(std::move(name), "", std::move(layout), "") {}

absl::Status ElsewhereArray::LoadShare(int share, int /*num_shares*/,
                                       std::span<std::byte> /*array*/,
                                       const BeforeWriting& /*before_writing*/) const {
  if (share != 0 || layout().size_bytes() == 0) return absl::OkStatus();
  return absl::FailedPreconditionError(
      absl::StrCat(name(), " arrives at another process; its bytes are loaded there"));
}

absl::StatusOr<std::unique_ptr<FileMapping>> ElsewhereArray::Map(bool /*takes_lease*/) const {
  return CannotBeMapped(kCannotBeMapped);
}

}  // namespace mpaio
