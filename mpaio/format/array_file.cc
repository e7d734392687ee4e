// SPDX-License-Identifier: Apache-2.0
#include "mpaio/format/array_file.h"

#include <utility>

#include "mpaio/base/status_macros.h"
#include "mpaio/format/array_layout.h"
#include "mpaio/format/array_opener.h"
#include "mpaio/format/array_parts.h"
#include "mpaio/format/array_source.h"
#include "mpaio/format/input_name.h"
#include "mpaio/format/stream_array.h"
#include "mpaio/host/file_mapping.h"

namespace mpaio {

ArrayFile::ArrayFile() = default;
ArrayFile::ArrayFile(std::unique_ptr<ArraySource> source) : source_(std::move(source)) {}
ArrayFile::ArrayFile(ArrayFile&&) noexcept = default;
ArrayFile& ArrayFile::operator=(ArrayFile&&) noexcept = default;
ArrayFile::~ArrayFile() = default;

absl::StatusOr<ArrayFile> ArrayFile::Open(const std::string& input) {
  MPAIO_ASSIGN_OR_RETURN(std::unique_ptr<ArraySource> source, OpenArraySource(input));
  return ArrayFile(std::move(source));
}

bool ArrayFile::IsStandardInput(const std::string& input) { return NamesStandardInput(input); }

absl::StatusOr<ArrayFile> ArrayFile::Elsewhere(const std::string& name, DType dtype,
                                               std::vector<Index> shape) {
  MPAIO_ASSIGN_OR_RETURN(ArrayLayout layout, ArrayLayout::Create(dtype, std::move(shape)));
  return ArrayFile(std::make_unique<ElsewhereArray>(name, std::move(layout)));
}

const std::string& ArrayFile::name() const { return source_->name(); }
const std::string& ArrayFile::path() const { return source_->path(); }
const DType& ArrayFile::dtype() const { return source_->layout().dtype(); }
const std::vector<Index>& ArrayFile::shape() const { return source_->layout().shape(); }
Index ArrayFile::size_bytes() const { return source_->layout().size_bytes(); }
std::uint64_t ArrayFile::fingerprint() const { return source_->fingerprint(); }
bool ArrayFile::is_stream() const { return source_->is_stream(); }
bool ArrayFile::writes_in_order() const { return source_->writes_in_order(); }
std::string ArrayFile::Describe() const { return source_->layout().Describe(); }

void ArrayFile::CloseForNow() { source_->CloseForNow(); }
absl::Status ArrayFile::OpenAgain() { return source_->OpenAgain(); }

absl::Status ArrayFile::LoadShare(int share, int num_shares, std::span<std::byte> array,
                                  const BeforeWriting& before_writing) const {
  return source_->LoadShare(share, num_shares, array, before_writing);
}

absl::StatusOr<std::unique_ptr<FileMapping>> ArrayFile::Map(bool takes_lease) const {
  return source_->Map(takes_lease);
}

absl::StatusOr<std::unique_ptr<ArrayParts>> ArrayFile::Parts() const { return source_->Parts(); }

}  // namespace mpaio
