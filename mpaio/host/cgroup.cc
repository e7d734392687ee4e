// SPDX-License-Identifier: Apache-2.0
#include "mpaio/host/cgroup.h"

#include <algorithm>
#include <cstddef>
#include <limits>

#include "absl/strings/ascii.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "mpaio/host/text_file.h"

namespace mpaio {
namespace {

// Appends the directory of the group `path` below `mount`, and those of its ancestors.
void AppendWithAncestors(const std::string& mount, std::string path, bool is_version2,
                         std::vector<Cgroup>* groups) {
  if (path == "/") path.clear();
  for (;;) {
    groups->push_back({mount + path, is_version2});
    const std::size_t slash = path.rfind('/');
    if (slash == std::string::npos) return;
    path.resize(slash);
  }
}

std::optional<Index> MemoryOf(const Cgroup& group) {
  const auto text = [&group](absl::string_view name) {
    return TextOf(absl::StrCat(group.directory, "/", name));
  };
  const bool version2 = group.is_version2;
  // Version 1 writes a number near 2^63 for no limit, version 2 "max".
  constexpr Index kLeastUnlimited = std::numeric_limits<Index>::max() / 2;
  Index limit_bytes = 0, used_bytes = 0;
  if (!absl::SimpleAtoi(
          absl::StripAsciiWhitespace(text(version2 ? "memory.max" : "memory.limit_in_bytes")),
          &limit_bytes) ||
      limit_bytes >= kLeastUnlimited)
    return std::nullopt;
  if (!absl::SimpleAtoi(
          absl::StripAsciiWhitespace(text(version2 ? "memory.current" : "memory.usage_in_bytes")),
          &used_bytes))
    used_bytes = 0;
  const std::string stat = text("memory.stat");
  const absl::string_view prefix = version2 ? "" : "total_";
  const Index reclaimable_bytes = NumberAfter(stat, absl::StrCat(prefix, "inactive_file"), 0) +
                                  NumberAfter(stat, absl::StrCat(prefix, "active_file"), 0);
  return std::max<Index>(0, limit_bytes - used_bytes + std::min(reclaimable_bytes, used_bytes));
}

std::optional<double> CpusOf(const Cgroup& group) {
  // cpu.max has both numbers in one line.
  const std::string quota = group.is_version2
                                ? TextOf(group.directory + "/cpu.max")
                                : absl::StrCat(TextOf(group.directory + "/cpu.cfs_quota_us"), " ",
                                               TextOf(group.directory + "/cpu.cfs_period_us"));
  const std::vector<std::string> words =
      absl::StrSplit(quota, absl::ByAnyChar(" \n"), absl::SkipEmpty());
  double quota_us = 0, period_us = 0;
  if (words.size() < 2 || !absl::SimpleAtod(words[0], &quota_us) ||
      !absl::SimpleAtod(words[1], &period_us) || quota_us <= 0 || period_us <= 0)
    return std::nullopt;
  return quota_us / period_us;
}

// Returns the least of `value_of` over the groups; none if no group has a value.
template <typename Value>
std::optional<Value> LeastOf(const std::vector<Cgroup>& groups,
                             std::optional<Value> (*value_of)(const Cgroup&)) {
  std::optional<Value> least;
  for (const Cgroup& group : groups) {
    const std::optional<Value> value = value_of(group);
    if (value && (!least || *value < *least)) least = value;
  }
  return least;
}

}  // namespace

std::vector<Cgroup> FindCgroups(absl::string_view controller, const std::string& root) {
  const std::string mounts = root + "/sys/fs/cgroup";
  std::vector<Cgroup> version1, version2;
  // cgroups(7): ID:CONTROLLERS:PATH, with the ID 0 and no controllers for version 2.
  for (absl::string_view line : absl::StrSplit(TextOf(root + "/proc/self/cgroup"), '\n')) {
    const std::vector<std::string> fields = absl::StrSplit(line, absl::MaxSplits(':', 2));
    if (fields.size() != 3) continue;
    if (fields[0] == "0" && fields[1].empty()) {
      AppendWithAncestors(mounts, fields[2], /*is_version2=*/true, &version2);
      continue;
    }
    const std::vector<absl::string_view> controllers = absl::StrSplit(fields[1], ',');
    if (std::find(controllers.begin(), controllers.end(), controller) == controllers.end())
      continue;
    AppendWithAncestors(absl::StrCat(mounts, "/", controller), fields[2], /*is_version2=*/false,
                        &version1);
    if (fields[1] != controller)
      AppendWithAncestors(absl::StrCat(mounts, "/", fields[1]), fields[2], /*is_version2=*/false,
                          &version1);
  }
  return version1.empty() ? version2 : version1;
}

std::optional<Index> CgroupMemory(const std::string& root) {
  return LeastOf(FindCgroups("memory", root), &MemoryOf);
}

std::optional<double> CgroupCpus(const std::string& root) {
  return LeastOf(FindCgroups("cpu", root), &CpusOf);
}

}  // namespace mpaio
