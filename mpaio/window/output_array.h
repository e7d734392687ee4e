// SPDX-License-Identifier: Apache-2.0

// An array that the workers of a job write, each chunk its own rows. It is complete on rank 0 when
// the run has ended.
#ifndef MPAIO_WINDOW_OUTPUT_ARRAY_H_
#define MPAIO_WINDOW_OUTPUT_ARRAY_H_

#include <cstddef>
#include <memory>
#include <span>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "mpaio/array/nd_view.h"
#include "mpaio/chunk/data_iterator.h"
#include "mpaio/format/npy_writer.h"
#include "mpaio/host/open_files.h"
#include "mpaio/window/shared_array.h"

namespace mpaio {

// The result of a chunk that wrote rows: empty if rank 0 shares the memory or the file that they
// were written to (and set_rows_travel was not called), else the rows' bytes.
using WrittenRows = std::string;

// Data flow: Process writes Rows(rows) and returns Finish(rows); on rank 0, ProcessCallback passes
// that result to Accept(rows, ...). Within rank 0's node the rows are written in place and nothing
// else is sent; from other nodes their bytes are sent as the chunk's result. Memory ordering: the
// message that carries the result orders the stores before it with rank 0's loads after it.
//
// The array is in the memory that a node shares (Create), or in a file alone (CreateInFile). With a
// file, a chunk's rows are written to private memory of the rank, which Finish writes to the file.
// A file suits arrays that are not read during the run: it costs no memory, and each rank writes
// its part of the file while the run continues.
//
// Two ranks may run the same chunk at once, and one of them may be killed in the middle of it. So a
// call of Process must store each byte of Rows once, with its final value; Rows are not scratch
// memory. The executor must outlive the array.
//
// Each rank has its own object, which the ranks of a thread pool share. Rows, Populate and Finish
// may be called by several threads at once, each for its own rows; Finish by the thread that called
// Rows.
class OutputArray {
 public:
  OutputArray() = default;
  OutputArray(OutputArray&&) = default;
  OutputArray& operator=(OutputArray&&) = default;

  // Collective over the executor's pool. Errors: as SharedArray::Create.
  static absl::StatusOr<OutputArray> Create(Executor& executor, DType dtype,
                                            std::vector<Index> shape);

  // The same for rows that may not be needed: the memory for all of them is set aside, but pages
  // are used only where Populate asks for them. Errors: also ResourceExhausted where the kernel
  // cannot do it.
  static absl::StatusOr<OutputArray> Reserve(Executor& executor, DType dtype,
                                             std::vector<Index> shape);

  // Populates the pages of `rows`. Call it before they are written. No effect on an array that was
  // not made by Reserve. Not collective. Errors: ResourceExhausted where no memory is left.
  absl::Status Populate(RowRange rows) const;

  // Makes Finish return the rows' bytes on every node, so that a journal of the results contains
  // everything that the chunks have produced. Call it on every rank, before the run.
  void set_rows_travel() { rows_travel_ = true; }

  // Collective over the executor's pool. Makes an array in a file that rank 0 creates. The file
  // appears when rank 0 commits file(), after the run; without a commit nothing is left. Errors:
  // those of NpyFile::Create, the same on every rank; Unavailable where rank 0 has too many files
  // open already (OpenFileShare).
  static absl::StatusOr<OutputArray> CreateInFile(Executor& executor, const std::string& path,
                                                  DType dtype, std::vector<Index> shape);

  // Returns the elements of `rows`, to write; T must be the array's type. For an array in a file
  // all of them must be written before Finish, and the span is valid until then.
  template <typename T>
  std::span<T> Rows(RowRange rows) const {
    return {reinterpret_cast<T*>(RowBytes(rows)),
            static_cast<std::size_t>(rows.size() * view().row_elements())};
  }

  // Called by the rank that processed the chunk, after `rows` have been written. Errors, for an
  // array in a file: those of NpyFile::Write.
  absl::StatusOr<WrittenRows> Finish(RowRange rows) const;

  // On rank 0. Stores the rows in `written`, if any. Errors: Internal where `written` does not have
  // the size of the rows; those of Populate; those of NpyFile::Write.
  absl::Status Accept(RowRange rows, const WrittenRows& written) const;

  // Collective over the executor's pool, between runs. Gives every rank the whole array for
  // reading, as rank 0 has it. Rank 0 broadcasts the array in pieces of at most `piece_bytes`; its
  // own node has the array already. Memory ordering: every rank sees what rank 0 saw before its
  // call. Errors, the same on every rank: those of Executor::Broadcast and Populate. Precondition:
  // the array is not in a file.
  absl::Status Share(Index piece_bytes = kSharedPieceBytes) const;
  // The same for some rows only.
  absl::Status Share(std::span<const RowRange> rows, Index piece_bytes = kSharedPieceBytes) const;

  // The whole array, on rank 0 when the run has ended, and on every rank after Share. For an array
  // in a file its type and shape, without data.
  const NdView& view() const { return is_in_file_ ? in_file_ : array_.view(); }

  // The file of an array in a file, on rank 0 and on other ranks of its node that could open it;
  // otherwise null. Only rank 0 commits it.
  const std::shared_ptr<NpyFile>& file() const { return file_; }

 private:
  // Large enough to use the bandwidth between nodes well, small compared with a node's memory.
  static constexpr Index kSharedPieceBytes = Index{16} << 20;

  // The rows of an array in a file, between Rows and Finish.
  class ThreadBuffers;

  std::byte* RowBytes(RowRange rows) const;
  absl::Status ShareRows(RowRange rows, Index piece_bytes) const;

  SharedArray array_;
  Executor* executor_ = nullptr;
  bool is_on_rank_0s_node_ = true;
  bool is_in_file_ = false;
  bool rows_travel_ = false;
  bool is_reserved_ = false;
  NdView in_file_;
  std::shared_ptr<NpyFile> file_;  // null where this rank cannot reach it
  OpenFileShare file_share_;
  std::shared_ptr<ThreadBuffers> buffers_;  // null unless the array is in a file
};

}  // namespace mpaio

#endif  // MPAIO_WINDOW_OUTPUT_ARRAY_H_
