// SPDX-License-Identifier: Apache-2.0
#include "mpaio/host/file_descriptor.h"

#include <errno.h>
#include <unistd.h>

namespace mpaio {

void FileDescriptor::Close() {
  if (fd_ < 0) return;
  const int error = errno;
  ::close(Release());
  errno = error;
}

}  // namespace mpaio
