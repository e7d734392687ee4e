// What the workers over strings share that write an array of the input's shape: len, lower, upper.
#ifndef WORKERS_STRINGS_STRING_ROWS_H_
#define WORKERS_STRINGS_STRING_ROWS_H_

#include <cstddef>
#include <functional>
#include <memory>
#include <utility>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "mpaio/base/status_macros.h"
#include "mpaio/worker/registry.h"

namespace mpaio {

// Writes the rows of the output that belong to a chunk of strings. A pure function.
template <typename String>
using WriteRowsFunction = std::function<absl::Status(const ChunkView<String>& chunk, std::byte* rows)>;

template <typename String>
class StringRows final : public Worker<String, WrittenRows> {
 public:
  StringRows(DataIterator chunks, OutputArray output, WriteRowsFunction<String> write)
      : Worker<String, WrittenRows>(std::move(chunks)),
        output_(std::move(output)),
        write_(std::move(write)) {}

  absl::StatusOr<WrittenRows> Process(const ChunkView<String>& chunk) const override {
    MPAIO_RETURN_IF_ERROR(write_(chunk, output_.Rows<std::byte>(chunk.rows()).data()));
    return output_.Finish(chunk.rows());
  }

  absl::Status ProcessCallback(const Chunk& chunk, WrittenRows written) override {
    return output_.Accept(chunk.rows, written);
  }

  const NdView& output() const { return output_.view(); }

 private:
  OutputArray output_;
  WriteRowsFunction<String> write_;
};

// The job that writes context.output by `write`.
template <typename String>
Job MakeStringRowsJob(JobContext& context, WriteRowsFunction<String> write) {
  auto worker = std::make_unique<StringRows<String>>(std::move(context.chunks), std::move(context.output),
                                                     std::move(write));
  const StringRows<String>* rows = worker.get();
  Job job;
  job.worker = std::move(worker);
  job.result = [rows] {
    const NdView& output = rows->output();
    return nlohmann::ordered_json{{"dtype", output.dtype().ToString()}, {"shape", output.shape()}};
  };
  job.output = [rows]() -> const NdView& { return rows->output(); };
  return job;
}

}  // namespace mpaio

#endif  // WORKERS_STRINGS_STRING_ROWS_H_
