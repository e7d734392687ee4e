// Rank 0's account of the chunks of one job: which are in flight, where, and which are committed. One bit for each chunk, and one entry for each
// assignment in flight.
#ifndef MPAIO_LEDGER_LEDGER_H_
#define MPAIO_LEDGER_LEDGER_H_

#include <cstdint>
#include <map>
#include <vector>

#include "mpaio/base/index.h"
#include "mpaio/dispatch/assignment.h"

namespace mpaio {

// A chunk is pending until it is assigned, in flight until its result arrives, and then committed; it commits once, whatever arrives twice.
class Ledger {
 public:
  explicit Ledger(Index num_chunks);

  // `rank` was given `assignment`.
  void Assign(int rank, const Assignment& assignment);

  // The results of `chunks` came from `rank`. Returns the parts that had not been committed before, in order: as a rule one, `chunks` itself; none where
  // all is a repetition. Precondition: within [0, num_chunks).
  std::vector<ChunkRange> Commit(int rank, ChunkRange chunks);

  // Takes away what `rank` has in flight, and returns the parts of it that are not committed, to be assigned again.
  std::vector<Assignment> Withdraw(int rank);

  bool IsCommitted(ChunkId chunk) const { return (bits_[static_cast<std::size_t>(chunk / 64)] >> (chunk % 64) & 1) != 0; }
  Index num_chunks() const { return num_chunks_; }
  Index num_committed() const { return num_committed_; }
  bool is_complete() const { return num_committed_ == num_chunks_; }

 private:
  // The first chunk in [begin, end) whose committed-bit is `committed`; `end` if there is none. A word at a time.
  ChunkId Find(ChunkId begin, ChunkId end, bool committed) const;
  void SetCommitted(ChunkRange chunks);

  Index num_chunks_;
  Index num_committed_ = 0;
  std::vector<std::uint64_t> bits_;
  std::map<int, std::vector<Assignment>> in_flight_;
};

}  // namespace mpaio

#endif  // MPAIO_LEDGER_LEDGER_H_
