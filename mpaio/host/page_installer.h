// SPDX-License-Identifier: Apache-2.0

// Installs pages together with their contents. This avoids most of the cost of filling fresh
// memory: zeroing the pages first, and a fault for each.
#ifndef MPAIO_HOST_PAGE_INSTALLER_H_
#define MPAIO_HOST_PAGE_INSTALLER_H_

#include <sys/types.h>

#include <cstddef>
#include <memory>

#include "mpaio/base/index.h"
#include "mpaio/host/file_descriptor.h"

namespace mpaio {

// For a shared mapping; uses UFFDIO_COPY of Linux's userfaultfd(2). During this object's lifetime,
// a page gets its memory from Install(), through another mapping, or from another process: an
// access of this process to a page that has none yet is a fault (SIGBUS). Forks of this process are
// not restricted.
class PageInstaller {
 public:
  // Precondition: [pages, pages + size_bytes) are whole pages, mapped shared from a writable file,
  // with any protection. Returns null where the system does not support or allow it (kernels before
  // 5.11, containers whose filter forbids the call), for memory that is not a tmpfs's, and where
  // another installer of this process has any of these pages.
  static std::unique_ptr<PageInstaller> Create(std::byte* pages, Index size_bytes);
  // In the process that created this object, the pages are ordinary memory afterwards.
  ~PageInstaller();
  PageInstaller(const PageInstaller&) = delete;
  PageInstaller& operator=(const PageInstaller&) = delete;

  // Installs memory at each of the pages [to, to + size_bytes), with the contents from `from`,
  // whatever the mapping's protection. Returns false where not all pages could be installed: one
  // had memory already, or no memory is left; it is then unknown which of them have memory. All
  // processes see each page whole or not at all. Safe from several threads, in a fork, and in a
  // signal handler.
  bool Install(std::byte* to, const std::byte* from, Index size_bytes) const;

 private:
  explicit PageInstaller(FileDescriptor fd, std::byte* pages, Index size_bytes);

  FileDescriptor fd_;
  std::byte* pages_;
  Index size_bytes_;
  pid_t process_;
};

}  // namespace mpaio

#endif  // MPAIO_HOST_PAGE_INSTALLER_H_
