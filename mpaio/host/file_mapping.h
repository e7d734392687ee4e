// SPDX-License-Identifier: Apache-2.0

// The bytes of a file, mapped into memory: the processes of a node share them in the system's page
// cache.
#ifndef MPAIO_HOST_FILE_MAPPING_H_
#define MPAIO_HOST_FILE_MAPPING_H_

#include <atomic>
#include <cstddef>
#include <memory>
#include <string>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "mpaio/base/index.h"
#include "mpaio/host/fault_handler.h"
#include "mpaio/host/file_descriptor.h"
#include "mpaio/host/file_stamp.h"
#include "mpaio/host/open_files.h"

namespace mpaio {

// A part of a file, mapped read-only. Either all reads give the contents that the file had when the
// mapping was made, or CheckUnchanged() reports that they may have changed:
//   - A lease (fcntl(2), F_SETLEASE) keeps others from opening the file for writing, and from
//     truncating it: they wait until it is released, for at most 45 s
//     (/proc/sys/fs/lease-break-time).
//   - The file's length and the time of its last write are compared before and after.
//   - If a page cannot be read, because the file was truncated or its disk fails, SIGBUS would end
//     the process: instead the page reads as zeros, and the failure is recorded (FaultHandler).
// Unmapped by the destructor. Reading is thread-safe.
class FileMapping {
 public:
  ~FileMapping();
  FileMapping(const FileMapping&) = delete;
  FileMapping& operator=(const FileMapping&) = delete;

  // Maps [offset_bytes, offset_bytes + size_bytes) of the file `fd`, called `name` in messages. The
  // descriptor is duplicated. With `takes_lease` no process may have the file open for writing, and
  // it must belong to the user (or CAP_LEASE): one rank of a node takes the lease, which protects
  // all.
  //   FailedPrecondition  the file is too short, or is open for writing.
  //   PermissionDenied    there are no leases for this user or this file system, or several hosts
  //                       may share the file system.
  //   ResourceExhausted   the address space is exhausted, or too many files are mapped or kept
  //                       open.
  //   Unimplemented       the file system has no mappings.
  // Precondition: size_bytes > 0, offset_bytes >= 0.
  static absl::StatusOr<std::unique_ptr<FileMapping>> Create(int fd, const std::string& name,
                                                             Index offset_bytes, Index size_bytes,
                                                             bool takes_lease);

  const std::byte* data() const { return data_; }
  Index size_bytes() const { return size_bytes_; }

  // DataLoss if any page could not be read so far, and was read as zeros. Cheap: no system call.
  absl::Status ReadFailure() const;

  // DataLoss if data read through the mapping may differ from the first contents of the file: the
  // file was truncated or written, or a page could not be read.
  absl::Status CheckUnchanged() const;

 private:
  FileMapping() = default;
  // A FaultHandler::Resolve function: replaces the page by zeros.
  static bool ReadZeros(void* mapping, std::byte* address);

  std::string name_;
  OpenFileShare share_;
  FileDescriptor fd_;
  FileStamp first_stamp_;
  bool has_lease_ = false;
  void* pages_ = nullptr;
  std::size_t pages_bytes_ = 0;
  const std::byte* data_ = nullptr;
  Index size_bytes_ = 0;
  std::unique_ptr<FaultHandler> faults_;
  std::atomic<bool> read_failed_{false};
};

}  // namespace mpaio

#endif  // MPAIO_HOST_FILE_MAPPING_H_
