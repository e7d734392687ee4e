// SPDX-License-Identifier: Apache-2.0
#include "mpaio/host/process_end.h"

#include <string.h>
#include <sys/wait.h>

#include "absl/strings/str_cat.h"

namespace mpaio {

std::string DescribeProcessEnd(int wait_status) {
  if (!WIFSIGNALED(wait_status))
    return absl::StrCat("ended with exit status ", WEXITSTATUS(wait_status));
  const int signal = WTERMSIG(wait_status);
  const char* const name = sigabbrev_np(signal);
  return absl::StrCat("was killed by signal ", signal,
                      name == nullptr ? "" : absl::StrCat(" (SIG", name, ")"));
}

}  // namespace mpaio
