#include "mpaio/window/output_array.h"

#include <algorithm>
#include <cstring>
#include <utility>

#include "absl/strings/str_cat.h"
#include "mpaio/base/status_macros.h"

namespace mpaio {

absl::StatusOr<OutputArray> OutputArray::Create(Executor& executor, DType dtype, std::vector<Index> shape) {
  OutputArray output;
  MPAIO_ASSIGN_OR_RETURN(output.array_, SharedArray::Create(executor, dtype, std::move(shape)));
  output.executor_ = &executor;
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

absl::Status OutputArray::Share(Index piece_bytes) const {
  if (executor_ == nullptr) return absl::OkStatus();
  const Index size_bytes = executor_->num_nodes() == 1 ? 0 : view().size_bytes();
  std::byte* const data = array_.mutable_view().mutable_data();
  std::string piece;
  for (Index begin = 0; begin < size_bytes; begin += piece_bytes) {
    const auto piece_size = static_cast<std::size_t>(std::min(piece_bytes, size_bytes - begin));
    if (executor_->rank() == 0) piece.assign(reinterpret_cast<const char*>(data + begin), piece_size);
    MPAIO_RETURN_IF_ERROR(executor_->Broadcast(&piece));
    // One rank of a node writes for all of them.
    if (!is_on_rank_0s_node_ && executor_->node_rank() == 0) std::memcpy(data + begin, piece.data(), std::min(piece_size, piece.size()));
  }
  // Whoever wrote has done so before anybody reads.
  return executor_->Agree(absl::OkStatus());
}

}  // namespace mpaio
