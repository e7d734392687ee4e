// SPDX-License-Identifier: Apache-2.0

// The code that processes a chunk and receives its result.
//
//   class AddInts : public mpaio::Worker<std::int64_t, std::int64_t> {
//    public:
//     using Worker::Worker;
//     std::int64_t total = 0;
//
//    private:
//     absl::StatusOr<std::int64_t> Process(
//         const mpaio::ChunkView<std::int64_t>& chunk) const override {
//       const auto elements = chunk.elements();
//       return std::reduce(elements.begin(), elements.end());
//     }
//     absl::Status ProcessCallback(const mpaio::Chunk&, std::int64_t sum) override {
//       total += sum;
//       return absl::OkStatus();
//     }
//   };
#ifndef MPAIO_WORKER_WORKER_H_
#define MPAIO_WORKER_WORKER_H_

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <stdexcept>
#include <string>
#include <utility>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/string_view.h"
#include "mpaio/array/elements.h"
#include "mpaio/array/nd_view.h"
#include "mpaio/base/index.h"
#include "mpaio/base/status_macros.h"
#include "mpaio/chunk/data_iterator.h"
#include "mpaio/host/fault_handler.h"
#include "mpaio/worker/codec.h"
#include "mpaio/worker/guard.h"

namespace mpaio {

// A chunk as Process receives it: its rows and their elements in the shared array. Valid during the
// call only.
//
// Rows along the first axis are contiguous: elements() and row() return them. Rows along another
// axis (DataIteratorOptions::axis) lie in num_blocks() blocks: block() returns those, and also
// works for the first axis.
template <typename Element>
class ChunkView {
 public:
  ChunkView(const DataIterator& data, const Chunk& chunk) : data_(data), chunk_(chunk) {}

  ChunkId id() const { return chunk_.id; }
  RowRange rows() const { return chunk_.rows; }

  // All elements of the rows, in C order: rows().size() * row_elements() of them. Throws
  // std::logic_error if they lie in several blocks.
  Elements<Element> elements() const { return ElementsOf(chunk_.rows.begin, chunk_.rows.size()); }
  // The elements of row `i` of this chunk, 0 <= i < rows().size(); for a 1-d array, one element.
  // Throws like elements().
  Elements<Element> row(Index i) const { return ElementsOf(chunk_.rows.begin + i, 1); }
  Index row_elements() const { return data_.row_elements(); }
  // The position of the chunk's first element in the whole array, in elements.
  Index first_element() const { return data_.BlockElement(0, chunk_.rows.begin); }

  Index num_blocks() const { return data_.num_blocks(); }
  // The elements of the rows in block `i`, 0 <= i < num_blocks(), in C order: rows().size() *
  // data_iterator().block_row_elements() of them.
  Elements<Element> block(Index i) const {
    return ElementsAt(data_.BlockElement(i, chunk_.rows.begin),
                      chunk_.rows.size() * data_.block_row_elements());
  }

 private:
  Elements<Element> ElementsOf(Index first_row, Index num_rows) const {
    if (data_.num_blocks() > 1) {
      throw std::logic_error(absl::StrCat("rows along axis ", data_.axis(), " lie in ",
                                          data_.num_blocks(), " blocks; read them with block()"));
    }
    return ElementsAt(data_.BlockElement(0, first_row), num_rows * data_.row_elements());
  }

  Elements<Element> ElementsAt(Index first, Index count) const {
    const NdView& array = data_.array();
    return ElementTraits<Element>::Make(array.data() + first * array.dtype().itemsize_bytes(),
                                        count, array.dtype());
  }

  const DataIterator& data_;
  Chunk chunk_;
};

// The progress over several chunks: the first `done` chunks are done, and the next one returned
// `status`, unless that is OK.
struct ChunksDone {
  Index done = 0;
  absl::Status status;
};

// A worker without its types, for the orchestrator. Users derive from Worker below.
//
// Every rank of a pool constructs the same workers in the same order, over its own view of the same
// array; the ranks of a thread pool share rank 0's. ProcessChunk runs on any rank, and may be
// called by several threads of one process at once. DeliverChunk runs on rank 0 only, on the thread
// that drives the run, at most once per chunk. Neither throws.
class WorkerBase {
 public:
  explicit WorkerBase(DataIterator data_iterator) : data_iterator_(std::move(data_iterator)) {}
  virtual ~WorkerBase() = default;
  WorkerBase(const WorkerBase&) = delete;
  WorkerBase& operator=(const WorkerBase&) = delete;

  const DataIterator& data_iterator() const { return data_iterator_; }

  // The name in messages: the one set by set_name, else the C++ type.
  std::string name() const { return name_.empty() ? TypeName(typeid(*this)) : name_; }
  void set_name(absl::string_view name) { name_ = std::string(name); }

  // True if Process runs in a process of its own, so that it cannot kill the rank (sandbox.h). Must
  // be the same on every rank.
  bool is_isolated() const { return is_isolated_; }
  void set_isolated(bool is_isolated) { is_isolated_ = is_isolated; }

  // Checks that the worker reads elements of the array's type. Errors: InvalidArgument, with both
  // types.
  virtual absl::Status CheckInput() const = 0;

  // Processes the chunk and appends its encoded result to `*encoded`, which is unchanged on
  // failure. Errors: those of Process; those of StatusOfCurrentException.
  virtual absl::Status ProcessChunk(const Chunk& chunk, std::string* encoded) const = 0;

  // Decodes the chunk's result and passes it to the callback. Errors: DataLoss if `encoded` is not
  // a result; those of the callback; those of StatusOfCurrentException.
  virtual absl::Status DeliverChunk(const Chunk& chunk, absl::string_view encoded) = 0;

  // The same for chunks [first, first + count) in order, until one fails. Results are concatenated,
  // each preceded by its length, as WireAppendBytes writes them. Delivery also ends when `stop` is
  // set, by a callback or by another thread. A virtual call per chunk would cost as much as the
  // smallest chunks themselves; Worker therefore overrides these two.
  virtual ChunksDone ProcessChunks(ChunkId first, Index count, std::string* encoded) const;
  virtual ChunksDone DeliverChunks(ChunkId first, Index count, const std::atomic<bool>& stop,
                                   WireReader* encoded);

 protected:
  // Reads the rows if inputs are loaded on demand, because a system call of Process on rows that
  // have not been read yet would fail (EFAULT).
  void TouchRows(ChunkId first, Index count) const {
    if (FaultHandler::AreAnyOfSegv()) TouchRowsNow(first, count);
  }
  Chunk ChunkOf(ChunkId id) const { return {id, data_iterator_.chunk(id)}; }
  static absl::Status Unreadable() {
    return absl::DataLossError("results cannot be read: all ranks must run the same program");
  }

 private:
  void TouchRowsNow(ChunkId first, Index count) const;

  DataIterator data_iterator_;
  std::string name_;
  bool is_isolated_ = false;
};

inline void WorkerBase::TouchRowsNow(ChunkId first, Index count) const {
  // Rows along another axis have a piece in every block, so no single system call can use them.
  if (data_iterator_.num_blocks() != 1) return;
  const RowRange rows = data_iterator_.chunks(first, count);
  const NdView& array = data_iterator_.array();
  const volatile std::byte* const begin =
      array.data() + data_iterator_.BlockElement(0, rows.begin) * array.dtype().itemsize_bytes();
  const Index size_bytes = rows.size() * data_iterator_.row_bytes();
  constexpr Index kStepBytes = Index{64} << 10;
  for (Index at = 0; at < size_bytes; at += kStepBytes) static_cast<void>(begin[at]);
  if (size_bytes > 0) static_cast<void>(begin[size_bytes - 1]);
}

inline ChunksDone WorkerBase::ProcessChunks(ChunkId first, Index count,
                                            std::string* encoded) const {
  TouchRows(first, count);
  ChunksDone result;
  for (; result.done < count; ++result.done) {
    const std::size_t before = encoded->size();
    WireAppend(std::uint64_t{0}, encoded);
    result.status = ProcessChunk(ChunkOf(first + result.done), encoded);
    if (!result.status.ok()) {
      encoded->resize(before);
      break;
    }
    // The length precedes the result, but is known only after encoding.
    const std::uint64_t length = encoded->size() - before - sizeof(std::uint64_t);
    std::memcpy(encoded->data() + before, &length, sizeof(length));
  }
  return result;
}

inline ChunksDone WorkerBase::DeliverChunks(ChunkId first, Index count,
                                            const std::atomic<bool>& stop, WireReader* encoded) {
  ChunksDone result;
  for (; result.done < count && !stop.load(std::memory_order_relaxed); ++result.done) {
    absl::string_view bytes;
    result.status = encoded->ReadBytes(&bytes) ? DeliverChunk(ChunkOf(first + result.done), bytes)
                                               : Unreadable();
    if (!result.status.ok()) break;
  }
  return result;
}

// `Element` is an arithmetic type, UnicodeString or ByteString (elements.h). `Result` is any type
// with a codec (codec.h).
template <typename Element, typename Result>
class Worker : public WorkerBase {
  static_assert(HasCodec<Result>, "Result needs a codec: see mpaio/worker/codec.h");

 public:
  using WorkerBase::WorkerBase;

  // Runs in a worker rank. Must be a pure function of the chunk, so that a chunk can be retried:
  // run again, on any rank, it returns the same result. It may read members set before the run, and
  // all of the input. Rows of other chunks may not have been read from their file yet: an access
  // loads them, but a system call on them fails (EFAULT). An error or exception ends the run.
  //
  // Several threads of one process may call it at once on one object, while ProcessCallback runs on
  // another thread (thread_pool.h). So it changes nothing that calls share (mutable members, static
  // variables, what members point to), and reads nothing that ProcessCallback changes. Scratch
  // memory belongs in local or thread_local variables.
  virtual absl::StatusOr<Result> Process(const ChunkView<Element>& chunk) const = 0;

  // Runs on rank 0, once for each chunk, in the order of the chunks unless another order was
  // requested for the run. An error or exception ends the run.
  virtual absl::Status ProcessCallback(const Chunk& chunk, Result result) = 0;

  absl::Status CheckInput() const final {
    const DType& dtype = data_iterator().array().dtype();
    if (ElementTraits<Element>::Accepts(dtype)) return absl::OkStatus();
    return absl::InvalidArgumentError(absl::StrCat("the array holds ", dtype.name(),
                                                   " but the worker ", name(), " reads ",
                                                   ElementTraits<Element>::Describe()));
  }

  absl::Status ProcessChunk(const Chunk& chunk, std::string* encoded) const final {
    const std::size_t before = encoded->size();
    absl::Status status = CallGuarded("Process", [&]() -> absl::Status {
      MPAIO_ASSIGN_OR_RETURN(const Result result,
                             Process(ChunkView<Element>(data_iterator(), chunk)));
      Codec<Result>::Encode(result, encoded);
      return absl::OkStatus();
    });
    if (!status.ok()) encoded->resize(before);
    return status;
  }

  absl::Status DeliverChunk(const Chunk& chunk, absl::string_view encoded) final {
    return CallGuarded("ProcessCallback", [&]() -> absl::Status {
      MPAIO_ASSIGN_OR_RETURN(Result result, DecodeResult<Result>(encoded));
      return ProcessCallback(chunk, std::move(result));
    });
  }

  ChunksDone ProcessChunks(ChunkId first, Index count, std::string* encoded) const final {
    if constexpr (!PlainBytes<Result>) {
      return WorkerBase::ProcessChunks(first, count, encoded);
    } else {
      // All results have the same length: one resize and one guard are enough for all chunks.
      TouchRows(first, count);
      constexpr std::uint64_t kLength = sizeof(Result);
      constexpr std::size_t kEach = sizeof(kLength) + sizeof(Result);
      const std::size_t before = encoded->size();
      ChunksDone result;
      result.status = CallGuarded("Process", [&]() -> absl::Status {
        encoded->resize(before + static_cast<std::size_t>(count) * kEach);
        char* to = encoded->data() + before;
        for (; result.done < count; ++result.done, to += kEach) {
          MPAIO_ASSIGN_OR_RETURN(
              const Result of_chunk,
              Process(ChunkView<Element>(data_iterator(), ChunkOf(first + result.done))));
          std::memcpy(to, &kLength, sizeof(kLength));
          std::memcpy(to + sizeof(kLength), &of_chunk, sizeof(Result));
        }
        return absl::OkStatus();
      });
      if (result.done < count)
        encoded->resize(before + static_cast<std::size_t>(result.done) * kEach);
      return result;
    }
  }

  ChunksDone DeliverChunks(ChunkId first, Index count, const std::atomic<bool>& stop,
                           WireReader* encoded) final {
    if constexpr (!PlainBytes<Result>) {
      return WorkerBase::DeliverChunks(first, count, stop, encoded);
    } else {
      ChunksDone result;
      result.status = CallGuarded("ProcessCallback", [&]() -> absl::Status {
        for (; result.done < count && !stop.load(std::memory_order_relaxed); ++result.done) {
          absl::string_view bytes;
          Result of_chunk;
          if (!encoded->ReadBytes(&bytes) || bytes.size() != sizeof(Result)) return Unreadable();
          std::memcpy(static_cast<void*>(&of_chunk), bytes.data(), sizeof(Result));
          MPAIO_RETURN_IF_ERROR(ProcessCallback(ChunkOf(first + result.done), std::move(of_chunk)));
        }
        return absl::OkStatus();
      });
      return result;
    }
  }
};

}  // namespace mpaio

#endif  // MPAIO_WORKER_WORKER_H_
