// SPDX-License-Identifier: Apache-2.0

// Huge pages (2 MiB on x86) behind shared memory: filling fresh memory is mostly the work of giving
// it pages, of which there are 512 times fewer then.
#ifndef MPAIO_EXECUTOR_HUGE_PAGES_H_
#define MPAIO_EXECUTOR_HUGE_PAGES_H_

#include <cstddef>
#include <string>

#include "absl/status/status.h"
#include "absl/strings/string_view.h"
#include "mpaio/base/index.h"

namespace mpaio {

// kAuto: where the system gives them. kAlways: refuses to start where it does not. kNever: not even
// there.
enum class HugePages { kAuto, kAlways, kNever };

// OK if shared memory in files of `backing_directory` (or, if that is empty, anonymous shared
// memory) is given huge pages when it is advised; else FailedPrecondition, which says how they can
// be had.
absl::Status CheckHugePages(const std::string& backing_directory);

// The value of the mount option `huge` of the file system that `directory` lies in, from the text
// of /proc/self/mountinfo; "never" where there is none. `directory` is absolute and free of links.
std::string HugeOptionOf(absl::string_view mountinfo, absl::string_view directory);

// Asks for huge pages for [data, data + size_bytes), or for none. For pages that have not been
// touched; a wish, which is not even made for less than 4 MiB. `backing_directory` as above.
// Whether it is granted, if there is room.
bool AdviseHugePages(std::byte* data, Index size_bytes, HugePages wish,
                     const std::string& backing_directory);

}  // namespace mpaio

#endif  // MPAIO_EXECUTOR_HUGE_PAGES_H_
