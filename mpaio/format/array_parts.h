// SPDX-License-Identifier: Apache-2.0

// Parts of an array in a file, read on demand.
#ifndef MPAIO_FORMAT_ARRAY_PARTS_H_
#define MPAIO_FORMAT_ARRAY_PARTS_H_

#include <atomic>
#include <cstddef>
#include <memory>
#include <span>
#include <string>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "mpaio/array/byte_order.h"
#include "mpaio/base/index.h"
#include "mpaio/host/file_io.h"
#include "mpaio/host/file_stamp.h"
#include "mpaio/host/open_files.h"

namespace mpaio {

// Created by ArrayFile::Parts(); may outlive the ArrayFile. Reading is thread-safe.
class ArrayParts {
 public:
  // Opens the array whose `size_bytes` bytes start `data_offset` bytes after the start of the file
  // `fd`, called `name` in messages. The descriptor is duplicated. Errors: Unimplemented if too
  // many files are kept open (OpenFileShare); system errors.
  static absl::StatusOr<std::unique_ptr<ArrayParts>> Create(int fd, const std::string& name,
                                                            Index data_offset, Index size_bytes,
                                                            ByteSwapper swapper);

  ~ArrayParts();
  ArrayParts(const ArrayParts&) = delete;
  ArrayParts& operator=(const ArrayParts&) = delete;

  const std::string& name() const { return name_; }
  Index size_bytes() const { return size_bytes_; }

  // Fills `to` with the bytes that the loaded array has from `begin` on. Only final values are
  // stored: bytes that another reader has filled already do not change. Returns 0, an errno, or
  // kTruncated if the file was truncated. May be called in a signal handler. Precondition: 0 <=
  // begin, begin + to.size() <= size_bytes().
  int Read(Index begin, std::span<std::byte> to) const;
  static constexpr int kTruncated = -1;

  // Returns the status for `failure`, a result of Read(). DataLoss: the file was truncated, or the
  // disk failed. ResourceExhausted: the system had no memory left for the pages of `to`.
  absl::Status StatusOf(int failure) const;

  // DataLoss if the file has changed since this was created, so that parts may not fit together.
  absl::Status CheckUnchanged() const { return first_stamp_.CheckUnchanged(fd_.get(), name_); }

 private:
  class Buffer;
  ArrayParts() = default;
  int ReadFile(Index begin, std::span<std::byte> to) const;

  std::string name_;
  FileDescriptor fd_;
  OpenFileShare share_;
  Index data_offset_ = 0;
  Index size_bytes_ = 0;
  ByteSwapper swapper_;
  FileStamp first_stamp_;
  // A cached buffer of buffer_bytes_ for swapping; null while a reader uses it. Other concurrent
  // readers allocate their own.
  Index buffer_bytes_ = 0;
  mutable std::atomic<std::byte*> buffer_{nullptr};
};

}  // namespace mpaio

#endif  // MPAIO_FORMAT_ARRAY_PARTS_H_
