// An n-d array in the shared memory of each node.
#ifndef MPAIO_WINDOW_SHARED_ARRAY_H_
#define MPAIO_WINDOW_SHARED_ARRAY_H_

#include <string>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "mpaio/array/dtype.h"
#include "mpaio/array/nd_view.h"
#include "mpaio/base/index.h"
#include "mpaio/executor/executor.h"

namespace mpaio {

// Its life: create, fill, seal. After sealing it is constant: a store to it by any rank is a fault in that rank, never a changed input.
//
// Each node of the pool holds a copy of its own, complete; the first byte is aligned to 64 bytes. The memory belongs to the executor, which must
// outlive the array and every view of it; the array itself is a handle, cheap to move.
class SharedArray {
 public:
  SharedArray() = default;
  SharedArray(SharedArray&&) = default;
  SharedArray& operator=(SharedArray&&) = default;

  // Collective over the executor's pool. Reads a .npy file: the ranks of a node each read their share of the rows' bytes straight into the
  // window. Returns it sealed. Every node must see the same file under `path`.
  // Errors, the same on every rank: those of NpyFile::Open; ResourceExhausted where a node has not the room; FailedPrecondition where nodes see
  // different files.
  static absl::StatusOr<SharedArray> FromNpy(Executor& executor, const std::string& path);

  // Collective over the executor's pool. An array of zeros, not sealed. Every rank must pass the same type and shape.
  // Errors: InvalidArgument where the shape does not fit 63 bits; ResourceExhausted where a node has not the room.
  static absl::StatusOr<SharedArray> Create(Executor& executor, DType dtype, std::vector<Index> shape);

  // The array as this rank sees it. Valid as long as the executor is open.
  const NdView& view() const { return array_.view(); }
  bool is_sealed() const { return sealed_; }

  // The same, to write to. Only before it is sealed.
  const MutableNdView& mutable_view() const { return array_; }

  // Collective over the executor's pool. What any rank of a node stored before is seen by all ranks of the node after.
  absl::Status Seal(Executor& executor);

 private:
  SharedArray(SharedMemory* memory, MutableNdView array) : memory_(memory), array_(std::move(array)) {}

  SharedMemory* memory_ = nullptr;
  MutableNdView array_;
  bool sealed_ = false;
};

}  // namespace mpaio

#endif  // MPAIO_WINDOW_SHARED_ARRAY_H_
