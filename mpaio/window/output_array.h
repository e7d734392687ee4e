// An array that the workers of a job write, each chunk its own rows, and that is whole on rank 0 when the run has ended.
#ifndef MPAIO_WINDOW_OUTPUT_ARRAY_H_
#define MPAIO_WINDOW_OUTPUT_ARRAY_H_

#include <span>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "mpaio/array/nd_view.h"
#include "mpaio/chunk/data_iterator.h"
#include "mpaio/window/shared_array.h"

namespace mpaio {

// What a chunk that wrote rows gives back: nothing where rank 0 shares the memory it wrote to, else the rows' bytes.
using WrittenRows = std::string;

// The way of the data: Process writes Rows(rows) and returns Finish(rows); ProcessCallback passes that to Accept(rows, ...) on rank 0. Within
// rank 0's node the rows are written in place and nothing else travels; from other nodes their bytes come as the chunk's result.
// Memory ordering: the message that carries the result orders the stores before it with rank 0's loads after it.
//
// Rows written twice (a chunk that is run again) must be written the same. The executor outlives it.
class OutputArray {
 public:
  OutputArray() = default;
  OutputArray(OutputArray&&) = default;
  OutputArray& operator=(OutputArray&&) = default;

  // Collective over the executor's pool. Errors: as SharedArray::Create.
  static absl::StatusOr<OutputArray> Create(Executor& executor, DType dtype, std::vector<Index> shape);

  // The elements of `rows`, to write; T must be the array's type.
  template <typename T>
  std::span<T> Rows(RowRange rows) const {
    return {reinterpret_cast<T*>(array_.mutable_view().MutableRowData(rows.begin)),
            static_cast<std::size_t>(rows.size() * view().row_elements())};
  }

  // In a worker rank, when `rows` are written.
  WrittenRows Finish(RowRange rows) const;

  // On rank 0. Errors: Internal where `written` is not as long as the rows.
  absl::Status Accept(RowRange rows, const WrittenRows& written) const;

  // Collective over the executor's pool, between runs: the whole array, as rank 0 has it, for every rank to read. It travels to each node once, in
  // pieces of at most `piece_bytes`; within rank 0's node it is there already.
  // Memory ordering: every rank sees what rank 0 saw before its call. Errors: those of Executor::Broadcast.
  absl::Status Share(Index piece_bytes = kSharedPieceBytes) const;

  // On rank 0, when the run has ended, and on every rank after Share: the whole array.
  const NdView& view() const { return array_.view(); }

 private:
  // Long enough that the way between nodes is used well, short beside what a node has of memory.
  static constexpr Index kSharedPieceBytes = Index{16} << 20;

  SharedArray array_;
  Executor* executor_ = nullptr;
  bool is_on_rank_0s_node_ = true;
};

}  // namespace mpaio

#endif  // MPAIO_WINDOW_OUTPUT_ARRAY_H_
