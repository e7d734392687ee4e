// SPDX-License-Identifier: Apache-2.0
#include "mpaio/jobs/registry.h"

#include <cstdio>
#include <cstdlib>
#include <map>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "mpaio/base/nearest.h"

namespace mpaio {
namespace {

// A function-local static, so that it exists before a worker in any file registers itself.
std::map<std::string, WorkerInfo, std::less<>>& Workers() {
  static auto* const workers = new std::map<std::string, WorkerInfo, std::less<>>();
  return *workers;
}

}  // namespace

const NdView* JobInputs::Array(absl::string_view key) const {
  const auto array = extra_inputs.find(std::string(key));
  return array == extra_inputs.end() ? nullptr : &array->second;
}

absl::Status WorkerInfo::CheckAccepts(const DType& dtype) const {
  for (const AcceptedType& type : accepts) {
    if (type.accepts(dtype)) return absl::OkStatus();
  }
  return absl::InvalidArgumentError(
      absl::StrCat("holds ", dtype.name(), ", which the worker does not take; it takes ",
                   absl::StrJoin(accepts, ", ", [](std::string* out, const AcceptedType& type) {
                     absl::StrAppend(out, type.description);
                   })));
}

bool RegisterWorker(absl::string_view name, WorkerInfo info, bool is_isolated) {
  if (name == "doctor") {
    std::fprintf(stderr,
                 "mpaio: a worker target is named '%s', which is a reserved word of the command "
                 "line; rename it\n",
                 std::string(name).c_str());
    std::abort();
  }
  info.is_isolated = is_isolated;
  if (!Workers().emplace(std::string(name), std::move(info)).second) {
    std::fprintf(stderr, "mpaio: two worker targets are named '%s'; rename one\n",
                 std::string(name).c_str());
    std::abort();
  }
  return true;
}

const WorkerInfo* FindWorker(absl::string_view name) {
  const auto worker = Workers().find(std::string(name));
  return worker == Workers().end() ? nullptr : &worker->second;
}

std::vector<std::string> RegisteredWorkers() {
  std::vector<std::string> names;
  for (const auto& [name, info] : Workers()) names.push_back(name);
  return names;
}

absl::Status UnknownWorker(absl::string_view name) {
  const std::string nearest = Nearest(name, RegisteredWorkers());
  return absl::InvalidArgumentError(
      absl::StrCat("unknown worker '", name, "'; ",
                   nearest.empty() ? "" : absl::StrCat("did you mean '", nearest, "'? "),
                   "there are ", absl::StrJoin(RegisteredWorkers(), ", "), " (see --list)"));
}

}  // namespace mpaio
