// SPDX-License-Identifier: Apache-2.0
#include "mpaio/window/shared_array.h"

#include <cstddef>
#include <cstdint>
#include <new>
#include <span>
#include <system_error>
#include <thread>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/strings/string_view.h"
#include "mpaio/base/status_macros.h"
#include "mpaio/base/wire.h"
#include "mpaio/executor/input_guard.h"
#include "mpaio/format/array_parts.h"
#include "mpaio/host/file_mapping.h"
#include "mpaio/window/demand_loading.h"

namespace mpaio {
namespace {

// Smaller arrays are read at once in less than a millisecond, so that overlap gains nothing.
constexpr Index kLeastOnDemandBytes = Index{4} << 20;

absl::Status CheckSameOnAllRanks(Executor& executor, const ArrayFile& file) {
  const std::string mine = file.Describe();
  std::string of_rank_0;
  WireAppend(file.fingerprint(), &of_rank_0);
  WireAppendBytes(mine, &of_rank_0);
  MPAIO_RETURN_IF_ERROR(executor.Broadcast(&of_rank_0));
  WireReader reader(of_rank_0);
  std::uint64_t fingerprint = 0;
  absl::string_view description;
  reader.Read(&fingerprint);
  reader.ReadBytes(&description);
  absl::Status same;
  if (!reader.ok() || description != mine || fingerprint != file.fingerprint()) {
    same = absl::FailedPreconditionError(
        absl::StrCat(file.name(), " is not the same on every node: rank 0 sees ", description,
                     ", rank ", executor.rank(), " on ", executor.host(), " sees ", mine,
                     description == mine ? ", but a file of other contents" : "",
                     "; copy it to all nodes or put it on a shared file system"));
  }
  return executor.Agree(same);
}

// Encodes rank 0's description of a file that only rank 0 reads, for the others.
std::string Encode(const ArrayFile& file) {
  std::string bytes;
  WireAppendBytes(file.name(), &bytes);
  WireAppendBytes(file.dtype().ToString(), &bytes);
  for (const Index extent : file.shape()) WireAppend(extent, &bytes);
  return bytes;
}

absl::StatusOr<ArrayFile> Decode(absl::string_view bytes) {
  WireReader reader(bytes);
  absl::string_view name, dtype_text;
  reader.ReadBytes(&name);
  reader.ReadBytes(&dtype_text);
  std::vector<Index> shape;
  for (Index extent = 0; !reader.at_end() && reader.Read(&extent);) shape.push_back(extent);
  if (!reader.ok())
    return absl::InternalError("rank 0's description of an array cannot be decoded");
  MPAIO_ASSIGN_OR_RETURN(DType dtype, DType::Parse(dtype_text));
  return ArrayFile::Elsewhere(std::string(name), std::move(dtype), std::move(shape));
}

// Only rank 0 has standard input: `mpirun` passes it to no other rank.
absl::StatusOr<ArrayFile> OpenStandardInput(Executor& executor, const std::string& input) {
  if (executor.num_nodes() > 1) {
    return absl::FailedPreconditionError(
        absl::StrCat("standard input reaches one node only, and there are ", executor.num_nodes(),
                     "; save the array to a file that all nodes see"));
  }
  absl::StatusOr<ArrayFile> file;
  if (executor.rank() == 0) file = ArrayFile::Open(input);
  MPAIO_RETURN_IF_ERROR(executor.Agree(executor.rank() == 0 ? file.status() : absl::OkStatus()));
  std::string description;
  if (executor.rank() == 0) description = Encode(*file);
  MPAIO_RETURN_IF_ERROR(executor.Broadcast(&description));
  if (executor.rank() != 0) file = Decode(description);
  MPAIO_RETURN_IF_ERROR(executor.Agree(file.status()));
  return file;
}

// Fills `array` from the file with `count` threads. Errors: those of ArrayFile::LoadShare.
absl::Status LoadOnThreads(int count, const ArrayFile& file, std::span<std::byte> array,
                           const ArrayFile::BeforeWriting& before_writing) {
  std::vector<absl::Status> statuses(static_cast<std::size_t>(count));
  const auto load = [&](int share) {
    try {
      statuses[static_cast<std::size_t>(share)] =
          file.LoadShare(share, count, array, before_writing);
    } catch (const std::bad_alloc&) {
      statuses[static_cast<std::size_t>(share)] =
          absl::ResourceExhaustedError(absl::StrCat("no memory is left to load ", file.name()));
    }
  };
  std::vector<std::thread> threads;
  int num_started = 1;
  try {
    for (; num_started < count; ++num_started) threads.emplace_back(load, num_started);
  } catch (const std::system_error&) {
    // The system refuses another thread: the rest is loaded by this one.
  }
  load(0);
  for (int share = num_started; share < count; ++share) load(share);
  for (std::thread& thread : threads) thread.join();
  absl::Status first;
  for (const absl::Status& status : statuses) first.Update(status);
  return first;
}

}  // namespace

class SharedArray::LiveFile final : public InputGuard {
 public:
  explicit LiveFile(std::unique_ptr<FileMapping> mapping) : mapping_(std::move(mapping)) {}
  explicit LiveFile(std::unique_ptr<DemandLoading> loading) : loading_(std::move(loading)) {}

  absl::Status ReadFailure() const override {
    return mapping_ ? mapping_->ReadFailure() : loading_->ReadFailure();
  }
  absl::Status CheckUnchanged() const override {
    return mapping_ ? mapping_->CheckUnchanged() : loading_->CheckUnchanged();
  }
  bool HasChanged() const {
    return mapping_ ? !mapping_->CheckUnchanged().ok() : loading_->HasChanged();
  }

 private:
  // One of them is null.
  const std::unique_ptr<FileMapping> mapping_;
  const std::unique_ptr<DemandLoading> loading_;
};

absl::StatusOr<SharedArray> SharedArray::Create(Executor& executor, DType dtype,
                                                std::vector<Index> shape, PagePolicy page_policy) {
  MPAIO_ASSIGN_OR_RETURN(const Index size_bytes, ArraySizeBytes(dtype, shape));
  MPAIO_ASSIGN_OR_RETURN(SharedMemory* const memory, executor.Allocate(size_bytes, page_policy));
  MPAIO_ASSIGN_OR_RETURN(MutableNdView array,
                         MutableNdView::Create(memory->data(), dtype, std::move(shape)));
  return SharedArray(memory, std::move(array));
}

absl::StatusOr<ArrayFile> SharedArray::Open(Executor& executor, const std::string& input) {
  if (ArrayFile::IsStandardInput(input)) return OpenStandardInput(executor, input);
  absl::StatusOr<ArrayFile> file = ArrayFile::Open(input);
  MPAIO_RETURN_IF_ERROR(executor.Agree(file.status()));
  MPAIO_RETURN_IF_ERROR(CheckSameOnAllRanks(executor, *file));
  return file;
}

absl::StatusOr<SharedArray> SharedArray::FromFile(Executor& executor, const std::string& input) {
  MPAIO_ASSIGN_OR_RETURN(const ArrayFile file, Open(executor, input));
  return Load(executor, file);
}

absl::StatusOr<SharedArray> SharedArray::Map(Executor& executor, const ArrayFile& file,
                                             Source source) {
  // One lease per node is enough: it detects writers on the whole node.
  absl::StatusOr<std::unique_ptr<FileMapping>> mapping =
      file.Map(/*takes_lease=*/executor.node_rank() == 0);
  if (source == Source::kMap && absl::IsPermissionDenied(mapping.status()))
    mapping = file.Map(/*takes_lease=*/false);
  MPAIO_RETURN_IF_ERROR(executor.Agree(mapping.status()));
  SharedArray array;
  MPAIO_ASSIGN_OR_RETURN(array.mapped_,
                         NdView::Create((*mapping)->data(), file.dtype(), file.shape()));
  array.is_mapped_ = true;
  array.file_ = std::make_shared<const LiveFile>(*std::move(mapping));
  executor.AddInputGuard(array.file_);
  array.sealed_ = true;
  return array;
}

absl::StatusOr<SharedArray> SharedArray::LoadOnDemand(Executor& executor, const ArrayFile& file) {
  absl::StatusOr<std::unique_ptr<ArrayParts>> parts = file.Parts();
  MPAIO_RETURN_IF_ERROR(executor.Agree(parts.status()));
  MPAIO_ASSIGN_OR_RETURN(
      SharedMemory* const memory,
      executor.Allocate(DemandLoading::SizeBytes(file.size_bytes()), PagePolicy::kOnDemand));
  absl::StatusOr<std::unique_ptr<DemandLoading>> loading =
      DemandLoading::Create(*memory, *std::move(parts));
  const absl::Status made = executor.Agree(loading.status());
  if (absl::IsUnimplemented(made)) {
    // Some rank cannot load on demand. The same memory is used, because there may be none for a
    // second window.
    loading = made;
    MPAIO_RETURN_IF_ERROR(executor.Agree(memory->AllowStores()));
    return LoadAtOnce(executor, file, *memory);
  }
  MPAIO_RETURN_IF_ERROR(made);
  MPAIO_ASSIGN_OR_RETURN(MutableNdView view,
                         MutableNdView::Create(memory->data(), file.dtype(), file.shape()));
  SharedArray array(memory, std::move(view));
  array.file_ = std::make_shared<const LiveFile>(*std::move(loading));
  executor.AddInputGuard(array.file_);
  array.sealed_ = true;
  return array;
}

absl::Status SharedArray::CheckUnchanged() const {
  return file_ ? file_->CheckUnchanged() : absl::OkStatus();
}

bool SharedArray::HasChanged() const { return file_ && file_->HasChanged(); }

absl::Status SharedArray::ReadFailure() const {
  return file_ ? file_->ReadFailure() : absl::OkStatus();
}

absl::StatusOr<SharedArray> SharedArray::Load(Executor& executor, const ArrayFile& file,
                                              Source source) {
  if (source == Source::kAuto || source == Source::kMap || source == Source::kMapOrWindow) {
    absl::StatusOr<SharedArray> mapped = Map(executor, file, source);
    if (mapped.ok() || source == Source::kMap) return mapped;
    // FailedPrecondition: another process has the file open for writing, and may change it soon.
    // The array is then read at once.
    source = source == Source::kAuto && !absl::IsFailedPrecondition(mapped.status())
                 ? Source::kOnDemand
                 : Source::kWindow;
  }
  // All ranks take the same branch, because all see the same size.
  if (source == Source::kOnDemand && file.size_bytes() >= kLeastOnDemandBytes) {
    absl::StatusOr<SharedArray> on_demand = LoadOnDemand(executor, file);
    if (!absl::IsUnimplemented(on_demand.status())) return on_demand;
  }
  MPAIO_ASSIGN_OR_RETURN(
      SharedMemory* const memory,
      executor.Allocate(file.size_bytes(),
                        file.writes_in_order() ? PagePolicy::kWhenWritten : PagePolicy::kNow));
  return LoadAtOnce(executor, file, *memory);
}

absl::StatusOr<SharedArray> SharedArray::LoadAtOnce(Executor& executor, const ArrayFile& file,
                                                    SharedMemory& memory) {
  MPAIO_ASSIGN_OR_RETURN(MutableNdView view,
                         MutableNdView::Create(memory.data(), file.dtype(), file.shape()));
  SharedArray array(&memory, std::move(view));
  const Index size_bytes = array.view().size_bytes();
  std::byte* const data = array.array_.mutable_data();
  ArrayFile::BeforeWriting before_writing;
  if (file.writes_in_order()) {
    before_writing = [&memory, data](std::span<std::byte> piece) {
      const Index begin = piece.data() - data;
      return memory.Populate(begin, begin + static_cast<Index>(piece.size()));
    };
  }
  const std::span<std::byte> bytes(data, static_cast<std::size_t>(size_bytes));
  // In a thread pool rank 0 alone makes this call, and loads for all.
  const absl::Status loaded =
      executor.shares_workers()
          ? LoadOnThreads(executor.node_size(), file, bytes, before_writing)
          : file.LoadShare(executor.node_rank(), executor.node_size(), bytes, before_writing);
  MPAIO_RETURN_IF_ERROR(executor.Agree(loaded));
  MPAIO_RETURN_IF_ERROR(array.Seal(executor));
  return array;
}

absl::Status SharedArray::Seal(Executor& executor) {
  if (sealed_) return absl::OkStatus();
  // An error on one rank is returned on all.
  absl::Status sealed = memory_->Synchronize();
  if (sealed.ok()) sealed = memory_->ProtectReadOnly();
  MPAIO_RETURN_IF_ERROR(executor.Agree(sealed));
  sealed_ = true;
  return absl::OkStatus();
}

}  // namespace mpaio
