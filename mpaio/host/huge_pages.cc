// SPDX-License-Identifier: Apache-2.0
#include "mpaio/host/huge_pages.h"

#include <sys/mman.h>
#include <unistd.h>

#include <cstdint>
#include <cstdlib>
#include <memory>
#include <vector>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "absl/strings/strip.h"
#include "mpaio/host/text_file.h"

namespace mpaio {
namespace {

std::string WithoutLinks(const std::string& path) {
  const std::unique_ptr<char, decltype(&std::free)> real(realpath(path.c_str(), nullptr),
                                                         &std::free);
  return real ? real.get() : path;
}

bool LiesIn(absl::string_view directory, absl::string_view mount) {
  return mount == "/" || directory == mount ||
         (absl::StartsWith(directory, mount) && directory[mount.size()] == '/');
}

}  // namespace

std::string HugeOptionOf(absl::string_view mountinfo, absl::string_view directory) {
  // proc(5): ID PARENT MAJOR:MINOR ROOT MOUNT-POINT OPTIONS [FIELD ...] - TYPE SOURCE
  // SUPER-OPTIONS. The last of several mounts over one another counts.
  std::string option = "never";
  std::size_t longest = 0;
  for (absl::string_view line : absl::StrSplit(mountinfo, '\n')) {
    const std::vector<absl::string_view> halves = absl::StrSplit(line, " - ");
    if (halves.size() != 2) continue;
    const std::vector<absl::string_view> front = absl::StrSplit(halves[0], ' '),
                                         back = absl::StrSplit(halves[1], ' ');
    if (front.size() < 6 || back.size() < 3 || front[4].size() < longest ||
        !LiesIn(directory, front[4]))
      continue;
    longest = front[4].size();
    option = "never";
    for (absl::string_view one : absl::StrSplit(back[2], ',')) {
      if (absl::ConsumePrefix(&one, "huge=")) option = std::string(one);
    }
  }
  return option;
}

absl::Status CheckHugePages(const std::string& backing_directory) {
  const std::string setting = TextOf("/sys/kernel/mm/transparent_hugepage/shmem_enabled");
  // The settings force and deny override those of all mounts.
  if (absl::StrContains(setting, "[force]")) return absl::OkStatus();
  if (backing_directory.empty() || absl::StrContains(setting, "[deny]")) {
    for (const char* enough : {"[always]", "[within_size]", "[advise]"}) {
      if (absl::StrContains(setting, enough)) return absl::OkStatus();
    }
    return absl::FailedPreconditionError(
        "--huge_pages=always, but the system gives none to shared memory: write advise to "
        "/sys/kernel/mm/transparent_hugepage/shmem_enabled, as root, or give --huge_pages=auto");
  }
  const std::string option =
      HugeOptionOf(TextOf("/proc/self/mountinfo"), WithoutLinks(backing_directory));
  if (option != "never") return absl::OkStatus();
  return absl::FailedPreconditionError(
      absl::StrCat("--huge_pages=always, but the system gives none in ", backing_directory,
                   ": mount -o remount,huge=advise ", backing_directory,
                   ", as root, or give --huge_pages=auto"));
}

bool AdviseHugePages(std::byte* data, Index size_bytes, HugePages wish,
                     const std::string& backing_directory) {
  // A small allocation would waste most of a huge page.
  constexpr Index kLeastBytes = 4 << 20;
  if (size_bytes < kLeastBytes) return false;
  // Whole pages; the kernel itself finds the huge pages that lie within.
  const auto page_bytes = static_cast<std::uintptr_t>(sysconf(_SC_PAGESIZE));
  const auto begin =
      (reinterpret_cast<std::uintptr_t>(data) + page_bytes - 1) / page_bytes * page_bytes;
  const auto end =
      (reinterpret_cast<std::uintptr_t>(data) + static_cast<std::uintptr_t>(size_bytes)) /
      page_bytes * page_bytes;
  // Fails where the kernel has no huge pages.
  const bool is_advised = madvise(reinterpret_cast<void*>(begin), end - begin,
                                  wish == HugePages::kNever ? MADV_NOHUGEPAGE : MADV_HUGEPAGE) == 0;
  return is_advised && wish != HugePages::kNever && CheckHugePages(backing_directory).ok();
}

}  // namespace mpaio
