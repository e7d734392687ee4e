// SPDX-License-Identifier: Apache-2.0
#include "mpaio/host/page_installer.h"

#include <fcntl.h>
#include <linux/userfaultfd.h>
#include <sys/ioctl.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <cstdint>
#include <utility>

#ifndef UFFD_USER_MODE_ONLY
#define UFFD_USER_MODE_ONLY 1  // Linux 5.11; older headers do not have it
#endif

namespace mpaio {
namespace {

std::uint64_t Address(const std::byte* at) { return reinterpret_cast<std::uintptr_t>(at); }

}  // namespace

std::unique_ptr<PageInstaller> PageInstaller::Create(std::byte* pages, Index size_bytes) {
  // Faults within system calls are not handled (UFFD_USER_MODE_ONLY), so no privilege is needed.
  const auto fd =
      static_cast<int>(syscall(SYS_userfaultfd, O_CLOEXEC | O_NONBLOCK | UFFD_USER_MODE_ONLY));
  if (fd < 0) return nullptr;
  std::unique_ptr<PageInstaller> installer(
      new PageInstaller(FileDescriptor(fd), pages, size_bytes));
  // Without UFFD_FEATURE_SIGBUS a fault would wait for a thread that resolves it.
  uffdio_api api = {};
  api.api = UFFD_API;
  api.features = UFFD_FEATURE_SIGBUS | UFFD_FEATURE_MISSING_SHMEM;
  if (ioctl(fd, UFFDIO_API, &api) != 0) return nullptr;
  uffdio_register all = {};
  all.range = {Address(pages), static_cast<std::uint64_t>(size_bytes)};
  all.mode = UFFDIO_REGISTER_MODE_MISSING;
  if (ioctl(fd, UFFDIO_REGISTER, &all) != 0 ||
      (all.ioctls & (std::uint64_t{1} << _UFFDIO_COPY)) == 0)
    return nullptr;
  return installer;
}

PageInstaller::PageInstaller(FileDescriptor fd, std::byte* pages, Index size_bytes)
    : fd_(std::move(fd)), pages_(pages), size_bytes_(size_bytes), process_(getpid()) {}

PageInstaller::~PageInstaller() {
  // Closing the descriptor is not enough if a fork has it too. A fork must not unregister the
  // pages, because that would unregister them in the process that created this object.
  if (getpid() == process_) {
    uffdio_range all = {Address(pages_), static_cast<std::uint64_t>(size_bytes_)};
    ioctl(fd_.get(), UFFDIO_UNREGISTER, &all);
  }
}

bool PageInstaller::Install(std::byte* to, const std::byte* from, Index size_bytes) const {
  uffdio_copy copy = {};
  copy.dst = Address(to);
  copy.src = Address(from);
  copy.len = static_cast<std::uint64_t>(size_bytes);
  return ioctl(fd_.get(), UFFDIO_COPY, &copy) == 0 &&
         copy.copy == static_cast<std::int64_t>(size_bytes);
}

}  // namespace mpaio
