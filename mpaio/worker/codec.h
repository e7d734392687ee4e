// SPDX-License-Identifier: Apache-2.0

// Encodes a chunk's result as bytes, and decodes it.
//
// These types have a codec:
//   - every trivially copyable type that is not a pointer or view (numbers, enums, plain structs);
//   - std::string;
//   - std::vector, std::array, std::optional, std::pair, std::tuple and std::map of such types,
//     nested as deep as needed;
//   - every type with the members
//       void Encode(std::string* out) const;                         // appends its bytes
//       static absl::StatusOr<T> Decode(absl::string_view bytes);    // from exactly those bytes
// For other types, specialise Codec<T> with the two functions that HasCodec names. Sizes are 64
// bits wide: a result may have any length.
#ifndef MPAIO_WORKER_CODEC_H_
#define MPAIO_WORKER_CODEC_H_

#include <array>
#include <concepts>
#include <cstdint>
#include <cstring>
#include <functional>
#include <map>
#include <optional>
#include <ranges>
#include <string>
#include <tuple>
#include <type_traits>
#include <utility>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "mpaio/base/wire.h"

namespace mpaio {

template <typename T>
struct Codec;

// Encode appends `value` to `*out`; Decode reads it back and returns false if the bytes are
// invalid.
template <typename T>
concept HasCodec = requires(const T& value, std::string* out, WireReader* reader, T* result) {
  Codec<T>::Encode(value, out);
  { Codec<T>::Decode(reader, result) } -> std::same_as<bool>;
};

template <typename T>
concept EncodesItself = requires(const T& value, std::string* out, absl::string_view bytes) {
  value.Encode(out);
  { T::Decode(bytes) } -> std::same_as<absl::StatusOr<T>>;
};

// True if a T itself refers to memory of this process. The members of a struct cannot be inspected,
// so a struct with a pointer is not detected.
template <typename T>
inline constexpr bool kRefersToMemory =
    std::is_pointer_v<T> || std::ranges::view<T> || std::same_as<T, absl::string_view>;
template <typename T>
inline constexpr bool kRefersToMemory<std::reference_wrapper<T>> = true;
template <typename T, std::size_t kSize>
inline constexpr bool kRefersToMemory<std::array<T, kSize>> = kRefersToMemory<T>;
template <typename T>
inline constexpr bool kRefersToMemory<std::optional<T>> = kRefersToMemory<T>;

// Types that may be copied byte for byte to another process. A pointer or view would refer to
// memory of this process.
template <typename T>
concept PlainBytes = std::is_trivially_copyable_v<T> && !kRefersToMemory<T> && !EncodesItself<T>;

template <PlainBytes T>
struct Codec<T> {
  static void Encode(const T& value, std::string* out) { WireAppend(value, out); }
  static bool Decode(WireReader* reader, T* value) { return reader->Read(value); }
};

template <EncodesItself T>
struct Codec<T> {
  static void Encode(const T& value, std::string* out) {
    std::string bytes;
    value.Encode(&bytes);
    WireAppendBytes(bytes, out);
  }
  static bool Decode(WireReader* reader, T* value) {
    absl::string_view bytes;
    if (!reader->ReadBytes(&bytes)) return false;
    absl::StatusOr<T> decoded = T::Decode(bytes);
    if (!decoded.ok()) return false;
    *value = *std::move(decoded);
    return true;
  }
};

template <>
struct Codec<std::string> {
  static void Encode(const std::string& value, std::string* out) { WireAppendBytes(value, out); }
  static bool Decode(WireReader* reader, std::string* value) {
    absl::string_view bytes;
    if (!reader->ReadBytes(&bytes)) return false;
    value->assign(bytes.data(), bytes.size());
    return true;
  }
};

template <HasCodec T>
struct Codec<std::vector<T>> {
  static void Encode(const std::vector<T>& value, std::string* out) {
    if constexpr (PlainBytes<T> && !std::same_as<T, bool>) {
      WireAppendBytes({reinterpret_cast<const char*>(value.data()), value.size() * sizeof(T)}, out);
    } else {
      WireAppend<std::uint64_t>(value.size(), out);
      for (const auto& element : value) Codec<T>::Encode(element, out);
    }
  }
  static bool Decode(WireReader* reader, std::vector<T>* value) {
    if constexpr (PlainBytes<T> && !std::same_as<T, bool>) {
      absl::string_view bytes;
      if (!reader->ReadBytes(&bytes) || bytes.size() % sizeof(T) != 0) return false;
      value->resize(bytes.size() / sizeof(T));
      if (!bytes.empty()) std::memcpy(value->data(), bytes.data(), bytes.size());
      return true;
    } else {
      std::uint64_t size = 0;
      if (!reader->Read(&size)) return false;
      value->clear();
      for (std::uint64_t i = 0; i < size; ++i) {
        T element{};
        if (!Codec<T>::Decode(reader, &element)) return false;
        value->push_back(std::move(element));
      }
      return true;
    }
  }
};

template <HasCodec T, std::size_t kSize>
requires(!PlainBytes<std::array<T, kSize>>) struct Codec<std::array<T, kSize>> {
  static void Encode(const std::array<T, kSize>& value, std::string* out) {
    for (const T& element : value) Codec<T>::Encode(element, out);
  }
  static bool Decode(WireReader* reader, std::array<T, kSize>* value) {
    for (T& element : *value) {
      if (!Codec<T>::Decode(reader, &element)) return false;
    }
    return true;
  }
};

template <HasCodec T>
requires(!PlainBytes<std::optional<T>>) struct Codec<std::optional<T>> {
  static void Encode(const std::optional<T>& value, std::string* out) {
    WireAppend<std::uint8_t>(value.has_value(), out);
    if (value) Codec<T>::Encode(*value, out);
  }
  static bool Decode(WireReader* reader, std::optional<T>* value) {
    std::uint8_t has_value = 0;
    if (!reader->Read(&has_value)) return false;
    value->reset();
    return has_value == 0 || Codec<T>::Decode(reader, &value->emplace());
  }
};

template <HasCodec A, HasCodec B>
requires(!PlainBytes<std::pair<A, B>>) struct Codec<std::pair<A, B>> {
  static void Encode(const std::pair<A, B>& value, std::string* out) {
    Codec<A>::Encode(value.first, out);
    Codec<B>::Encode(value.second, out);
  }
  static bool Decode(WireReader* reader, std::pair<A, B>* value) {
    return Codec<A>::Decode(reader, &value->first) && Codec<B>::Decode(reader, &value->second);
  }
};

template <HasCodec... T>
requires(!PlainBytes<std::tuple<T...>>) struct Codec<std::tuple<T...>> {
  static void Encode(const std::tuple<T...>& value, std::string* out) {
    std::apply([out](const T&... field) { (Codec<T>::Encode(field, out), ...); }, value);
  }
  static bool Decode(WireReader* reader, std::tuple<T...>* value) {
    return std::apply([reader](T&... field) { return (Codec<T>::Decode(reader, &field) && ...); },
                      *value);
  }
};

template <HasCodec Key, HasCodec Value>
struct Codec<std::map<Key, Value>> {
  static void Encode(const std::map<Key, Value>& value, std::string* out) {
    WireAppend<std::uint64_t>(value.size(), out);
    for (const auto& [key, mapped] : value) {
      Codec<Key>::Encode(key, out);
      Codec<Value>::Encode(mapped, out);
    }
  }
  static bool Decode(WireReader* reader, std::map<Key, Value>* value) {
    std::uint64_t size = 0;
    if (!reader->Read(&size)) return false;
    value->clear();
    for (std::uint64_t i = 0; i < size; ++i) {
      std::pair<Key, Value> entry;
      if (!Codec<Key>::Decode(reader, &entry.first) || !Codec<Value>::Decode(reader, &entry.second))
        return false;
      value->emplace_hint(value->end(), std::move(entry));
    }
    return true;
  }
};

// Decodes a result from exactly `bytes`. Errors: DataLoss if they are invalid, which means that the
// ranks run different programs.
template <HasCodec T>
absl::StatusOr<T> DecodeResult(absl::string_view bytes) {
  WireReader reader(bytes);
  T value{};
  if (!Codec<T>::Decode(&reader, &value) || !reader.at_end()) {
    return absl::DataLossError("a result cannot be decoded: all ranks must run the same program");
  }
  return value;
}

}  // namespace mpaio

#endif  // MPAIO_WORKER_CODEC_H_
