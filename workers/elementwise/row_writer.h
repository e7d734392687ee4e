// SPDX-License-Identifier: Apache-2.0

// Shared by the workers that write an array of the input's shape, element by element: len, lower,
// upper, isnan, astype.
#ifndef WORKERS_ELEMENTWISE_ROW_WRITER_H_
#define WORKERS_ELEMENTWISE_ROW_WRITER_H_

#include <cstddef>
#include <functional>
#include <memory>
#include <utility>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "mpaio/base/status_macros.h"
#include "mpaio/jobs/registry.h"

namespace mpaio {

// Writes the output's rows of a chunk to `rows`. Depends on nothing but the chunk, because it may
// run again on another rank.
template <typename Element>
using WriteRowsFunction =
    std::function<absl::Status(const ChunkView<Element>& chunk, std::byte* rows)>;

template <typename Element>
class RowWriter final : public Worker<Element, WrittenRows> {
 public:
  RowWriter(DataIterator chunks, OutputArray output, WriteRowsFunction<Element> write)
      : Worker<Element, WrittenRows>(std::move(chunks)),
        output_(std::move(output)),
        write_(std::move(write)) {}

  absl::StatusOr<WrittenRows> Process(const ChunkView<Element>& chunk) const override {
    MPAIO_RETURN_IF_ERROR(write_(chunk, output_.Rows<std::byte>(chunk.rows()).data()));
    return output_.Finish(chunk.rows());
  }

  absl::Status ProcessCallback(const Chunk& chunk, WrittenRows written) override {
    return output_.Accept(chunk.rows, written);
  }

  const NdView& output() const { return output_.view(); }

 private:
  OutputArray output_;
  WriteRowsFunction<Element> write_;
};

// Returns the job that writes context.output with `write`.
template <typename Element>
Job MakeRowWriterJob(JobContext& context, WriteRowsFunction<Element> write) {
  auto worker = std::make_unique<RowWriter<Element>>(std::move(context.chunks),
                                                     std::move(context.output), std::move(write));
  const RowWriter<Element>* rows = worker.get();
  Job job;
  job.worker = std::move(worker);
  job.output = [rows]() -> const NdView& { return rows->output(); };
  return job;
}

}  // namespace mpaio

#endif  // WORKERS_ELEMENTWISE_ROW_WRITER_H_
