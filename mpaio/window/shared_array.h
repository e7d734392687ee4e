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
#include "mpaio/array/dtype.h"
#include "mpaio/array/nd_view.h"
#include "mpaio/base/index.h"
#include "mpaio/executor/executor.h"
#include "mpaio/format/array_file.h"

namespace mpaio {

// The location of a loaded array's bytes.
enum class Source {
  // In the file itself, where it can be mapped and protected (FileMapping, with a lease); else in a
  // window: loaded at once where another process has the file open for writing, on demand
  // otherwise.
  kAuto,
  // The same, but a window is always loaded at once.
  kMapOrWindow,
  // In a window, which is shared memory: a copy, read at once.
  kWindow,
  // In a window, but the rank that first touches a part reads it then: loading and processing
  // overlap. A small array, and one that cannot be read in parts (a stream, an archive, Fortran
  // order), is read at once. The file must not change until the array has been read.
  kOnDemand,
  // In the file itself: the page cache is memory that a node's processes share already. Nothing is
  // copied, and no memory is allocated. Where the system cannot grant a lease, a change of the file
  // is only detected afterwards.
  kMap,
};

// Lifecycle: create, fill, seal. A sealed array is constant: a store to it by any rank is a fault
// (SIGSEGV) in that rank, and never changes the input.
//
// Each node of the pool has a complete copy; the first byte is aligned to 64 bytes. The window
// belongs to the executor, which must outlive the array and every view of it. The array itself is a
// handle, cheap to move; it owns a mapping of the file, if there is one. A run that has been
// started keeps the mapping until it ends, even if the array is destroyed.
class SharedArray {
 public:
  SharedArray() = default;
  SharedArray(SharedArray&&) = default;
  SharedArray& operator=(SharedArray&&) = default;

  // Collective over the executor's pool. Opens the array that `input` names: a .npy, an .npz, raw
  // bytes, standard input (see ArrayFile::Open). Reads only headers, so that unsuitable inputs are
  // detected before they are loaded. Every node must see the same file. Standard input is read by
  // rank 0 alone; on the other ranks the result only describes the array. Errors, the same on every
  // rank: those of ArrayFile::Open; FailedPrecondition where nodes see different files, or for
  // standard input where there are several nodes.
  static absl::StatusOr<ArrayFile> Open(Executor& executor, const std::string& input);

  // Collective over the executor's pool. Loads the file from Open, in C order and this machine's
  // byte order: the ranks of a node each read their share of the bytes straight into the window, or
  // map the file, or prepare for parts to be read when they are touched. Returns it sealed. Errors,
  // the same on every rank: those of ArrayFile::LoadShare; ResourceExhausted where a node lacks the
  // memory; with kMap, those of ArrayFile::Map.
  static absl::StatusOr<SharedArray> Load(Executor& executor, const ArrayFile& file,
                                          Source source = Source::kWindow);

  // Open and Load.
  static absl::StatusOr<SharedArray> FromFile(Executor& executor, const std::string& input);

  // Collective over the executor's pool. Makes an array of zeros, not sealed. Every rank must pass
  // the same type and shape. Errors: InvalidArgument where the shape does not fit 63 bits;
  // ResourceExhausted where a node lacks the memory.
  static absl::StatusOr<SharedArray> Create(Executor& executor, DType dtype,
                                            std::vector<Index> shape) {
    return Create(executor, std::move(dtype), std::move(shape), PagePolicy::kNow);
  }
  // The same, with pages populated as `page_policy` states.
  static absl::StatusOr<SharedArray> Create(Executor& executor, DType dtype,
                                            std::vector<Index> shape, PagePolicy page_policy);

  // The array as this rank sees it. Valid as long as the executor is open and, if needs_file(), as
  // long as this array exists. A system call on memory that is loaded on demand and has not been
  // read yet fails (EFAULT).
  const NdView& view() const { return is_mapped_ ? mapped_ : array_.view(); }
  bool is_sealed() const { return sealed_; }

  // The same, for writing. Precondition: not sealed.
  const MutableNdView& mutable_view() const { return array_; }

  // Populates the pages of the bytes [begin, end) of an array that was made by Create. Call it
  // before they are written. Not collective. Errors: ResourceExhausted where no memory is left.
  absl::Status Populate(Index begin, Index end) const { return memory_->Populate(begin, end); }

  // True if the file itself is mapped.
  bool is_mapped() const { return is_mapped_; }
  // True if the file is still read after Load, so that it must not change as long as runs read the
  // array. Such an array is registered with the executor (InputGuard), and every run of the
  // executor fails, as long as the array exists, if one of the following is true. This holds for
  // runs that do not read the array, too, because a worker may read arrays besides its chunks that
  // the run does not know: destroy an array when no later run needs it.
  //   - a read of the file has failed on any rank, before results that depend on it are delivered;
  //   - the file has changed since Load, as rank 0 sees it when all chunks are done (Run::Wait):
  //     results delivered before may be wrong.
  // On several nodes, another node may see a change that rank 0's does not see yet. To exclude
  // that, call CheckUnchanged on each rank after the run.
  bool needs_file() const { return file_ != nullptr; }
  // Called on each rank after the array was read. Returns OK if every element is what the file held
  // when the array was loaded; always OK for an array that does not need the file. Not collective.
  // Errors: those of FileMapping::CheckUnchanged and DemandLoading::CheckUnchanged.
  absl::Status CheckUnchanged() const;
  // On each rank: true if the file has changed, so that results so far may come from either
  // version; other failures of CheckUnchanged do not count. A mapped file with a page that could
  // not be read is assumed to have changed. Not collective.
  bool HasChanged() const;
  // Returns why some elements could not be read so far, and are zeros; OK if there are none. Not
  // collective, and cheap: for results that are computed outside of a run. Errors: those of
  // FileMapping::ReadFailure and DemandLoading::ReadFailure.
  absl::Status ReadFailure() const;

  // Collective over the executor's pool. Makes the array read-only on every rank; no effect if it
  // is sealed already. Memory ordering: stores by any rank of a node before its call are visible to
  // all ranks of the node after theirs. Errors, the same on every rank: those of
  // SharedMemory::Synchronize and SharedMemory::ProtectReadOnly.
  absl::Status Seal(Executor& executor);

 private:
  static absl::StatusOr<SharedArray> LoadOnDemand(Executor& executor, const ArrayFile& file);
  static absl::StatusOr<SharedArray> LoadAtOnce(Executor& executor, const ArrayFile& file,
                                                SharedMemory& memory);
  static absl::StatusOr<SharedArray> Map(Executor& executor, const ArrayFile& file, Source source);
  // The part that reads the file, and guards it.
  class LiveFile;
  SharedArray(SharedMemory* memory, MutableNdView array)
      : memory_(memory), array_(std::move(array)) {}

  SharedMemory* memory_ = nullptr;
  MutableNdView array_;
  std::shared_ptr<const LiveFile> file_;  // null if the array is in memory
  bool is_mapped_ = false;
  NdView mapped_;
  bool sealed_ = false;
};

}  // namespace mpaio

#endif  // MPAIO_WINDOW_SHARED_ARRAY_H_
