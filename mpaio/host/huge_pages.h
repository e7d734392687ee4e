// SPDX-License-Identifier: Apache-2.0

// Huge pages (2 MiB on x86) for shared memory. The cost of filling fresh memory is mostly the
// allocation of its pages, and there are 512 times fewer huge pages than small ones.
#ifndef MPAIO_HOST_HUGE_PAGES_H_
#define MPAIO_HOST_HUGE_PAGES_H_

#include <cstddef>
#include <string>

#include "absl/status/status.h"
#include "absl/strings/string_view.h"
#include "mpaio/base/index.h"

namespace mpaio {

// kAuto: huge pages are used where the system provides them. kAlways: the pool refuses to start
// where the system does not provide them. kNever: they are not used.
enum class HugePages { kAuto, kAlways, kNever };

// Returns OK if shared memory in files of `backing_directory` (or, if that is empty, anonymous
// shared memory) gets huge pages when advised (madvise); else FailedPrecondition, with how to
// enable them.
absl::Status CheckHugePages(const std::string& backing_directory);

// Returns the mount option `huge` of the file system of `directory`, from the text of
// /proc/self/mountinfo; "never" where there is none. Precondition: `directory` is absolute and free
// of symbolic links.
std::string HugeOptionOf(absl::string_view mountinfo, absl::string_view directory);

// Asks for huge pages for [data, data + size_bytes), or, with kNever, for none. Precondition: the
// pages have not been touched. The advice is not given for less than 4 MiB. `backing_directory` as
// above. Returns true if huge pages will be used as long as any are left.
bool AdviseHugePages(std::byte* data, Index size_bytes, HugePages wish,
                     const std::string& backing_directory);

}  // namespace mpaio

#endif  // MPAIO_HOST_HUGE_PAGES_H_
