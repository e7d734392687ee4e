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
#include "mpaio/array/npy_writer.h"
#include "mpaio/base/open_files.h"
#include "mpaio/chunk/data_iterator.h"
#include "mpaio/window/shared_array.h"

namespace mpaio {

// The result of a chunk that wrote rows: empty where rank 0 shares the memory or file that they
// were written to, else the rows' bytes.
using WrittenRows = std::string;

// Data flow: Process writes Rows(rows) and returns Finish(rows); ProcessCallback passes that to
// Accept(rows, ...) on rank 0. Within rank 0's node the rows are written in place and nothing else
// is sent; from other nodes their bytes are sent as the chunk's result. Memory ordering: the
// message that carries the result orders the stores before it with rank 0's loads after it.
//
// The array is in the memory that a node shares (Create), or in a file alone (CreateInFile). With a
// file, a chunk's rows are written to private memory of the rank, which Finish writes to the file.
// A file suits arrays that are not read during the run: it costs no memory, and each rank writes
// its part of the file while the run continues.
//
// A chunk may be run twice, by two ranks at once, and one of them may be ended in the middle of it.
// So a call of Process must store each byte of Rows once, with its final value; Rows are not
// scratch memory. The executor must outlive the array.
class OutputArray {
 public:
  OutputArray() = default;
  OutputArray(OutputArray&&) = default;
  OutputArray& operator=(OutputArray&&) = default;

  // Collective over the executor's pool. Errors: as SharedArray::Create.
  static absl::StatusOr<OutputArray> Create(Executor& executor, DType dtype,
                                            std::vector<Index> shape);

  // The same for rows that may not be needed: pages are provided only where Populate asks for them,
  // and there is room for all. Errors: also ResourceExhausted where the kernel cannot do it.
  static absl::StatusOr<OutputArray> Reserve(Executor& executor, DType dtype,
                                             std::vector<Index> shape);

  // Populates the pages of `rows`, before they are written. No effect on an array that was not made
  // by Reserve. Errors: ResourceExhausted where no memory is left.
  absl::Status Populate(RowRange rows) const;

  // From now on a chunk's rows are sent as its result from every node, so that results contain
  // everything that a chunk has produced: for a journal. Call it on every rank, before the run.
  void set_rows_travel() { rows_travel_ = true; }

  // Collective over the executor's pool. Makes an array in a file that rank 0 creates. The file
  // appears when rank 0 commits file(), after the run; if it does not, there is no file. Errors:
  // those of NpyFile::Create, the same on every rank; Unavailable where rank 0 has too many files
  // open already (OpenFileShare).
  static absl::StatusOr<OutputArray> CreateInFile(Executor& executor, const std::string& path,
                                                  DType dtype, std::vector<Index> shape);

  // Returns the elements of `rows`, to write; T must be the array's type. For an array in a file
  // all of them must be written before Finish, and they are valid until then.
  template <typename T>
  std::span<T> Rows(RowRange rows) const {
    return {reinterpret_cast<T*>(RowBytes(rows)),
            static_cast<std::size_t>(rows.size() * view().row_elements())};
  }

  // Called by the rank that processed the chunk, after `rows` have been written. Errors, for an
  // array in a file: those of NpyFile::Write.
  absl::StatusOr<WrittenRows> Finish(RowRange rows) const;

  // On rank 0. Stores the rows in `written`, if any. Errors: Internal where `written` is not as
  // long as the rows; those of Finish.
  absl::Status Accept(RowRange rows, const WrittenRows& written) const;

  // Collective over the executor's pool, between runs. Gives every rank the whole array for
  // reading, as rank 0 has it. The array is sent to each other node once, in pieces of at most
  // `piece_bytes`; rank 0's node has it already. Memory ordering: every rank sees what rank 0 saw
  // before its call. Errors: those of Executor::Broadcast. Precondition: the array is not in a
  // file.
  absl::Status Share(Index piece_bytes = kSharedPieceBytes) const;
  // The same for some rows only.
  absl::Status Share(std::span<const RowRange> rows, Index piece_bytes = kSharedPieceBytes) const;

  // The whole array, on rank 0 when the run has ended, and on every rank after Share. For an array
  // in a file its type and shape, without data.
  const NdView& view() const { return is_in_file_ ? in_file_ : array_.view(); }

  // On rank 0: the file of an array in a file.
  const std::shared_ptr<NpyFile>& file() const { return file_; }

 private:
  // Long enough to use the bandwidth between nodes well, short compared with a node's memory.
  static constexpr Index kSharedPieceBytes = Index{16} << 20;

  // Grows to the longest chunk. Not initialised, because it is written before it is read.
  struct Scratch {
    std::unique_ptr<std::byte[]> bytes;
    Index size_bytes = 0;
  };

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
  std::unique_ptr<Scratch> scratch_;
};

}  // namespace mpaio

#endif  // MPAIO_WINDOW_OUTPUT_ARRAY_H_
