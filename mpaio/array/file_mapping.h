// SPDX-License-Identifier: Apache-2.0

// The bytes of a file as memory: the system's page cache, which the processes of a node share
// already.
#ifndef MPAIO_ARRAY_FILE_MAPPING_H_
#define MPAIO_ARRAY_FILE_MAPPING_H_

#include <atomic>
#include <cstddef>
#include <memory>
#include <string>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "mpaio/array/file_io.h"
#include "mpaio/base/fault_handler.h"
#include "mpaio/base/index.h"
#include "mpaio/base/open_files.h"

namespace mpaio {

// A part of a file, mapped to be read. What is read through it is what the file held when the
// mapping was made, or CheckUnchanged() says that it may not have been:
//   - A lease (fcntl(2), F_SETLEASE) that is held keeps others from opening the file to write, or
//     from cutting it: they wait until it is let go of, for as long as
//     /proc/sys/fs/lease-break-time says at most (45 s).
//   - The file's length, and the time when it was last written, are looked at before and after.
//   - Where a page cannot be had, because the file was cut or its disk fails, the process would be
//     ended by SIGBUS: here it reads zeros instead, and it is remembered (FaultHandler).
// Unmapped by the destructor. Reading is safe from several threads.
class FileMapping {
 public:
  ~FileMapping();
  FileMapping(const FileMapping&) = delete;
  FileMapping& operator=(const FileMapping&) = delete;

  // Maps [offset_bytes, offset_bytes + size_bytes) of the file `fd`, called `name` in messages; the
  // descriptor is duplicated. With `takes_lease` nobody may have it open to write, and it must be
  // the user's own (or CAP_LEASE): one rank of a node does that, as one lease protects all. Errors:
  // FailedPrecondition where the file is too short, or somebody has it open to write;
  // PermissionDenied where there are no leases for this user or this file system, or that may be
  // one of several hosts; ResourceExhausted where there is no room in the address space, or too
  // many files are mapped or kept open; Unimplemented where the file system has no mappings.
  // Precondition: size_bytes > 0, offset_bytes >= 0.
  static absl::StatusOr<std::unique_ptr<FileMapping>> Create(int fd, const std::string& name,
                                                             Index offset_bytes, Index size_bytes,
                                                             bool takes_lease);

  const std::byte* data() const { return data_; }
  Index size_bytes() const { return size_bytes_; }

  // DataLoss where a page could not be had so far, and was read as zeros. Cheap.
  absl::Status ReadFailure() const;

  // DataLoss where what was read through the mapping may not be what the file held at first: the
  // file was cut or written, or a page could not be read.
  absl::Status CheckUnchanged() const;

 private:
  FileMapping() = default;
  // For FaultHandler.
  static bool ReadZeros(void* mapping, std::byte* address);

  std::string name_;
  int fd_ = -1;
  OpenFileShare share_;
  FileStamp at_first_;
  bool has_lease_ = false;
  void* pages_ = nullptr;
  std::size_t pages_bytes_ = 0;
  const std::byte* data_ = nullptr;
  Index size_bytes_ = 0;
  std::unique_ptr<FaultHandler> faults_;
  std::atomic<bool> was_cut_{false};
};

}  // namespace mpaio

#endif  // MPAIO_ARRAY_FILE_MAPPING_H_
