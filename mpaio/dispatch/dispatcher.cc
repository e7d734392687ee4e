// SPDX-License-Identifier: Apache-2.0
#include "mpaio/dispatch/dispatcher.h"

#include <algorithm>
#include <cstdint>
#include <iterator>

namespace mpaio {

Dispatcher::Dispatcher(const std::vector<Index>& chunks_per_job, const DispatchOptions& options)
    : options_(options), is_retired_(static_cast<std::size_t>(options.processors), false) {
  // A plan needs all of a job's chunks as one range, whatever schedule produced the plan.
  if (!options_.plan.empty()) options_.schedule = ScheduleKind::kDynamic;
  for (std::size_t j = 0; j < chunks_per_job.size(); ++j) {
    Job& job = jobs_.emplace_back();
    job.num_chunks = job.pending_chunks = chunks_per_job[j];
    job.speeds.resize(static_cast<std::size_t>(options.processors));
    if (options_.schedule != ScheduleKind::kAuto)
      job.rule.emplace(options_.schedule, job.num_chunks, options.processors);
    if (job.pending_chunks == 0) continue;
    const auto number = static_cast<std::int32_t>(j);
    if (options_.schedule != ScheduleKind::kStatic) {
      job.pending.push_back({number, 0, {0, job.num_chunks}});
      continue;
    }
    // One block for each processor.
    const Index length = CeilDivide(job.num_chunks, options.processors);
    for (ChunkId begin = 0; begin < job.num_chunks; begin += length) {
      job.pending.push_back({number, 0, {begin, std::min(begin + length, job.num_chunks)}});
    }
  }
}

std::deque<Assignment>::iterator Dispatcher::Open(Job& job, int processor) const {
  if (options_.schedule != ScheduleKind::kStatic) return job.pending.begin();
  const Index length = CeilDivide(job.num_chunks, options_.processors);
  // Returned chunks (attempt > 0) may go to any processor.
  return std::find_if(job.pending.begin(), job.pending.end(), [&](const Assignment& range) {
    const Index owner = range.chunks.begin / length;
    return range.attempt > 0 || owner == processor || is_retired_[static_cast<std::size_t>(owner)];
  });
}

double Dispatcher::Weight(const Job& job, int processor) {
  const Speed& own = job.speeds[static_cast<std::size_t>(processor)];
  if (own.seconds <= 0) return 1;
  double sum = 0;
  int known = 0;
  for (const Speed& speed : job.speeds) {
    if (speed.seconds <= 0) continue;
    sum += speed.chunks / speed.seconds;
    ++known;
  }
  return own.chunks / own.seconds * known / sum;
}

Index Dispatcher::Length(const Job& job, const Assignment& range, ChunkId frontier,
                         double bytes_left) const {
  // The chunk that delivery waits for must always get through; otherwise no held result would ever
  // be released.
  const Index least = job.in_flight == 0 && range.chunks.begin <= frontier ? 1 : 0;
  Index length = range.chunks.size();
  if (!job.rule) {
    if (job.observed == 0) {
      const bool probe = job.in_flight < 2 * options_.processors && bytes_left > 0;
      return probe ? 1 : least;
    }
    const Index share = Index{2} * options_.credits * options_.processors;
    length = std::max<Index>(1, job.pending_chunks / share);
    if (job.mean_seconds() > 0) {
      length = std::max(
          length, static_cast<Index>(std::min(options_.least_seconds / job.mean_seconds(), 1e15)));
      length = std::min(
          length, static_cast<Index>(std::min(options_.target_seconds / job.mean_seconds(), 1e15)));
    }
    length = std::clamp<Index>(length, 1, range.chunks.size());
  }
  // Results of no bytes always fit, even if more is held than the budget allows.
  if (job.mean_bytes() <= 0 || static_cast<double>(length) * job.mean_bytes() <= bytes_left)
    return length;
  return std::max(least, static_cast<Index>(std::max(0.0, bytes_left) / job.mean_bytes()));
}

Assignment Dispatcher::Take(Job& job, std::deque<Assignment>::iterator range, Index length) const {
  Assignment taken = *range;
  taken.chunks.end = taken.chunks.begin + length;
  range->chunks.begin = taken.chunks.end;
  if (range->chunks.size() == 0) job.pending.erase(range);
  job.pending_chunks -= length;
  job.in_flight += length;
  return taken;
}

std::optional<Assignment> Dispatcher::NextOfPlan(int processor) {
  std::deque<Assignment>& own = options_.plan[static_cast<std::size_t>(processor)];
  if (own.empty()) return std::nullopt;
  const Assignment planned = own.front();
  own.pop_front();
  Job& job = jobs_[static_cast<std::size_t>(planned.job)];
  // A plan names every chunk once, so each of its entries lies within one pending range. Taking it
  // may split that range in two.
  const auto range =
      std::find_if(job.pending.begin(), job.pending.end(),
                   [&](const Assignment& open) { return planned.chunks.begin < open.chunks.end; });
  if (range->chunks.begin == planned.chunks.begin) return Take(job, range, planned.chunks.size());
  Assignment front = *range;
  front.chunks.end = range->chunks.begin = planned.chunks.begin;
  return Take(job, job.pending.insert(range, front) + 1, planned.chunks.size());
}

std::optional<Assignment> Dispatcher::Next(const std::vector<ChunkId>& frontier, int processor) {
  if (!options_.plan.empty()) return NextOfPlan(processor);
  double bytes_left = static_cast<double>(options_.result_budget_bytes - held_bytes_);
  for (const Job& job : jobs_) bytes_left -= static_cast<double>(job.in_flight) * job.mean_bytes();
  Job* best = nullptr;
  std::deque<Assignment>::iterator best_range;
  Index best_length = 0;
  for (std::size_t j = 0; j < jobs_.size(); ++j) {
    Job& job = jobs_[j];
    if (best != nullptr && job.given_seconds() >= best->given_seconds()) continue;
    const auto range = Open(job, processor);
    if (range == job.pending.end()) continue;
    const Index length = Length(job, *range, frontier[j], bytes_left);
    if (length == 0) continue;
    best = &job;
    best_range = range;
    best_length = length;
  }
  if (best == nullptr) return std::nullopt;
  if (best->rule)
    best_length =
        std::min(best_length, best->rule->Next(best->pending_chunks, Weight(*best, processor)));
  return Take(*best, best_range, best_length);
}

void Dispatcher::OnResults(int job_number, Index chunks, double seconds, Index result_bytes,
                           int processor) {
  Job& job = jobs_[static_cast<std::size_t>(job_number)];
  job.in_flight -= chunks;
  job.observed += chunks;
  job.observed_seconds += seconds;
  job.observed_bytes += static_cast<double>(result_bytes);
  Speed& speed = job.speeds[static_cast<std::size_t>(processor)];
  speed.chunks += static_cast<double>(chunks);
  speed.seconds += seconds;
  held_bytes_ += result_bytes;
}

std::vector<ChunkRange> Dispatcher::Parts(const Job& job, ChunkRange chunks, bool are_pending) {
  std::vector<ChunkRange> parts;
  const auto add = [&parts](ChunkId begin, ChunkId end) {
    if (begin < end) parts.push_back({begin, end});
  };
  ChunkId at = chunks.begin;
  for (const Assignment& open : job.pending) {
    const ChunkId begin = std::max(open.chunks.begin, at),
                  end = std::min(open.chunks.end, chunks.end);
    if (begin >= end) continue;
    if (are_pending) {
      add(begin, end);
    } else {
      add(at, begin);
    }
    at = end;
  }
  if (!are_pending) add(at, chunks.end);
  return parts;
}

void Dispatcher::Return(const Assignment& assignment) {
  Job& job = jobs_[static_cast<std::size_t>(assignment.job)];
  for (const ChunkRange& part : Parts(job, assignment.chunks, /*are_pending=*/false)) {
    const Assignment again{assignment.job, assignment.attempt, part};
    job.pending.insert(std::lower_bound(job.pending.begin(), job.pending.end(), again,
                                        [](const Assignment& a, const Assignment& b) {
                                          return a.chunks.begin < b.chunks.begin;
                                        }),
                       again);
    job.pending_chunks += part.size();
    job.in_flight -= part.size();
  }
}

void Dispatcher::Drop(int job_number, ChunkRange chunks) {
  Job& job = jobs_[static_cast<std::size_t>(job_number)];
  for (const ChunkRange& part : Parts(job, chunks, /*are_pending=*/true)) {
    const auto range =
        std::find_if(job.pending.begin(), job.pending.end(),
                     [&](const Assignment& open) { return part.begin < open.chunks.end; });
    const Assignment whole = *range;
    const auto next = job.pending.erase(range);
    const auto rest =
        part.end < whole.chunks.end
            ? job.pending.insert(next, {whole.job, whole.attempt, {part.end, whole.chunks.end}})
            : next;
    if (whole.chunks.begin < part.begin)
      job.pending.insert(rest, {whole.job, whole.attempt, {whole.chunks.begin, part.begin}});
    job.pending_chunks -= part.size();
    job.in_flight += part.size();
  }
}

void Dispatcher::Remove(int job, ChunkRange chunks) {
  Drop(job, chunks);
  jobs_[static_cast<std::size_t>(job)].in_flight -= chunks.size();
  // Without these chunks the plan can no longer be followed, so it is dropped.
  options_.plan.clear();
}

void Dispatcher::Retire(int processor) {
  is_retired_[static_cast<std::size_t>(processor)] = true;
  // Without this processor the plan can no longer be followed, so it is dropped.
  options_.plan.clear();
}

double Dispatcher::ExpectedSeconds(int job, Index chunks) const {
  return jobs_[static_cast<std::size_t>(job)].mean_seconds() * static_cast<double>(chunks);
}

bool Dispatcher::has_pending_over(Index chunks) const {
  Index pending = 0;
  for (const Job& job : jobs_) pending += job.pending_chunks;
  return pending > chunks;
}

}  // namespace mpaio
