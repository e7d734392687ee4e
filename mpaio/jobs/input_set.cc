// SPDX-License-Identifier: Apache-2.0
#include "mpaio/jobs/input_set.h"

#include <algorithm>
#include <cstddef>
#include <utility>

#include "absl/strings/str_cat.h"
#include "mpaio/base/status_macros.h"

namespace mpaio {
namespace {

// Further inputs are closed between reading their headers and loading them, because systems let a
// process have 1024 files open.
constexpr std::size_t kMostOpenInputs = 128;

}  // namespace

Source LoadPolicy::SourceOf(const std::string& name) const {
  if (source == Source::kMap) return Source::kMap;
  if (constant_inputs.count(name) != 0) return Source::kWindow;
  if (source == Source::kWindow) return has_chunk_deadline ? Source::kWindow : Source::kOnDemand;
  return has_chunk_deadline ? Source::kMapOrWindow : source;
}

absl::Status InputSet::AddArray(const std::string& name, const NdView& array) {
  if (name.empty()) return absl::InvalidArgumentError("an array in memory needs a name");
  if (!in_memory_.emplace(name, array).second)
    return absl::InvalidArgumentError(absl::StrCat("there are two arrays named ", name));
  return absl::OkStatus();
}

bool InputSet::AnyInMemory(const std::vector<std::string>& names) const {
  return std::any_of(names.begin(), names.end(),
                     [this](const std::string& name) { return is_in_memory(name); });
}

absl::Status InputSet::Open(const std::vector<std::string>& names) {
  for (const std::string& name : names) {
    if (is_in_memory(name) || files_.count(name) != 0) continue;
    MPAIO_ASSIGN_OR_RETURN(ArrayFile file, SharedArray::Open(executor_, name));
    files_.emplace(name, std::move(file));
    if (files_.size() > kMostOpenInputs) files_.at(name).CloseForNow();
  }
  return absl::OkStatus();
}

absl::StatusOr<NdView> InputSet::Header(const std::string& name) const {
  if (const auto array = in_memory_.find(name); array != in_memory_.end())
    return NdView::Create(nullptr, array->second.dtype(), array->second.shape());
  const auto file = files_.find(name);
  if (file == files_.end())
    return absl::NotFoundError(absl::StrCat("the input ", name, " has not been opened"));
  return NdView::Create(nullptr, file->second.dtype(), file->second.shape());
}

absl::Status InputSet::Load(const LoadPolicy& policy) {
  const bool may_be_closed = files_.size() > kMostOpenInputs;
  for (auto& [name, file] : files_) {
    if (may_be_closed) MPAIO_RETURN_IF_ERROR(executor_.Agree(file.OpenAgain()));
    MPAIO_ASSIGN_OR_RETURN(SharedArray array,
                           SharedArray::Load(executor_, file, policy.SourceOf(name)));
    arrays_.emplace(name, std::move(array));
    // The loaded array keeps open what it needs of the file.
    file = ArrayFile();
  }
  files_.clear();
  return absl::OkStatus();
}

const NdView& InputSet::view(const std::string& name) const {
  const auto array = in_memory_.find(name);
  return array != in_memory_.end() ? array->second : arrays_.at(name).view();
}

Index InputSet::size_bytes() const {
  Index bytes = 0;
  for (const auto& [name, array] : in_memory_) bytes += array.size_bytes();
  for (const auto& [name, array] : arrays_) bytes += array.view().size_bytes();
  return bytes;
}

Index InputSet::copied_bytes() const {
  Index bytes = 0;
  for (const auto& [name, array] : arrays_)
    bytes += array.needs_file() ? 0 : array.view().size_bytes();
  return bytes;
}

Index InputSet::mapped_bytes() const {
  Index bytes = 0;
  for (const auto& [name, array] : arrays_)
    bytes += array.is_mapped() ? array.view().size_bytes() : 0;
  return bytes;
}

absl::Status InputSet::ReadFailure() const {
  absl::Status status;
  for (const auto& [name, array] : arrays_) status.Update(array.ReadFailure());
  return status;
}

absl::Status InputSet::CheckUnchanged(bool is_broken, bool* has_changed) {
  absl::Status first;
  bool needs_files = false;
  *has_changed = false;
  for (const auto& [name, array] : arrays_) {
    if (!array.needs_file()) continue;
    needs_files = true;
    *has_changed |= array.HasChanged();
    const absl::Status unchanged =
        is_broken ? array.CheckUnchanged() : executor_.Agree(array.CheckUnchanged());
    if (!unchanged.ok()) changes_.emplace(name, unchanged);
    first.Update(unchanged);
  }
  if (needs_files && !is_broken) {
    *has_changed =
        !executor_.Agree(*has_changed ? absl::DataLossError("changed") : absl::OkStatus()).ok();
  }
  return first;
}

const absl::Status* InputSet::ChangeOf(const std::vector<std::string>& names) const {
  for (const std::string& name : names) {
    if (const auto change = changes_.find(name); change != changes_.end()) return &change->second;
  }
  return nullptr;
}

}  // namespace mpaio
