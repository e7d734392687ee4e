// SPDX-License-Identifier: Apache-2.0

// An n-d array in the shared memory of each node.
#ifndef MPAIO_WINDOW_SHARED_ARRAY_H_
#define MPAIO_WINDOW_SHARED_ARRAY_H_

#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "mpaio/array/array_file.h"
#include "mpaio/array/dtype.h"
#include "mpaio/array/file_mapping.h"
#include "mpaio/array/nd_view.h"
#include "mpaio/base/index.h"
#include "mpaio/executor/executor.h"
#include "mpaio/window/demand_loading.h"

namespace mpaio {

// Where a loaded array's bytes are.
enum class Source {
  // In the file itself, where it can be mapped and protected (FileMapping, with a lease); else in a
  // window: at once where somebody has the file open to write, on demand otherwise.
  kAuto,
  // The same, but if it is a window then at once.
  kMapOrWindow,
  // In shared memory, into which they are read: a copy.
  kWindow,
  // The same, but each part is read when it is first touched, by whoever touches it: loading and
  // processing overlap. What cannot be read in parts (a stream, an archive, Fortran's order) is
  // read at once, and so is what is small. The file must stay as it is until the array has been
  // read.
  kOnDemand,
  // In the file itself: the page cache is memory that a node's processes share already. Nothing is
  // copied, and nothing takes room. Where the system has no lease to give, it is only looked
  // afterwards whether the file was changed.
  kMap,
};

// Its life: create, fill, seal. After sealing it is constant: a store to it by any rank is a fault
// in that rank, never a changed input.
//
// Each node of the pool holds a copy of its own, complete; the first byte is aligned to 64 bytes.
// The memory belongs to the executor, which must outlive the array and every view of it; the array
// itself is a handle, cheap to move.
class SharedArray {
 public:
  SharedArray() = default;
  SharedArray(SharedArray&&) = default;
  SharedArray& operator=(SharedArray&&) = default;

  // Collective over the executor's pool. Opens what `input` names: a .npy, an .npz, raw bytes,
  // standard input (see ArrayFile::Open). Only headers are read, so that what cannot be worked on
  // is found out before it is loaded. Every node must see the same file. Standard input is read by
  // rank 0 alone; on the other ranks the result only says what the array is. Errors, the same on
  // every rank: those of ArrayFile::Open; FailedPrecondition where nodes see different files, or
  // for standard input where there are several nodes.
  static absl::StatusOr<ArrayFile> Open(Executor& executor, const std::string& input);

  // Collective over the executor's pool. Loads what Open gave, in C order and this machine's byte
  // order: the ranks of a node each read their share of the bytes straight into the window, or map
  // the file, or see to it that parts are read when they are touched. Returns it sealed. Errors,
  // the same on every rank: those of ArrayFile::LoadShare; ResourceExhausted where a node has not
  // the room; with kMap, those of ArrayFile::Map.
  static absl::StatusOr<SharedArray> Load(Executor& executor, const ArrayFile& file,
                                          Source source = Source::kWindow);

  // Open and Load.
  static absl::StatusOr<SharedArray> FromFile(Executor& executor, const std::string& input);

  // Collective over the executor's pool. An array of zeros, not sealed. Every rank must pass the
  // same type and shape. Errors: InvalidArgument where the shape does not fit 63 bits;
  // ResourceExhausted where a node has not the room.
  static absl::StatusOr<SharedArray> Create(Executor& executor, DType dtype,
                                            std::vector<Index> shape) {
    return Create(executor, std::move(dtype), std::move(shape), PagePolicy::kNow);
  }
  // The same, with memory behind its pages when `page_policy` says.
  static absl::StatusOr<SharedArray> Create(Executor& executor, DType dtype,
                                            std::vector<Index> shape, PagePolicy page_policy);

  // The array as this rank sees it. Valid as long as the executor is open.
  // A system call that is given what was loaded on demand, and not read yet, fails (EFAULT).
  const NdView& view() const { return mapping_ ? mapped_ : array_.view(); }
  bool is_sealed() const { return sealed_; }

  // The same, to write to. Only before it is sealed.
  const MutableNdView& mutable_view() const { return array_; }

  // Memory behind these bytes of an array that was created, before they are written. Not
  // collective. Errors: ResourceExhausted where there is none left.
  absl::Status Populate(Index begin, Index end) const { return memory_->Populate(begin, end); }

  // Whether the file itself was mapped.
  bool is_mapped() const { return mapping_ != nullptr; }
  // Whether the file is still read after Load, so that it matters whether it changes.
  bool needs_file() const { return mapping_ != nullptr || loading_ != nullptr; }
  // After the array was read, on each rank: whether what was read is what the file held. Not
  // collective. Of what does not need the file it always is. Errors: those of
  // FileMapping::CheckUnchanged and DemandLoading::CheckUnchanged.
  absl::Status CheckUnchanged() const;
  // On each rank: whether the file is not what it was, so that what follows from it so far may be
  // made of either; not for CheckUnchanged's other reasons. A mapped file whose page could not be
  // had is taken to have changed. Not collective.
  bool HasChanged() const;
  // Why some of it could not be read so far, and is zeros. Not collective, and cheap: to be asked
  // before what follows from it leaves the rank (RunOptions::check_inputs). Errors: those of
  // FileMapping::ReadFailure and DemandLoading::ReadFailure.
  absl::Status ReadFailure() const;

  // Collective over the executor's pool. What any rank of a node stored before is seen by all ranks
  // of the node after.
  absl::Status Seal(Executor& executor);

 private:
  static absl::StatusOr<SharedArray> LoadOnDemand(Executor& executor, const ArrayFile& file);
  static absl::StatusOr<SharedArray> LoadAtOnce(Executor& executor, const ArrayFile& file,
                                                SharedMemory& memory);
  static absl::StatusOr<SharedArray> Map(Executor& executor, const ArrayFile& file, Source source);
  SharedArray(SharedMemory* memory, MutableNdView array)
      : memory_(memory), array_(std::move(array)) {}

  SharedMemory* memory_ = nullptr;
  MutableNdView array_;
  std::unique_ptr<FileMapping> mapping_;
  std::unique_ptr<DemandLoading> loading_;
  NdView mapped_;
  bool sealed_ = false;
};

}  // namespace mpaio

#endif  // MPAIO_WINDOW_SHARED_ARRAY_H_
