// SPDX-License-Identifier: Apache-2.0

// Arrays that arrive once and in order: on standard input, or through another pipe.
#ifndef MPAIO_FORMAT_STREAM_ARRAY_H_
#define MPAIO_FORMAT_STREAM_ARRAY_H_

#include <atomic>
#include <cstddef>
#include <memory>
#include <span>
#include <string>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "mpaio/base/index.h"
#include "mpaio/format/array_layout.h"
#include "mpaio/format/array_source.h"
#include "mpaio/host/file_io.h"
#include "mpaio/host/file_mapping.h"

namespace mpaio {

inline constexpr char kStandardInputName[] = "standard input";

// Returns a duplicate of the descriptor of standard input, once in a process.
//   InvalidArgument     standard input is closed, or a terminal.
//   FailedPrecondition  it has been taken already.
absl::StatusOr<FileDescriptor> TakeStandardInput();

// Reads the next bytes of the stream `fd`, called `name`; see ReadSome.
absl::StatusOr<Index> ReadSomeOfStream(int fd, const std::string& name, std::span<std::byte> to);

// Share 0 reads the whole stream, the first time that it is loaded.
class StreamArray : public ArraySource {
 public:
  // The next byte of `fd` is the first of the data. `first_bytes`, which came before: see
  // ArraySource.
  StreamArray(std::string name, FileDescriptor fd, ArrayLayout layout,
              absl::string_view first_bytes);

  bool is_stream() const override { return true; }
  absl::Status LoadShare(int share, int num_shares, std::span<std::byte> array,
                         const BeforeWriting& before_writing) const override;
  absl::StatusOr<std::unique_ptr<FileMapping>> Map(bool takes_lease) const override;

 private:
  FileDescriptor fd_;
  mutable std::atomic<bool> was_loaded_ = false;
};

// An array whose bytes arrive at another process.
class ElsewhereArray : public ArraySource {
 public:
  ElsewhereArray(std::string name, ArrayLayout layout);

  bool is_stream() const override { return true; }
  absl::Status LoadShare(int share, int num_shares, std::span<std::byte> array,
                         const BeforeWriting& before_writing) const override;
  absl::StatusOr<std::unique_ptr<FileMapping>> Map(bool takes_lease) const override;
};

}  // namespace mpaio

#endif  // MPAIO_FORMAT_STREAM_ARRAY_H_
