#include "mpaio/window/output_array.h"

#include <cstring>
#include <utility>

#include "absl/strings/str_cat.h"
#include "mpaio/base/status_macros.h"

namespace mpaio {

absl::StatusOr<OutputArray> OutputArray::Create(Executor& executor, DType dtype, std::vector<Index> shape) {
  OutputArray output;
  MPAIO_ASSIGN_OR_RETURN(output.array_, SharedArray::Create(executor, dtype, std::move(shape)));
  output.is_on_rank_0s_node_ = executor.node() == 0;
  return output;
}

WrittenRows OutputArray::Finish(RowRange rows) const {
  if (is_on_rank_0s_node_) return {};
  const std::byte* first = view().RowData(rows.begin);
  return {reinterpret_cast<const char*>(first), static_cast<std::size_t>(rows.size() * view().row_bytes())};
}

absl::Status OutputArray::Accept(RowRange rows, const WrittenRows& written) const {
  if (written.empty()) return absl::OkStatus();
  if (static_cast<Index>(written.size()) != rows.size() * view().row_bytes()) {
    return absl::InternalError(absl::StrCat("rows ", rows.begin, " to ", rows.end - 1, " came back as ", written.size(), " bytes instead of ",
                                            rows.size() * view().row_bytes()));
  }
  std::memcpy(array_.mutable_view().MutableRowData(rows.begin), written.data(), written.size());
  return absl::OkStatus();
}

}  // namespace mpaio
