// SPDX-License-Identifier: Apache-2.0

// An array that the workers of a job write, each chunk its own rows, and that is whole on rank 0
// when the run has ended.
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

// What a chunk that wrote rows gives back: nothing where rank 0 shares what it wrote to, else the
// rows' bytes.
using WrittenRows = std::string;

// The way of the data: Process writes Rows(rows) and returns Finish(rows); ProcessCallback passes
// that to Accept(rows, ...) on rank 0. Within rank 0's node the rows are written in place and
// nothing else travels; from other nodes their bytes come as the chunk's result. Memory ordering:
// the message that carries the result orders the stores before it with rank 0's loads after it.
//
// The array is in the memory that a node shares (Create), or in a file alone (CreateInFile): then a
// chunk's rows are written to memory of the rank's own, which Finish writes to the file. That is
// for arrays that nobody reads during the run: it costs no memory, each rank writes its part of the
// file, and it does so during the run.
//
// A chunk may be run twice, by two ranks at once, and one of them be ended in the middle of it: so
// each byte of Rows is stored once in a call of Process, and with the value that it keeps. Rows are
// not a place to compute in. The executor outlives it.
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

  // Memory behind `rows`, before they are written. Only of what was reserved is there anything to
  // do. Errors: ResourceExhausted where there is none left.
  absl::Status Populate(RowRange rows) const;

  // From here on a chunk's rows come as its result from every node, so that results have all that a
  // chunk has done: for a journal. On every rank, before the run.
  void set_rows_travel() { rows_travel_ = true; }

  // Collective over the executor's pool. An array in a file that rank 0 makes; it appears when rank
  // 0 commits file(), after the run, and not at all where that is not done. Errors: those of
  // NpyFile::Create, the same on every rank; Unavailable where rank 0 has too many files open
  // already (OpenFileShare).
  static absl::StatusOr<OutputArray> CreateInFile(Executor& executor, const std::string& path,
                                                  DType dtype, std::vector<Index> shape);

  // The elements of `rows`, to write; T must be the array's type. Of an array in a file: all of
  // them, before Finish; and valid until then.
  template <typename T>
  std::span<T> Rows(RowRange rows) const {
    return {reinterpret_cast<T*>(RowBytes(rows)),
            static_cast<std::size_t>(rows.size() * view().row_elements())};
  }

  // In a worker rank, when `rows` are written. Errors, of an array in a file: those of
  // NpyFile::Write.
  absl::StatusOr<WrittenRows> Finish(RowRange rows) const;

  // On rank 0. Errors: Internal where `written` is not as long as the rows; as Finish.
  absl::Status Accept(RowRange rows, const WrittenRows& written) const;

  // Collective over the executor's pool, between runs: the whole array, as rank 0 has it, for every
  // rank to read. It travels to each node once, in pieces of at most `piece_bytes`; within rank 0's
  // node it is there already. Memory ordering: every rank sees what rank 0 saw before its call.
  // Errors: those of Executor::Broadcast. Not of an array in a file.
  absl::Status Share(Index piece_bytes = kSharedPieceBytes) const;
  // The same of some rows alone.
  absl::Status Share(std::span<const RowRange> rows, Index piece_bytes = kSharedPieceBytes) const;

  // On rank 0, when the run has ended, and on every rank after Share: the whole array. Of an array
  // in a file its type and shape, no data.
  const NdView& view() const { return is_in_file_ ? in_file_ : array_.view(); }

  // On rank 0: the file, where the array is in one.
  const std::shared_ptr<NpyFile>& file() const { return file_; }

 private:
  // Long enough that the way between nodes is used well, short beside what a node has of memory.
  static constexpr Index kSharedPieceBytes = Index{16} << 20;

  // Grows to the longest chunk, and is not initialised: it is written before it is read.
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
  std::shared_ptr<NpyFile> file_;  // null where it cannot be reached
  OpenFileShare file_share_;
  std::unique_ptr<Scratch> scratch_;
};

}  // namespace mpaio

#endif  // MPAIO_WINDOW_OUTPUT_ARRAY_H_
