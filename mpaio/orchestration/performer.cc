#include "mpaio/orchestration/performer.h"

#include <algorithm>
#include <utility>

#include "absl/strings/str_cat.h"
#include "mpaio/base/wire.h"
#include "mpaio/orchestration/messages.h"

namespace mpaio {

void Performer::Clear() {
  queue_.clear();
  batch_.clear();
}

void Performer::SendBatch(std::vector<std::string>* messages) {
  Results head;
  head.job = queue_.front().job;
  head.chunks = batch_chunks_;
  head.busy_seconds = std::chrono::duration<double>(batch_busy_).count();
  EndResults(head, &batch_);
  messages->push_back(std::exchange(batch_, std::string()));
}

void Performer::Fail(ChunkId chunk, const absl::Status& status, std::vector<std::string>* messages) {
  messages->push_back(EncodeMessage(Failure{queue_.front().job, chunk, status}));
  Clear();
}

void Performer::Step(std::chrono::nanoseconds slice, std::vector<std::string>* messages) {
  const Clock::time_point start = Clock::now();
  Clock::time_point now = start;
  do {
    Assignment& assignment = queue_.front();
    const ChunkId id = assignment.chunks.begin;
    if (assignment.job < 0 || assignment.job >= static_cast<int>(workers_.size()) || id < 0 ||
        assignment.chunks.end > workers_[static_cast<std::size_t>(assignment.job)]->data_iterator().num_chunks()) {
      return Fail(id, absl::InternalError("this rank has not the same jobs as rank 0: all ranks must run the same program on the same input"),
                  messages);
    }
    const WorkerBase& worker = *workers_[static_cast<std::size_t>(assignment.job)];
    Pace& pace = paces_[static_cast<std::size_t>(assignment.job)];
    if (batch_.empty()) {
      batch_ = StartResults();
      batch_chunks_ = {id, id};
      batch_busy_ = Clock::duration(0);
      batch_start_ = now;
    }
    const ChunksDone some = worker.ProcessChunks(id, std::min(pace.next(), assignment.chunks.size()), &batch_);
    const Clock::time_point after = Clock::now();
    busy_ += after - now;
    batch_busy_ += after - now;
    pace.Took(some.done, after - now);
    now = after;
    if (some.done > 0) {
      chunks_ += some.done;
      rows_ += worker.data_iterator().chunks(id, some.done).size();
      batch_chunks_.end = assignment.chunks.begin = id + some.done;
    }
    if (!some.status.ok()) return Fail(id + some.done, some.status, messages);
    const bool ends_assignment = assignment.chunks.size() == 0;
    if (ends_assignment || static_cast<Index>(batch_.size()) >= kBatchBytes || now - batch_start_ >= kBatchAge) {
      SendBatch(messages);
    }
    if (ends_assignment) queue_.pop_front();
  } while (!queue_.empty() && now - start < slice);
}

}  // namespace mpaio
