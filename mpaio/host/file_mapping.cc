// SPDX-License-Identifier: Apache-2.0
#include "mpaio/host/file_mapping.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <sys/mman.h>
#include <sys/vfs.h>
#include <unistd.h>

#include <cstdint>

#include "absl/strings/str_cat.h"
#include "mpaio/base/status_macros.h"
#include "mpaio/host/file_io.h"

namespace mpaio {
namespace {

// Returns true if only programs of this host can write to the file, so that a lease keeps out all
// writers. An unknown file system counts as shared by several hosts. The numbers are those of
// statfs(2).
bool OnlyThisHostCanWrite(int fd) {
  struct statfs file_system;
  if (fstatfs(fd, &file_system) != 0) return false;
  switch (static_cast<std::uint32_t>(file_system.f_type)) {
    case 0xef53:      // ext2 to ext4
    case 0x58465342:  // xfs
    case 0x9123683e:  // btrfs
    case 0xf2f52010:  // f2fs
    case 0x2fc12fc1:  // zfs
    case 0xca451a4e:  // bcachefs
    case 0x01021994:  // tmpfs
    case 0x858458f6:  // ramfs
    case 0x794c7630:  // overlayfs
      return true;
    default:
      return false;
  }
}

// Keeps out other programs that would write to the file.
absl::Status TakeLease(int fd, const std::string& name) {
  const auto unprotected = [&name](absl::string_view why) {
    return absl::PermissionDeniedError(
        absl::StrCat(name, " cannot be mapped: others cannot be kept from writing it, as ", why));
  };
  if (!OnlyThisHostCanWrite(fd)) return unprotected("several hosts may share its file system");
  if (fcntl(fd, F_SETLEASE, F_RDLCK) != 0) {
    if (errno == EAGAIN)
      return absl::FailedPreconditionError(
          absl::StrCat(name, " cannot be mapped: another program has it open to write"));
    return unprotected(errno == EACCES ? "it belongs to another user"
                                       : "its file system has no leases");
  }
  // The system sends SIGIO when another process waits for the lease; by default it would end this
  // process.
  signal(SIGIO, SIG_IGN);
  return absl::OkStatus();
}

}  // namespace

absl::StatusOr<std::unique_ptr<FileMapping>> FileMapping::Create(int fd, const std::string& name,
                                                                 Index offset_bytes,
                                                                 Index size_bytes,
                                                                 bool takes_lease) {
  std::unique_ptr<FileMapping> mapping(new FileMapping);
  mapping->name_ = name;
  mapping->share_ = OpenFileShare::Take();
  if (!mapping->share_.is_taken()) {
    return absl::ResourceExhaustedError(absl::StrCat(
        name, " cannot be mapped: the files that are kept open have reached half of the limit of ",
        OpenFileLimit(),
        "; raise it (ulimit -n N; docker run --ulimit nofile=N), or do without --source=map"));
  }
  mapping->fd_ = FileDescriptor(fcntl(fd, F_DUPFD_CLOEXEC, 0));
  if (!mapping->fd_.is_open()) return ErrnoStatus(errno, absl::StrCat("cannot map ", name));
  if (takes_lease) {
    MPAIO_RETURN_IF_ERROR(TakeLease(mapping->fd_.get(), name));
    mapping->has_lease_ = true;
  }
  MPAIO_ASSIGN_OR_RETURN(mapping->first_stamp_, FileStamp::Of(mapping->fd_.get(), name));
  if (mapping->first_stamp_.size_bytes() - offset_bytes < size_bytes) {
    return absl::FailedPreconditionError(
        absl::StrCat(name, " cannot be mapped: it was truncated after it was opened"));
  }
  const Index page = sysconf(_SC_PAGESIZE);
  const Index before = offset_bytes % page;
  mapping->pages_bytes_ = static_cast<std::size_t>(before + size_bytes);
  void* const pages = mmap(nullptr, mapping->pages_bytes_, PROT_READ, MAP_SHARED,
                           mapping->fd_.get(), offset_bytes - before);
  if (pages == MAP_FAILED) {
    if (errno == ENODEV)
      return absl::UnimplementedError(
          absl::StrCat(name, " cannot be mapped: its file system has no mappings"));
    return ErrnoStatus(errno, absl::StrCat("cannot map ", name));
  }
  mapping->pages_ = pages;
  mapping->faults_ = FaultHandler::Watch(SIGBUS, static_cast<const std::byte*>(pages),
                                         mapping->pages_bytes_, ReadZeros, mapping.get());
  if (mapping->faults_ == nullptr) {
    return absl::ResourceExhaustedError(absl::StrCat(
        name, " cannot be mapped: ", FaultHandler::kMaxRegions, " files are mapped already"));
  }
  mapping->data_ = static_cast<const std::byte*>(pages) + before;
  mapping->size_bytes_ = size_bytes;
  return mapping;
}

FileMapping::~FileMapping() {
  faults_.reset();
  if (pages_ != nullptr) munmap(pages_, pages_bytes_);
  if (has_lease_) fcntl(fd_.get(), F_SETLEASE, F_UNLCK);
}

bool FileMapping::ReadZeros(void* mapping, std::byte* address) {
  static_cast<FileMapping*>(mapping)->read_failed_.store(true, std::memory_order_relaxed);
  const auto page_bytes = static_cast<std::uintptr_t>(sysconf(_SC_PAGESIZE));
  void* const page =
      reinterpret_cast<void*>(reinterpret_cast<std::uintptr_t>(address) / page_bytes * page_bytes);
  return mmap(page, page_bytes, PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED, -1, 0) == page;
}

absl::Status FileMapping::CheckUnchanged() const {
  // Report shrinking first: it is the reason for a failed read.
  if (first_stamp_.HasShrunk(fd_.get())) return first_stamp_.CheckUnchanged(fd_.get(), name_);
  MPAIO_RETURN_IF_ERROR(ReadFailure());
  return first_stamp_.CheckUnchanged(fd_.get(), name_);
}

absl::Status FileMapping::ReadFailure() const {
  if (!read_failed_.load(std::memory_order_relaxed)) return absl::OkStatus();
  return absl::DataLossError(absl::StrCat(
      name_, " could not be read in full: it was truncated for a while, or its disk failed"));
}

}  // namespace mpaio
