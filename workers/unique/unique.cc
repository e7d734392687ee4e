// unique: the different values, sorted, and how often each is there.
#include <cstddef>
#include <cstring>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "mpaio/worker/registry.h"
#include "workers/order/element_order.h"
#include "workers/order/unique_values.h"

namespace mpaio {
namespace {

using EncodedValues = std::pair<std::string, std::vector<Index>>;

class FindUnique final : public Worker<RawElement, EncodedValues> {
 public:
  explicit FindUnique(DataIterator chunks) : Worker(std::move(chunks)), merger_(data_iterator().dtype()) {}

  absl::StatusOr<EncodedValues> Process(const ChunkView<RawElement>& chunk) const override {
    const RawElements elements = chunk.elements();
    UniqueValues unique =
        UniqueValues::Of(elements.data(), static_cast<Index>(elements.size()), data_iterator().dtype());
    return EncodedValues(std::move(unique.values), std::move(unique.counts));
  }

  absl::Status ProcessCallback(const Chunk&, EncodedValues unique) override {
    merger_.Add({std::move(unique.first), std::move(unique.second)});
    return absl::OkStatus();
  }

  AnswerArray Values() {
    const UniqueValues& total = merger_.Total();
    AnswerArray values(data_iterator().dtype(), {static_cast<Index>(total.counts.size())});
    if (!total.values.empty()) std::memcpy(values.mutable_data(), total.values.data(), total.values.size());
    return values;
  }
  const std::vector<Index>& Counts() { return merger_.Total().counts; }
  nlohmann::ordered_json Summary() {
    const Index distinct = static_cast<Index>(Counts().size());
    return {{"dtype", data_iterator().dtype().ToString()}, {"shape", std::vector<Index>{distinct}}, {"distinct", distinct}};
  }

 private:
  UniqueMerger merger_;
};

MPAIO_REGISTER_WORKER({
    .summary = "the different values, sorted, and how often each is there; NaNs are one",
    .accepts = {AcceptsOrdered()},
    .parameters = {ParameterInfo::Output("counts", "the file to save the counts to, as int64")},
    .answers_with_array = true,
    .make = [](JobContext& context) -> absl::StatusOr<Job> {
      auto worker = std::make_unique<FindUnique>(std::move(context.chunks));
      FindUnique* const find = worker.get();
      Job job;
      job.worker = std::move(worker);
      job.result = [find]() -> absl::StatusOr<nlohmann::ordered_json> {
        return nlohmann::ordered_json{{"values", ToJson(find->Values().view())}, {"counts", find->Counts()}};
      };
      job.array = [find]() -> absl::StatusOr<AnswerArray> { return find->Values(); };
      job.more_arrays["counts"] = [find]() -> absl::StatusOr<AnswerArray> {
        return AnswerArray::Of<Index>(find->Counts());
      };
      job.summary = [find]() -> absl::StatusOr<nlohmann::ordered_json> { return find->Summary(); };
      return job;
    },
});

}  // namespace
}  // namespace mpaio
