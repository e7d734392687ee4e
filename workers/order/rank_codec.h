// SPDX-License-Identifier: Apache-2.0

// Codecs of the passes of a rank search (mpaio/kernel/rank_search.h).
#ifndef MPAIO_WORKERS_ORDER_RANK_CODEC_H_
#define MPAIO_WORKERS_ORDER_RANK_CODEC_H_

#include <cstdint>
#include <string>
#include <vector>

#include "mpaio/base/wire.h"
#include "mpaio/kernel/rank_search.h"
#include "mpaio/kernel/sparse_counts.h"
#include "mpaio/worker/codec.h"

namespace mpaio {

template <>
struct Codec<RankPass> {
  static void Encode(const RankPass& pass, std::string* out) {
    WireAppend(pass.key_bits, out);
    WireAppend(pass.prefix_bits, out);
    WireAppend(pass.step_bits, out);
    Codec<std::vector<std::uint64_t>>::Encode(pass.prefixes, out);
  }
  static bool Decode(WireReader* reader, RankPass* pass) {
    return reader->Read(&pass->key_bits) && reader->Read(&pass->prefix_bits) &&
           reader->Read(&pass->step_bits) &&
           Codec<std::vector<std::uint64_t>>::Decode(reader, &pass->prefixes);
  }
};

template <>
struct Codec<RankFindings> {
  static void Encode(const RankFindings& findings, std::string* out) {
    WireAppend(findings.min_key, out);
    WireAppend(findings.max_key, out);
    Codec<SparseCounts>::Encode(findings.counts, out);
    Codec<std::vector<std::uint64_t>>::Encode(findings.keys, out);
  }
  static bool Decode(WireReader* reader, RankFindings* findings) {
    return reader->Read(&findings->min_key) && reader->Read(&findings->max_key) &&
           Codec<SparseCounts>::Decode(reader, &findings->counts) &&
           Codec<std::vector<std::uint64_t>>::Decode(reader, &findings->keys);
  }
};

}  // namespace mpaio

#endif  // MPAIO_WORKERS_ORDER_RANK_CODEC_H_
