// SPDX-License-Identifier: Apache-2.0
#include "mpaio/launcher/launcher.h"

#include <stdlib.h>

#include <span>

#include "absl/strings/numbers.h"
#include "mpaio/launcher/launch_variables.h"

// All launchers are read here, not in a file for each, because they differ in names alone.
namespace mpaio {
namespace {

std::optional<int> IntegerOf(const char* variable) {
  const char* const text = getenv(variable);
  int value = 0;
  if (text == nullptr || !absl::SimpleAtoi(text, &value)) return std::nullopt;
  return value;
}

std::optional<int> FirstOf(std::span<const char* const> variables) {
  for (const char* variable : variables) {
    if (const std::optional<int> value = IntegerOf(variable)) return value;
  }
  return std::nullopt;
}

}  // namespace

bool Launch::may_have_several_ranks() const {
  return is_open_mpi && size.has_value() ? *size != 1 : rank.has_value();
}

bool Launch::are_all_on_one_node() const {
  return !may_have_several_ranks() || (size.has_value() && size == local_size);
}

Launch ReadLaunch() {
  Launch launch;
  launch.rank = FirstOf(kRankVariables);
  launch.size = FirstOf(kSizeVariables);
  launch.local_rank = IntegerOf(kOpenMpiLocalRank);
  launch.local_size = IntegerOf(kOpenMpiLocalSize);
  launch.is_open_mpi = getenv(kOpenMpiRank) != nullptr;
  launch.has_pmix = getenv(kPmixRank) != nullptr;
  return launch;
}

bool AllRanksOnOneNode() { return ReadLaunch().are_all_on_one_node(); }

}  // namespace mpaio
