// SPDX-License-Identifier: Apache-2.0

// concat: all strings joined into one, in order. Unicode strings become UTF-8, byte strings stay as
// they are.
#include <memory>
#include <string>
#include <utility>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "mpaio/array/unicode.h"
#include "mpaio/base/status_macros.h"
#include "mpaio/jobs/registry.h"

namespace mpaio {
namespace {

absl::Status Append(std::u32string_view text, std::string* out) { return AppendUtf8(text, out); }

absl::Status Append(absl::string_view bytes, std::string* out) {
  out->append(bytes.data(), bytes.size());
  return absl::OkStatus();
}

template <typename String>
class Concat final : public Worker<String, std::string> {
 public:
  using Worker<String, std::string>::Worker;

  absl::StatusOr<std::string> Process(const ChunkView<String>& chunk) const override {
    std::string joined;
    for (const auto text : chunk.elements()) MPAIO_RETURN_IF_ERROR(Append(text, &joined));
    return joined;
  }

  absl::Status ProcessCallback(const Chunk&, std::string joined) override {
    joined_ += joined;
    return absl::OkStatus();
  }

  const std::string& joined() const { return joined_; }

 private:
  std::string joined_;
};

template <typename String>
Job MakeConcat(JobContext& context) {
  auto worker = std::make_unique<Concat<String>>(std::move(context.chunks));
  const Concat<String>* concat = worker.get();
  return {std::move(worker), [concat] { return Answer(concat->joined()); }, nullptr};
}

MPAIO_REGISTER_WORKER({
    .summary = "joins the strings into one, in order",
    .accepts = {AcceptedType::Of<UnicodeString>(), AcceptedType::Of<ByteString>()},
    .parameters = {},
    .output = nullptr,
    .make = [](JobContext& context) -> absl::StatusOr<Job> {
      return context.chunks.dtype().kind() == DType::Kind::kUnicode
                 ? MakeConcat<UnicodeString>(context)
                 : MakeConcat<ByteString>(context);
    },
});

}  // namespace
}  // namespace mpaio
