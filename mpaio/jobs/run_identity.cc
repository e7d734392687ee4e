// SPDX-License-Identifier: Apache-2.0
#include "mpaio/jobs/run_identity.h"

#include <xxhash.h>

#include <algorithm>
#include <cstddef>
#include <map>
#include <memory>
#include <new>
#include <nlohmann/json.hpp>
#include <span>
#include <type_traits>

#include "absl/strings/escaping.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "absl/strings/str_join.h"
#include "mpaio/array/shape.h"
#include "mpaio/base/status_macros.h"
#include "mpaio/base/version.h"
#include "mpaio/format/array_file.h"
#include "mpaio/host/file_io.h"
#include "mpaio/host/file_stamp.h"

namespace mpaio {
namespace {

using Json = nlohmann::ordered_json;

// Version of the text's format.
constexpr int kFormat = 1;
constexpr std::int64_t kNanoseconds = 1'000'000'000;
constexpr char kAnew[] = ", or start anew with another journal";

class Digest {
 public:
  Digest() : state_(XXH3_createState()) {
    if (state_ == nullptr) throw std::bad_alloc();
    XXH3_128bits_reset(state_.get());
  }
  void Add(const void* bytes, std::size_t size_bytes) {
    XXH3_128bits_update(state_.get(), bytes, size_bytes);
  }
  std::string Hex() const {
    XXH128_canonical_t canonical;
    XXH128_canonicalFromHash(&canonical, XXH3_128bits_digest(state_.get()));
    return absl::BytesToHexString(absl::string_view(reinterpret_cast<const char*>(canonical.digest),
                                                    sizeof(canonical.digest)));
  }

 private:
  struct Free {
    void operator()(XXH3_state_t* state) const { XXH3_freeState(state); }
  };
  std::unique_ptr<XXH3_state_t, Free> state_;
};

std::string PartitionText(Partition partition) {
  switch (partition.kind()) {
    case Partition::Kind::kAuto:
      return "auto";
    case Partition::Kind::kChunkSize:
      return absl::StrCat(partition.value());
    case Partition::Kind::kChunkCount:
      return absl::StrCat("count:", partition.value());
  }
  return "";
}

constexpr std::pair<Partition::Kind, const char*> kPartitionKinds[] = {
    {Partition::Kind::kAuto, "auto"},
    {Partition::Kind::kChunkSize, "chunk_size"},
    {Partition::Kind::kChunkCount, "chunk_count"}};

std::string JobText(const RunIdentity::Job& job) {
  return absl::StrCat(job.worker, " ", job.input, job.output.empty() ? "" : " ", job.output);
}

std::string JobsText(const RunIdentity& identity) {
  return absl::StrJoin(identity.jobs, " + ", [](std::string* out, const RunIdentity::Job& job) {
    absl::StrAppend(out, JobText(job));
  });
}

// Reads the value of `key`. Returns false if there is none of this type.
template <typename T>
bool Get(const Json& object, const char* key, T* value) {
  const auto at = object.find(key);
  if (at == object.end()) return false;
  if constexpr (std::is_same_v<T, bool>) {
    if (!at->is_boolean()) return false;
  } else if constexpr (std::is_integral_v<T>) {
    if (!at->is_number_integer()) return false;
    const std::optional<T> number = CheckedCast<T>(at->template get<std::int64_t>());
    if (number.has_value()) *value = *number;
    return number.has_value();
  } else if constexpr (std::is_same_v<T, std::string>) {
    if (!at->is_string()) return false;
  } else {
    static_assert(std::is_same_v<T, std::vector<Index>>);
    if (!at->is_array() || !std::all_of(at->begin(), at->end(), [](const Json& extent) {
          return extent.is_number_integer();
        }))
      return false;
  }
  *value = at->template get<T>();
  return true;
}

bool Parse(const Json& object, Partition* partition) {
  std::string kind;
  Index value = 0;
  if (!Get(object, "kind", &kind) || !Get(object, "value", &value)) return false;
  const auto found = std::find_if(std::begin(kPartitionKinds), std::end(kPartitionKinds),
                                  [&](const auto& named) { return named.second == kind; });
  if (found == std::end(kPartitionKinds)) return false;
  *partition = found->first == Partition::Kind::kAuto        ? Partition::Auto()
               : found->first == Partition::Kind::kChunkSize ? Partition::ChunkSize(value)
                                                             : Partition::ChunkCount(value);
  return true;
}

bool Parse(const Json& object, RunIdentity::Job* job) {
  if (!Get(object, "worker", &job->worker) || !Get(object, "input", &job->input) ||
      !Get(object, "output", &job->output))
    return false;
  Index chunks = 0;
  if (object.contains("chunks")) {
    if (!Get(object, "chunks", &chunks)) return false;
    job->chunks = chunks;
  }
  const auto parameters = object.find("parameters");
  if (parameters == object.end() || !parameters->is_object()) return false;
  for (const auto& [key, value] : parameters->items()) {
    if (!value.is_string()) return false;
    job->parameters.emplace_back(key, value.get<std::string>());
  }
  return true;
}

bool Parse(const Json& object, RunIdentity::Input* input) {
  FileState& file = input->file;
  return Get(object, "name", &input->name) && Get(object, "path", &input->path) &&
         Get(object, "dtype", &input->dtype) && Get(object, "shape", &input->shape) &&
         Get(object, "size_bytes", &file.size_bytes) && Get(object, "mtime_ns", &file.mtime_ns) &&
         Get(object, "digest", &file.digest) && Get(object, "digest_is_of_all", &file.is_whole);
}

template <typename T>
bool ParseAll(const Json& object, const char* key, std::vector<T>* all) {
  const auto list = object.find(key);
  if (list == object.end() || !list->is_array()) return false;
  for (const Json& one : *list) {
    if (!Parse(one, &all->emplace_back())) return false;
  }
  return true;
}

absl::Status Differs(absl::string_view how, absl::string_view remedy) {
  return absl::FailedPreconditionError(absl::StrCat(how, "; ", remedy, kAnew));
}

// Returns the value of `key`, or nullptr.
const std::string* Find(const std::vector<std::pair<std::string, std::string>>& parameters,
                        const std::string& key) {
  const auto found = std::find_if(parameters.begin(), parameters.end(),
                                  [&key](const auto& parameter) { return parameter.first == key; });
  return found == parameters.end() ? nullptr : &found->second;
}

absl::Status CheckSameParameters(const RunIdentity::Job& journal, const RunIdentity::Job& now) {
  std::vector<std::string> keys;
  for (const auto& [key, value] : journal.parameters) keys.push_back(key);
  for (const auto& [key, value] : now.parameters) keys.push_back(key);
  for (const std::string& key : keys) {
    const std::string* const was = Find(journal.parameters, key);
    const std::string* const is = Find(now.parameters, key);
    if (was != nullptr && is != nullptr && *was == *is) continue;
    return Differs(
        absl::StrCat(JobText(now), ": parameter ", key, " was ", was == nullptr ? "absent" : *was,
                     ", is now ", is == nullptr ? "absent" : *is),
        "give the same parameters");
  }
  return absl::OkStatus();
}

absl::Status CheckSameInput(const RunIdentity::Input& journal, const RunIdentity::Input& now) {
  const auto changed = [&](absl::string_view how) {
    return Differs(absl::StrCat(now.name, " has changed since the journal was written: ", how),
                   "give the input that it was written with");
  };
  const FileState& was = journal.file;
  const FileState& is = now.file;
  if (was.size_bytes != is.size_bytes)
    return changed(absl::StrCat(was.size_bytes, " bytes then, ", is.size_bytes, " now"));
  if (journal.dtype != now.dtype || journal.shape != now.shape) {
    return changed(absl::StrCat(journal.dtype, " ", ShapeToString(journal.shape), " then, ",
                                now.dtype, " ", ShapeToString(now.shape), " now"));
  }
  if (was.digest != is.digest || was.is_whole != is.is_whole)
    return changed(absl::StrCat("still ", is.size_bytes, " bytes, but different ones"));
  if (was.mtime_ns == is.mtime_ns || is.is_whole) return absl::OkStatus();
  // Rounded down, so that the fraction is never negative.
  const std::int64_t fraction = (was.mtime_ns % kNanoseconds + kNanoseconds) % kNanoseconds;
  const std::string then =
      absl::StrFormat("%d.%09d", (was.mtime_ns - fraction) / kNanoseconds, fraction);
  return Differs(
      absl::StrCat(
          now.name,
          " may have changed since the journal was written: its modification time differs, "
          "and only samples of its ",
          is.size_bytes, " bytes are compared, which are the same"),
      absl::StrCat("if you know that it is the same, restore the time (touch -d @", then, " ",
                   now.path, ")"));
}

}  // namespace

absl::StatusOr<FileState> ReadFileState(const std::string& path) {
  MPAIO_ASSIGN_OR_RETURN(const OpenFile file, OpenRegularFile(path));
  MPAIO_ASSIGN_OR_RETURN(const FileStamp before, FileStamp::Of(file.fd.get(), path));
  const absl::Status changes = absl::FailedPreconditionError(
      absl::StrCat(path, " is being written; wait until it is complete"));
  FileState state;
  state.size_bytes = before.size_bytes();
  state.mtime_ns = before.mtime_ns();
  state.is_whole = state.size_bytes <= kWholeDigestBytes;

  const Index blocks =
      state.is_whole ? CeilDivide(state.size_bytes, kDigestBlockBytes) : kDigestBlocks;
  Digest digest;
  std::vector<std::byte> block(static_cast<std::size_t>(kDigestBlockBytes));
  for (Index b = 0; b < blocks; ++b) {
    // The last block of a large file ends where the file ends. The remainder of the division is
    // spread evenly over the distances between blocks, without a product that overflows.
    const Index last_offset = state.size_bytes - kDigestBlockBytes;
    const Index step = last_offset / (kDigestBlocks - 1), rest = last_offset % (kDigestBlocks - 1);
    const Index offset =
        state.is_whole ? b * kDigestBlockBytes : b * step + b * rest / (kDigestBlocks - 1);
    const std::span<std::byte> piece = std::span(block).first(
        static_cast<std::size_t>(std::min(kDigestBlockBytes, state.size_bytes - offset)));
    const Index got_bytes = ReadAt(file.fd.get(), piece, offset);
    if (got_bytes < 0)
      return ErrnoStatus(static_cast<int>(-got_bytes), absl::StrCat("cannot read ", path));
    if (got_bytes != static_cast<Index>(piece.size())) return changes;
    digest.Add(piece.data(), piece.size());
  }
  unsigned char length[8];
  for (int i = 0; i < 8; ++i)
    length[i] = static_cast<unsigned char>(static_cast<std::uint64_t>(state.size_bytes) >> (8 * i));
  digest.Add(length, sizeof(length));
  state.digest = digest.Hex();
  MPAIO_ASSIGN_OR_RETURN(const FileStamp after, FileStamp::Of(file.fd.get(), path));
  if (after != before) return changes;
  return state;
}

absl::StatusOr<RunIdentity> IdentityOf(const std::vector<PlannedJob>& plan, Partition partition,
                                       int parallelism) {
  RunIdentity identity;
  identity.version = kVersion;
  identity.partition = partition;
  identity.parallelism = parallelism;
  std::map<std::string, FileState> states;  // by path: arrays of one archive are in one file
  for (const PlannedJob& planned : plan) {
    RunIdentity::Job& job = identity.jobs.emplace_back();
    job.worker = planned.spec.worker;
    job.input = planned.spec.input;
    job.output = planned.spec.output;
    for (const ParameterInfo& parameter : planned.info->parameters)
      job.parameters.emplace_back(parameter.key(), planned.parameters.Text(parameter.key()));

    for (const std::string& name : planned.InputNames()) {
      if (std::any_of(identity.inputs.begin(), identity.inputs.end(),
                      [&name](const RunIdentity::Input& input) { return input.name == name; }))
        continue;
      if (ArrayFile::IsStandardInput(name)) {
        return absl::InvalidArgumentError(
            absl::StrCat("worker ", planned.spec.worker,
                         ": standard input cannot be read again when the run is resumed: "
                         "with a journal, give the name of a file"));
      }
      MPAIO_ASSIGN_OR_RETURN(const ArrayFile file, ArrayFile::Open(name));
      RunIdentity::Input& input = identity.inputs.emplace_back();
      input.name = name;
      input.path = file.path();
      input.dtype = file.dtype().ToString();
      input.shape = file.shape();
      auto state = states.find(file.path());
      if (state == states.end()) {
        MPAIO_ASSIGN_OR_RETURN(FileState read, ReadFileState(file.path()));
        state = states.emplace(file.path(), std::move(read)).first;
      }
      input.file = state->second;
    }
  }
  // Converted to text and back, as in a journal, so that it compares equal even if a name is not
  // UTF-8.
  return ParseIdentity(IdentityText(identity));
}

std::string IdentityText(const RunIdentity& identity) {
  Json jobs = Json::array(), inputs = Json::array();
  for (const RunIdentity::Job& job : identity.jobs) {
    Json parameters = Json::object();
    for (const auto& [key, value] : job.parameters) parameters[key] = value;
    Json object = {{"worker", job.worker},
                   {"input", job.input},
                   {"output", job.output},
                   {"parameters", std::move(parameters)}};
    if (job.chunks.has_value()) object["chunks"] = *job.chunks;
    jobs.push_back(std::move(object));
  }
  for (const RunIdentity::Input& input : identity.inputs) {
    inputs.push_back({{"name", input.name},
                      {"path", input.path},
                      {"dtype", input.dtype},
                      {"shape", input.shape},
                      {"size_bytes", input.file.size_bytes},
                      {"mtime_ns", input.file.mtime_ns},
                      {"digest", input.file.digest},
                      {"digest_is_of_all", input.file.is_whole}});
  }
  const auto kind =
      std::find_if(std::begin(kPartitionKinds), std::end(kPartitionKinds),
                   [&](const auto& named) { return named.first == identity.partition.kind(); });
  const Json object = {
      {"format", kFormat},
      {"mpaio", identity.version},
      {"partition", {{"kind", kind->second}, {"value", identity.partition.value()}}},
      {"parallelism", identity.parallelism},
      {"jobs", std::move(jobs)},
      {"inputs", std::move(inputs)}};
  return object.dump(-1, ' ', false, Json::error_handler_t::replace);
}

absl::StatusOr<RunIdentity> ParseIdentity(absl::string_view text) {
  const Json object = Json::parse(text.begin(), text.end(), nullptr, /*allow_exceptions=*/false);
  const absl::Status damaged = absl::DataLossError(
      "the journal's description of its run is damaged; start anew with another journal");
  int format = 0;
  RunIdentity identity;
  if (!object.is_object() || !Get(object, "format", &format) ||
      !Get(object, "mpaio", &identity.version))
    return damaged;
  if (format != kFormat) {
    return Differs(
        absl::StrCat("the journal was written by mpaio ", identity.version, ", this is ", kVersion),
        "go on with that version");
  }
  const auto partition = object.find("partition");
  if (partition == object.end() || !Parse(*partition, &identity.partition) ||
      !Get(object, "parallelism", &identity.parallelism) || identity.parallelism < 1 ||
      !ParseAll(object, "jobs", &identity.jobs) || !ParseAll(object, "inputs", &identity.inputs)) {
    return damaged;
  }
  return identity;
}

absl::Status CheckSameRun(const RunIdentity& journal, const RunIdentity& now) {
  if (journal.version != now.version) {
    return Differs(absl::StrCat("the journal was written by mpaio ", journal.version, ", this is ",
                                now.version),
                   "go on with that version");
  }
  if (journal.jobs.size() != now.jobs.size()) {
    return Differs(absl::StrCat("the journal is for ", JobsText(journal), ", this command for ",
                                JobsText(now)),
                   "give the command that it was written by");
  }
  for (std::size_t j = 0; j < now.jobs.size(); ++j) {
    const std::string was = JobText(journal.jobs[j]), is = JobText(now.jobs[j]);
    if (journal.jobs[j].worker != now.jobs[j].worker ||
        journal.jobs[j].input != now.jobs[j].input ||
        journal.jobs[j].output != now.jobs[j].output) {
      return Differs(absl::StrCat("the journal is for ", was, ", this command for ", is),
                     "give the command that it was written by");
    }
    MPAIO_RETURN_IF_ERROR(CheckSameParameters(journal.jobs[j], now.jobs[j]));
  }
  if (journal.partition != now.partition) {
    const std::string was = absl::StrCat("--chunk=", PartitionText(journal.partition));
    return Differs(absl::StrCat("the journal was written with ", was,
                                ", this command has --chunk=", PartitionText(now.partition)),
                   absl::StrCat("give ", was));
  }
  for (const RunIdentity::Input& input : now.inputs) {
    const auto same =
        std::find_if(journal.inputs.begin(), journal.inputs.end(),
                     [&input](const RunIdentity::Input& was) { return was.name == input.name; });
    if (same == journal.inputs.end())
      return Differs(absl::StrCat("the journal has no input ", input.name),
                     "give the command that it was written by");
    MPAIO_RETURN_IF_ERROR(CheckSameInput(*same, input));
  }
  for (std::size_t j = 0; j < now.jobs.size(); ++j) {
    const std::optional<Index>& was = journal.jobs[j].chunks;
    const std::optional<Index>& is = now.jobs[j].chunks;
    if (!was.has_value() || !is.has_value() || *was == *is) continue;
    return Differs(absl::StrCat(JobText(now.jobs[j]), " had ", *was,
                                " chunks when the journal was written, has now ", *is),
                   "go on with the program that wrote it");
  }
  return absl::OkStatus();
}

}  // namespace mpaio
