#include "mpaio/dispatch/dispatcher.h"

#include <algorithm>

namespace mpaio {

Dispatcher::Dispatcher(const std::vector<Index>& chunks_per_job, const DispatchOptions& options) : options_(options) {
  for (std::size_t j = 0; j < chunks_per_job.size(); ++j) {
    Job& job = jobs_.emplace_back();
    job.pending_chunks = chunks_per_job[j];
    if (job.pending_chunks > 0) job.pending.push_back({static_cast<std::int32_t>(j), 0, {0, job.pending_chunks}});
  }
}

Index Dispatcher::Length(const Job& job, ChunkId frontier, double bytes_left) const {
  if (job.pending_chunks == 0) return 0;
  // The chunk that delivery waits for must always get through, or nothing held would ever be released.
  const Index least = job.in_flight == 0 && job.pending.front().chunks.begin <= frontier ? 1 : 0;
  if (job.observed == 0) {
    const bool probe = job.in_flight < 2 * options_.processors && bytes_left > 0;
    return probe ? 1 : least;
  }
  const Index share = Index{2} * options_.credits * options_.processors;
  Index length = std::max<Index>(1, job.pending_chunks / share);
  if (job.mean_seconds() > 0) {
    length = std::min(length, static_cast<Index>(std::min(options_.target_seconds / job.mean_seconds(), 1e15)));
  }
  length = std::clamp<Index>(length, 1, job.pending.front().chunks.size());
  // Results of no bytes always fit, also where more is held than should be.
  if (job.mean_bytes() <= 0 || static_cast<double>(length) * job.mean_bytes() <= bytes_left) return length;
  return std::max(least, static_cast<Index>(std::max(0.0, bytes_left) / job.mean_bytes()));
}

std::optional<Assignment> Dispatcher::Next(const std::vector<ChunkId>& frontier) {
  double bytes_left = static_cast<double>(options_.result_budget_bytes - held_bytes_);
  for (const Job& job : jobs_) bytes_left -= static_cast<double>(job.in_flight) * job.mean_bytes();
  Job* best = nullptr;
  Index best_length = 0;
  for (std::size_t j = 0; j < jobs_.size(); ++j) {
    Job& job = jobs_[j];
    if (best != nullptr && job.given_seconds() >= best->given_seconds()) continue;
    const Index length = Length(job, frontier[j], bytes_left);
    if (length == 0) continue;
    best = &job;
    best_length = length;
  }
  if (best == nullptr) return std::nullopt;
  Assignment& first = best->pending.front();
  Assignment assignment = first;
  assignment.chunks.end = assignment.chunks.begin + best_length;
  first.chunks.begin = assignment.chunks.end;
  if (first.chunks.size() == 0) best->pending.pop_front();
  best->pending_chunks -= best_length;
  best->in_flight += best_length;
  return assignment;
}

void Dispatcher::OnResults(int job_number, Index chunks, double seconds, Index result_bytes) {
  Job& job = jobs_[static_cast<std::size_t>(job_number)];
  job.in_flight -= chunks;
  job.observed += chunks;
  job.observed_seconds += seconds;
  job.observed_bytes += static_cast<double>(result_bytes);
  held_bytes_ += result_bytes;
}

void Dispatcher::Return(const Assignment& assignment) {
  Job& job = jobs_[static_cast<std::size_t>(assignment.job)];
  Assignment again = assignment;
  ++again.attempt;
  job.pending.insert(std::lower_bound(job.pending.begin(), job.pending.end(), again,
                                      [](const Assignment& a, const Assignment& b) { return a.chunks.begin < b.chunks.begin; }),
                     again);
  job.pending_chunks += again.chunks.size();
  job.in_flight -= again.chunks.size();
}

double Dispatcher::ExpectedSeconds(const Assignment& assignment) const {
  return jobs_[static_cast<std::size_t>(assignment.job)].mean_seconds() * static_cast<double>(assignment.chunks.size());
}

bool Dispatcher::has_pending_over(Index chunks) const {
  Index pending = 0;
  for (const Job& job : jobs_) pending += job.pending_chunks;
  return pending > chunks;
}

}  // namespace mpaio
