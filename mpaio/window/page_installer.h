// SPDX-License-Identifier: Apache-2.0

// Installs pages together with their contents. They are neither zeroed first nor faulted in one by
// one, which is most of the cost of filling fresh memory.
#ifndef MPAIO_WINDOW_PAGE_INSTALLER_H_
#define MPAIO_WINDOW_PAGE_INSTALLER_H_

#include <sys/types.h>

#include <cstddef>
#include <memory>

#include "mpaio/base/index.h"

namespace mpaio {

// For a shared mapping, by Linux's userfaultfd(2) and its UFFDIO_COPY. During this object's
// lifetime, an access of this process to one of the pages that has no memory yet is a fault
// (SIGBUS): memory comes from Install(), through another mapping, or from another process. Forks of
// this process are not restricted.
class PageInstaller {
 public:
  // Precondition: [pages, pages + size_bytes) are whole pages, mapped shared from a writable file,
  // with any protection. Returns null where the system does not support or allow it (kernels before
  // 5.11, containers whose filter forbids the call), for memory that is not a tmpfs's, and where
  // another installer of this process has any of these pages.
  static std::unique_ptr<PageInstaller> Create(std::byte* pages, Index size_bytes);
  // In the process that has created it, the pages are ordinary memory afterwards.
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
  explicit PageInstaller(int fd, std::byte* pages, Index size_bytes);

  int fd_;
  std::byte* pages_;
  Index size_bytes_;
  pid_t process_;
};

}  // namespace mpaio

#endif  // MPAIO_WINDOW_PAGE_INSTALLER_H_
