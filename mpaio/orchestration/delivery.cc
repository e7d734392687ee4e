// SPDX-License-Identifier: Apache-2.0
#include "mpaio/orchestration/delivery.h"

#include <algorithm>
#include <utility>

#include "absl/status/statusor.h"

namespace mpaio {

ResultDelivery::ResultDelivery(RunState& run)
    : run_(run), frontier_(run.workers.size(), 0), batch_sizers_(run.workers.size()) {
  for (int job = 0; job < run.num_jobs(); ++job) held_.emplace_back(run.options.delivery);
}

absl::Status ResultDelivery::Keep(const Results& results, ChunkRange part,
                                  absl::string_view encoded, std::string message) {
  const std::size_t all_bytes = results.encoded.size();
  Held one{std::move(message)};
  // `message` may be a copy, in which `encoded` has the same distance from the end.
  one.offset = one.message.size() - all_bytes +
               static_cast<std::size_t>(encoded.data() - results.encoded.data());
  const double share =
      static_cast<double>(part.size()) / static_cast<double>(results.chunks.size());
  return held(results.job)
      .Insert(part.begin, part.size(), std::move(one),
              static_cast<Index>(static_cast<double>(all_bytes) * share));
}

absl::Status ResultDelivery::KeepResumed(std::size_t range) {
  const auto& [job, chunks] = run_.options.resumed->ranges()[range];
  return held(job).Insert(chunks.begin, chunks.size(), Held{{}, 0, range}, 0);
}

absl::Status ResultDelivery::Skip(int job, ChunkId chunk) {
  const absl::Status skipped = held(job).Skip(chunk, 1);
  if (skipped.ok()) frontier_[static_cast<std::size_t>(job)] = held(job).frontier();
  return skipped;
}

bool ResultDelivery::OpenBatchWithChunks() {
  if (open_ && open_->chunks.size() == 0) open_.reset();
  return open_ || OpenNextBatch();
}

bool ResultDelivery::OpenNextBatch() {
  for (int k = 0; k < run_.num_jobs(); ++k) {
    const int job = next_job_;
    next_job_ = (next_job_ + 1) % run_.num_jobs();
    const Index before = held(job).held_bytes();
    std::optional<Batch<Held>> batch = held(job).PopNext();
    if (!batch) continue;
    if (batch->payload.resumed_range) {
      absl::StatusOr<std::string> kept = run_.options.resumed->Read(*batch->payload.resumed_range);
      if (!kept.ok()) {
        failure_ = Failure{-1, 0, kept.status()};
        return false;
      }
      batch->payload.message = *std::move(kept);
    }
    open_.emplace(OpenBatch{job,
                            std::move(batch->payload),
                            WireReader(""),
                            {batch->first, batch->first + batch->count},
                            before - held(job).held_bytes()});
    open_->reader =
        WireReader(absl::string_view(open_->results.message).substr(open_->results.offset));
    frontier_[static_cast<std::size_t>(job)] = held(job).frontier();
    return true;
  }
  return false;
}

void ResultDelivery::OnDelivered(ChunkRange chunks) {
  JobStats& stats = run_.job_stats(open_->job);
  open_->chunks.begin = chunks.end;
  stats.chunks_delivered += chunks.size();
  if (chunks.size() > 0) run_.observers.OnDelivered(open_->job, chunks);
}

std::optional<DeliveredResult> ResultDelivery::DeliverOne() {
  if (failure_ || !OpenBatchWithChunks()) return std::nullopt;
  WorkerBase& worker = *run_.workers[static_cast<std::size_t>(open_->job)];
  const ChunkId id = open_->chunks.begin;
  DeliveredResult delivered{open_->job, {id, worker.data_iterator().chunk(id)}, {}};
  absl::Status status =
      open_->reader.ReadBytes(&delivered.encoded)
          ? worker.DeliverChunk(delivered.chunk, delivered.encoded)
          : absl::DataLossError("results cannot be read: all ranks must run the same program");
  if (!status.ok()) {
    failure_ = Failure{delivered.job, id, std::move(status)};
    return std::nullopt;
  }
  OnDelivered({id, id + 1});
  // The batch is kept until the next call, because the returned view points into it. Its share of
  // the result budget is released now.
  if (open_->chunks.size() == 0) run_.dispatcher.OnDelivered(open_->held_bytes);
  JobStats& stats = run_.job_stats(open_->job);
  if (stats.chunks_delivered == stats.chunks) stats.seconds = run_.SecondsSinceStart();
  return delivered;
}

bool ResultDelivery::DeliverSome(const std::atomic<bool>& is_cancelled) {
  if (failure_ || !OpenBatchWithChunks()) return false;
  BatchSizer& batch_sizer = batch_sizers_[static_cast<std::size_t>(open_->job)];
  const ChunkId first = open_->chunks.begin;
  ChunksDone some = run_.workers[static_cast<std::size_t>(open_->job)]->DeliverChunks(
      first, std::min(batch_sizer.next(), open_->chunks.size()), is_cancelled, &open_->reader);
  const Clock::time_point now = Clock::now();
  batch_sizer.Record(some.done, now - clock_);
  clock_ = now;
  OnDelivered({first, first + some.done});
  if (!some.status.ok()) {
    failure_ = Failure{open_->job, first + some.done, std::move(some.status)};
    return false;
  }
  if (open_->chunks.size() == 0) run_.dispatcher.OnDelivered(open_->held_bytes);
  JobStats& stats = run_.job_stats(open_->job);
  if (stats.chunks_delivered == stats.chunks) stats.seconds = run_.SecondsSinceStart();
  return true;
}

}  // namespace mpaio
