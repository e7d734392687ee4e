// SPDX-License-Identifier: Apache-2.0

// The parts of an array that lies in a file, to be read when they are needed.
#ifndef MPAIO_ARRAY_ARRAY_PARTS_H_
#define MPAIO_ARRAY_ARRAY_PARTS_H_

#include <atomic>
#include <cstddef>
#include <memory>
#include <span>
#include <string>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "mpaio/array/byte_order.h"
#include "mpaio/array/file_io.h"
#include "mpaio/base/index.h"
#include "mpaio/base/open_files.h"

namespace mpaio {

// Made by ArrayFile::Parts(), which it may outlive. Reading is safe from several threads.
class ArrayParts {
 public:
  // Of the array whose `size_bytes` bytes lie `data_offset` bytes behind the start of the file
  // `fd`, called `name` in messages; the descriptor is duplicated. Errors: Unimplemented where too
  // many files are kept open (OpenFileShare); what the system says.
  static absl::StatusOr<std::unique_ptr<ArrayParts>> Create(int fd, const std::string& name,
                                                            Index data_offset, Index size_bytes,
                                                            ByteSwapper swapper);

  ~ArrayParts();
  ArrayParts(const ArrayParts&) = delete;
  ArrayParts& operator=(const ArrayParts&) = delete;

  const std::string& name() const { return name_; }
  Index size_bytes() const { return size_bytes_; }

  // Fills `to` with the bytes that the loaded array has from `begin` on. Bytes are written as they
  // are to be: where somebody has them already, they stay what they are. 0, or what went wrong: an
  // errno, or kCut. May be called in a signal handler. Precondition: 0 <= begin, begin + to.size()
  // <= size_bytes().
  int Read(Index begin, std::span<std::byte> to) const;
  static constexpr int kCut = -1;

  // What Read returned, in words. DataLoss: the file was cut; the disk failed. ResourceExhausted:
  // there was no memory behind `to`.
  absl::Status StatusOf(int failure) const;

  // DataLoss where the file is not what it was when this was made, so that parts may not fit
  // together.
  absl::Status CheckUnchanged() const { return at_first_.CheckUnchanged(fd_.get(), name_); }

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
  FileStamp at_first_;
  // Of buffer_bytes_, for what is swapped; one for a reader at a time, others have one of their
  // own.
  Index buffer_bytes_ = 0;
  mutable std::atomic<std::byte*> buffer_{nullptr};
};

}  // namespace mpaio

#endif  // MPAIO_ARRAY_ARRAY_PARTS_H_
