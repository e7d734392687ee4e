// SPDX-License-Identifier: Apache-2.0
#include "mpaio/jobs/output_files.h"

#include <algorithm>

#include "absl/strings/str_cat.h"
#include "mpaio/base/status_macros.h"
#include "mpaio/format/npy_writer.h"
#include "mpaio/worker/guard.h"

namespace mpaio {

absl::Status OutputFiles::Check(const std::string& path, Index size_bytes) const {
  bool is_in_place = false;
  MPAIO_RETURN_IF_ERROR(CheckWritable(path, size_bytes, &is_in_place));
  // Inputs stay mapped until the end, under a lease for which a writer would wait.
  const bool is_read = std::any_of(plan_.begin(), plan_.end(),
                                   [&](const PlannedJob& job) { return job.MayRead(path); });
  if (!is_in_place || !is_read) return absl::OkStatus();
  return absl::InvalidArgumentError(absl::StrCat(
      path,
      " is an input, and cannot be replaced but only written in place, as it is a mount point or "
      "its directory does not permit it; give another output"));
}

absl::StatusOr<OutputArray> OutputFiles::Journaled(absl::StatusOr<OutputArray> array) const {
  if (array.ok() && is_journaled_) array->set_rows_travel();
  return array;
}

absl::StatusOr<OutputArray> OutputFiles::Allocate(DType dtype, std::vector<Index> shape) {
  return Journaled(OutputArray::Create(executor_, std::move(dtype), std::move(shape)));
}

absl::StatusOr<OutputArray> OutputFiles::Reserve(DType dtype, std::vector<Index> shape) {
  return Journaled(OutputArray::Reserve(executor_, std::move(dtype), std::move(shape)));
}

absl::StatusOr<OutputArray> OutputFiles::CreateInFile(std::size_t j, const std::string& key,
                                                      DType dtype, std::vector<Index> shape) {
  const std::vector<std::pair<std::string, std::string>> outputs = plan_[j].Outputs();
  const auto output = std::find_if(outputs.begin(), outputs.end(),
                                   [&key](const auto& named) { return named.first == key; });
  if (output == outputs.end())
    return absl::FailedPreconditionError(absl::StrCat("no file was given for output '", key, "'"));
  MPAIO_ASSIGN_OR_RETURN(OutputArray array,
                         Journaled(OutputArray::CreateInFile(executor_, output->second,
                                                             std::move(dtype), std::move(shape))));
  if (executor_.rank() == 0) in_files_[{j, key}] = array.file();
  return array;
}

void OutputFiles::Keep(std::size_t j, const std::string& key, AnswerArray array) {
  kept_[{j, key}] = std::move(array);
}

const AnswerArray* OutputFiles::Kept(std::size_t j, const std::string& key) const {
  const auto kept = kept_.find({j, key});
  return kept == kept_.end() ? nullptr : &kept->second;
}

NdView OutputFiles::View(std::size_t j, const std::string& key, const Job& job) const {
  const AnswerArray* const kept = Kept(j, key);
  return kept == nullptr ? job.output() : kept->view();
}

absl::StatusOr<std::shared_ptr<NpyFile>> OutputFiles::Written(std::size_t j, const std::string& key,
                                                              const std::string& path,
                                                              const Job& job) const {
  std::shared_ptr<NpyFile> file;
  if (const auto in_file = in_files_.find({j, key}); in_file != in_files_.end()) {
    file = in_file->second;
  } else {
    MPAIO_ASSIGN_OR_RETURN(NpyFile written, WriteUncommitted(path, View(j, key, job)));
    file = std::make_shared<NpyFile>(std::move(written));
  }
  MPAIO_RETURN_IF_ERROR(file->Flush());
  return file;
}

absl::Status OutputFiles::Save(std::size_t j, const Job& job) {
  const std::vector<std::pair<std::string, std::string>> outputs = plan_[j].Outputs();
  std::vector<std::shared_ptr<NpyFile>> files;
  absl::Status failure;
  for (const auto& [key, path] : outputs) {
    absl::StatusOr<std::shared_ptr<NpyFile>> file =
        CallGuarded("output", [&, &key = key, &path = path] { return Written(j, key, path, job); });
    if (file.ok()) {
      files.push_back(*std::move(file));
    } else {
      failure.Update(file.status());
    }
  }
  if (!failure.ok()) {
    // No file has its name yet. Hours of work may be in them, so they are kept.
    for (const auto& [key, path] : outputs) {
      const auto in_file = in_files_.find({j, key});
      failure = CallGuarded("output", [&, &key = key, &path = path] {
        return in_file != in_files_.end() ? in_file->second->Keep(failure)
                                          : KeepNpy(path, View(j, key, job), failure);
      });
    }
    return failure;
  }
  for (const std::shared_ptr<NpyFile>& file : files) failure.Update(file->Commit());
  return failure;
}

}  // namespace mpaio
