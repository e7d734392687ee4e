// SPDX-License-Identifier: Apache-2.0
#include "mpaio/format/array_source.h"

#include <utility>

#include "absl/strings/str_cat.h"

namespace mpaio {
namespace {

// FNV-1a: the result is the same on every node, and no other property is needed.
std::uint64_t Hash(absl::string_view bytes, std::uint64_t hash) {
  for (const char c : bytes) hash = (hash ^ static_cast<unsigned char>(c)) * 0x100000001b3;
  return hash;
}

}  // namespace

ArraySource::ArraySource(std::string name, std::string path, ArrayLayout layout,
                         absl::string_view first_bytes)
    : name_(std::move(name)),
      path_(std::move(path)),
      layout_(std::move(layout)),
      fingerprint_(
          Hash(layout_.is_fortran_order() ? "F" : "C", Hash(first_bytes, 0xcbf29ce484222325))) {}

absl::Status ArraySource::CannotBeMapped(absl::string_view why) const {
  return absl::UnimplementedError(absl::StrCat(name_, " cannot be mapped: ", why));
}

absl::StatusOr<std::unique_ptr<FileMapping>> ArraySource::Map(bool /*takes_lease*/) const {
  return CannotBeMapped("its format does not hold the bytes of the array as one piece");
}

absl::StatusOr<std::unique_ptr<ArrayParts>> ArraySource::Parts() const {
  return absl::UnimplementedError(absl::StrCat(name_, " cannot be read in parts"));
}

}  // namespace mpaio
