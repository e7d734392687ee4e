// SPDX-License-Identifier: Apache-2.0

// Pages that come into being with what they hold: neither zeroed first nor faulted in one by one,
// which is most of the cost of filling fresh memory.
#ifndef MPAIO_WINDOW_PAGE_INSTALLER_H_
#define MPAIO_WINDOW_PAGE_INSTALLER_H_

#include <sys/types.h>

#include <cstddef>
#include <memory>

#include "mpaio/base/index.h"

namespace mpaio {

// For a shared mapping, by Linux's userfaultfd(2) and its UFFDIO_COPY. Where this lives, an access
// of this process to a page of it that nobody has given memory is a fault (SIGBUS): pages come by
// Install(), through another mapping, or from another process. What this process's forks do is not
// restricted.
class PageInstaller {
 public:
  // [pages, pages + size_bytes) are whole pages, mapped shared from a file that may be written,
  // with whatever protection. Null where the system does not have it or does not allow it (kernels
  // before 5.11, containers whose filter leaves the call out), for memory that is no tmpfs's, and
  // where another of this process has any of these pages.
  static std::unique_ptr<PageInstaller> Create(std::byte* pages, Index size_bytes);
  // In the process that has made it, the pages are then memory like any other.
  ~PageInstaller();
  PageInstaller(const PageInstaller&) = delete;
  PageInstaller& operator=(const PageInstaller&) = delete;

  // Gives each of the pages [to, to + size_bytes) memory that holds what is at `from`, whatever the
  // mapping's protection. False where not all of them could be: one had memory already, or there is
  // no more; which of them have it then is not known. Each page is seen whole or not at all, by all
  // processes. Safe from several threads, in a fork, and in a signal handler.
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
