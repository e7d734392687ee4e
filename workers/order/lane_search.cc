// SPDX-License-Identifier: Apache-2.0
#include "workers/order/lane_search.h"

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <utility>

#include "absl/status/status.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/string_view.h"
#include "mpaio/array/nd_view.h"
#include "mpaio/base/status_macros.h"
#include "mpaio/jobs/answer.h"
#include "mpaio/kernel/rank_search.h"
#include "workers/order/axis.h"
#include "workers/order/number_keys.h"
#include "workers/order/rank_codec.h"

namespace mpaio {
namespace {

// Limits of the memory for counters: of a batch on rank 0, and of a tile's lanes on the rank that
// scans it.
constexpr Index kBatchBytes = Index{64} << 20;
constexpr Index kScanBytes = Index{16} << 20;
constexpr Index kMaxBatch = 64;
// Two cache lines of the widest elements.
constexpr Index kMaxTileLanes = 16;
// A tile stays in a core's cache while its lanes are scanned one by one.
constexpr Index kTileLength = 2048;

// For each lane of a pass, its number and what to determine. Sorted by number.
using LanePasses = std::vector<std::pair<Index, RankPass>>;
// The findings of some lanes, by their position in LanePasses.
using LaneFindings = std::vector<std::pair<Index, RankFindings>>;

Index CounterBytes(const RankPass& pass) {
  return static_cast<Index>(pass.prefixes.size() * sizeof(Index)) << pass.step_bits;
}

// Returns the number of lanes in a batch if `num_ranks` ranks are sought in each.
Index LanesOfBatch(Index num_ranks) {
  // There are at most as many prefixes as ranks. Up to 16 prefixes have 2^16 counters each; more
  // have 2^10 each (rank_search.cc).
  constexpr Index kCountersBytes = (Index{1} << 16) * Index{sizeof(Index)};
  const Index lane_bytes =
      std::max(std::min<Index>(num_ranks, 16) * kCountersBytes, num_ranks * (kCountersBytes >> 6));
  return std::clamp<Index>(kBatchBytes / lane_bytes, 1, kMaxBatch);
}

// The division of a pass's lanes into tiles. The same on every rank, because it follows from the
// plan.
class Tiles {
 public:
  // Adjacent lanes: a range of LanePasses.
  struct Group {
    std::size_t first = 0;
    Index count = 0;
  };

  Tiles(const LaneGeometry& lanes, const LanePasses& passes)
      : tiles_per_group_((lanes.length + kTileLength - 1) / kTileLength) {
    Index counter_bytes = 1;
    for (const auto& [lane, pass] : passes)
      counter_bytes = std::max(counter_bytes, CounterBytes(pass));
    const Index most =
        lanes.inner == 1 ? 1 : std::clamp<Index>(kScanBytes / counter_bytes, 1, kMaxTileLanes);
    for (std::size_t i = 0; i < passes.size(); ++i) {
      const Index lane = passes[i].first;
      if (!groups_.empty()) {
        Group& last = groups_.back();
        const bool follows = passes[i - 1].first + 1 == lane && lane % lanes.inner != 0;
        if (follows && last.count < most) {
          ++last.count;
          continue;
        }
      }
      groups_.push_back({i, 1});
    }
  }

  // Tiles are numbered group by group, along the axis.
  Index count() const { return static_cast<Index>(groups_.size()) * tiles_per_group_; }
  Index tiles_per_group() const { return tiles_per_group_; }
  const Group& group(Index number) const { return groups_[static_cast<std::size_t>(number)]; }
  Index largest_group() const {
    return std::max_element(groups_.begin(), groups_.end(),
                            [](const Group& a, const Group& b) { return a.count < b.count; })
        ->count;
  }

 private:
  Index tiles_per_group_;
  std::vector<Group> groups_;
};

// The state of the search on rank 0. On other ranks nothing is added to it.
class LaneSearch {
 public:
  LaneSearch(const DType& dtype, const LaneGeometry& lanes, const Quantile& quantile,
             const DType& result_type, const std::vector<Index>& result_shape)
      : dtype_(dtype),
        num_lanes_(lanes.num_lanes()),
        quantile_(quantile),
        result_type_(result_type),
        result_shape_(result_shape),
        batch_(LanesOfBatch(static_cast<Index>(quantile.ranks().size()))) {}

  // Returns the passes of the batch that begins with lane `first`, before anything is known.
  LanePasses FirstPasses(Index first) const {
    const RankPass pass = NewSearch().pass();
    LanePasses passes;
    for (Index lane = first; lane < std::min(first + batch_, num_lanes_); ++lane)
      passes.emplace_back(lane, pass);
    return passes;
  }

  absl::Status Add(const LaneFindings& of_lanes) {
    if (active_.empty()) StartBatch();
    for (const auto& [position, findings] : of_lanes) {
      if (position < 0 || position >= static_cast<Index>(active_.size()))
        return LaneCountMismatch();
      active_[static_cast<std::size_t>(position)].search.Add(findings);
    }
    return absl::OkStatus();
  }

  // After a pass: returns what remains to be determined. Empty when all lanes are done.
  LanePasses Advance() {
    std::vector<Active> rest;
    LanePasses passes;
    for (Active& active : active_) {
      // If there is a NaN, the answer is known after the first pass.
      const bool has_nan = IsNaNKey(dtype_, active.search.max_key());
      if (has_nan || !active.search.Advance()) {
        Store(active, has_nan);
        continue;
      }
      passes.emplace_back(active.lane, active.search.pass());
      rest.push_back(std::move(active));
    }
    active_ = std::move(rest);
    return active_.empty() ? FirstPasses(next_lane_) : passes;
  }

  absl::StatusOr<AnswerArray> TakeAnswer() { return std::move(Answer()); }

 private:
  struct Active {
    Index lane;
    RankSearch search;
  };

  RankSearch NewSearch() const {
    return RankSearch(KeyBits(dtype_), quantile_.ranks(), kMaxCollectedKeys / batch_);
  }

  void StartBatch() {
    for (const Index end = std::min(next_lane_ + batch_, num_lanes_); next_lane_ < end;
         ++next_lane_)
      active_.push_back({next_lane_, NewSearch()});
  }

  void Store(const Active& active, bool has_nan) {
    const Index result_bytes = result_type_.itemsize_bytes();
    for (Index r = 0; r < quantile_.num_results(); ++r) {
      quantile_.Compute(r, active.search.keys(), has_nan,
                        Answer().mutable_data() + (r * num_lanes_ + active.lane) * result_bytes);
    }
  }

  // Allocated on rank 0 alone: the others do not need it.
  AnswerArray& Answer() {
    if (!answer_.has_value()) answer_.emplace(result_type_, result_shape_);
    return *answer_;
  }

  DType dtype_;
  Index num_lanes_;
  Quantile quantile_;
  DType result_type_;
  std::vector<Index> result_shape_;
  Index batch_;
  Index next_lane_ = 0;
  // In the order of the pass's LanePasses.
  std::vector<Active> active_;
  std::optional<AnswerArray> answer_;
};

// One pass over the lanes of a plan.
class ScanLanes final : public Worker<RawElement, LaneFindings> {
 public:
  ScanLanes(DataIterator chunks, Tiles tiles, LanePasses passes, NdView array, LaneGeometry lanes,
            std::shared_ptr<LaneSearch> search)
      : Worker(std::move(chunks)),
        tiles_(std::move(tiles)),
        passes_(std::move(passes)),
        array_(std::move(array)),
        lanes_(std::move(lanes)),
        search_(std::move(search)) {}

  absl::StatusOr<LaneFindings> Process(const ChunkView<RawElement>& chunk) const override {
    LaneFindings findings;
    std::vector<std::byte> gathered;
    if (lanes_.inner > 1)
      gathered.resize(static_cast<std::size_t>(tiles_.largest_group() * kTileLength *
                                               array_.dtype().itemsize_bytes()));
    for (Index tile = chunk.rows().begin; tile < chunk.rows().end;) {
      const Index number = tile / tiles_.tiles_per_group();
      const Index end = std::min(chunk.rows().end, (number + 1) * tiles_.tiles_per_group());
      Scan(number, tile - number * tiles_.tiles_per_group(),
           end - number * tiles_.tiles_per_group(), gathered, &findings);
      tile = end;
    }
    return findings;
  }

  absl::Status ProcessCallback(const Chunk&, LaneFindings findings) override {
    return search_->Add(findings);
  }

 private:
  // Scans the tiles [begin, end) of a group.
  void Scan(Index number, Index begin, Index end, std::vector<std::byte>& gathered,
            LaneFindings* findings) const {
    const Tiles::Group& group = tiles_.group(number);
    const Index first_lane = passes_[group.first].first;
    const Index itemsize_bytes = array_.dtype().itemsize_bytes();
    std::vector<RankScan> scans;
    scans.reserve(static_cast<std::size_t>(group.count));
    for (Index l = 0; l < group.count; ++l)
      scans.emplace_back(passes_[group.first + static_cast<std::size_t>(l)].second,
                         (end - begin) * kTileLength);
    std::vector<std::uint64_t> keys(static_cast<std::size_t>(std::min(lanes_.length, kTileLength)));
    for (Index tile = begin; tile < end; ++tile) {
      const Index position = tile * kTileLength;
      const Index length = std::min(kTileLength, lanes_.length - position);
      // The lanes' elements from `position` on lie like an array that begins at that position.
      const std::byte* elements =
          array_.data() +
          (first_lane / lanes_.inner * lanes_.length + position) * lanes_.inner * itemsize_bytes;
      if (lanes_.inner > 1) {
        const Index first = first_lane % lanes_.inner;
        GatherLanes({1, length, lanes_.inner, {}, true}, elements, itemsize_bytes, first,
                    first + group.count, gathered.data());
        elements = gathered.data();
      }
      const std::span<std::uint64_t> some = std::span(keys).first(static_cast<std::size_t>(length));
      for (RankScan& scan : scans) {
        LoadKeys(array_.dtype(), elements, some);
        scan.Add(some);
        elements += length * itemsize_bytes;
      }
    }
    for (Index l = 0; l < group.count; ++l)
      findings->emplace_back(static_cast<Index>(group.first) + l,
                             scans[static_cast<std::size_t>(l)].Take());
  }

  Tiles tiles_;
  LanePasses passes_;
  NdView array_;
  LaneGeometry lanes_;
  std::shared_ptr<LaneSearch> search_;
};

}  // namespace

absl::StatusOr<Job> SearchLanes(JobContext& context, const LaneGeometry& lanes,
                                const Quantile& quantile, const DType& result_type,
                                const std::vector<Index>& result_shape) {
  const NdView array = context.chunks.array();
  const auto search =
      std::make_shared<LaneSearch>(array.dtype(), lanes, quantile, result_type, result_shape);
  const auto make = [divide = context.divide, array, lanes,
                     search](LanePasses passes) -> absl::StatusOr<std::unique_ptr<WorkerBase>> {
    Tiles tiles(lanes, passes);
    // Rows of about the size of a tile, so that chunks have a suitable size; nothing reads them as
    // rows.
    const Index tile_bytes = tiles.largest_group() * kTileLength * array.dtype().itemsize_bytes();
    MPAIO_ASSIGN_OR_RETURN(
        DType tile,
        DType::Parse(absl::StrCat("V", std::min(tile_bytes, array.size_bytes() / tiles.count()))));
    MPAIO_ASSIGN_OR_RETURN(const NdView rows,
                           NdView::Create(array.data(), std::move(tile), {tiles.count()}));
    MPAIO_ASSIGN_OR_RETURN(DataIterator chunks, divide(rows));
    return std::make_unique<ScanLanes>(std::move(chunks), std::move(tiles), std::move(passes),
                                       array, lanes, search);
  };
  Job job;
  MPAIO_ASSIGN_OR_RETURN(job.worker, make(search->FirstPasses(0)));
  job.next_pass = [search]() -> absl::StatusOr<std::optional<NextPass>> {
    const LanePasses passes = search->Advance();
    if (passes.empty()) return std::nullopt;
    NextPass next;
    Codec<LanePasses>::Encode(passes, &next.plan);
    return next;
  };
  job.begin_pass = [make](absl::string_view plan) -> absl::StatusOr<std::unique_ptr<WorkerBase>> {
    MPAIO_ASSIGN_OR_RETURN(LanePasses passes, DecodeResult<LanePasses>(plan));
    return make(std::move(passes));
  };
  job.array = [search]() -> absl::StatusOr<AnswerArray> { return search->TakeAnswer(); };
  return job;
}

}  // namespace mpaio
