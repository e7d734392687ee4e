// SPDX-License-Identifier: Apache-2.0

// A model of how the ranks of a node steal chunks from each other. The test tries every order of
// their steps, and lets ranks die between any two steps.
//
// A step is one access to shared memory, as steal_board.cc and chunk_runner.cc make it, with the
// same arithmetic (claim_word.h); everything else that a rank remembers between two steps is its
// local state. A State is the complete state of the system, so its successors are explored once,
// however it was reached. Rank 0 takes steps too: it receives results, finds that a rank is dead,
// reads the chunks that the living ranks hold, one word at a time, and asks the real Ledger which
// chunks are lost.
//
// The test shows two things. Whenever no step is possible any more, every chunk is committed,
// whichever ranks died, as long as one is alive. Without deaths no chunk is processed twice. The
// model leaves out that a rank has several slots, and that it gathers the results of several claims
// before it sends them. It does not show that ranks cannot steal from each other forever without
// processing a chunk.
#include <algorithm>
#include <cstdint>
#include <iostream>
#include <string>
#include <unordered_set>
#include <utility>
#include <vector>

#include "gtest/gtest.h"
#include "mpaio/dispatch/claim_word.h"
#include "mpaio/ledger/ledger.h"

namespace mpaio {
namespace {

// The next step of a rank.
enum class At : std::uint8_t {
  kIdle,   // read a word of another rank, to steal
  kCut,    // exchange that word
  kPost,   // offer what was cut
  kRead,   // read the own word
  kClaim,  // exchange it
  kHold,   // show what was claimed
  kSend,   // process it and send the results
  kDead,
};

struct RankState {
  ClaimWord offered = 0;  // shared
  ClaimWord held = 0;     // shared
  ClaimWord inbox = 0;    // given by rank 0, not yet received
  At at = At::kIdle;
  std::uint8_t victim = 0;
  ClaimWord seen = 0;           // read from a word, before it is exchanged
  ClaimWord taken = 0;          // cut, or claimed
  std::uint32_t under_way = 0;  // results sent and not yet received
  bool is_found_dead = false;
};

constexpr int kNone = -1;

// The state of the whole system. Chunks are sets of bits.
struct State {
  std::vector<RankState> ranks;
  std::uint32_t committed = 0;
  std::uint32_t pending = 0;  // at rank 0, not assigned
  std::uint8_t deaths_left = 0;
  // Rank 0's scan of what the living hold: the next word, and the chunks found so far.
  int scan = kNone;
  std::uint32_t seen_held = 0;
  // The ledger: for each rank, the chunks that it has in flight.
  std::vector<std::uint32_t> books;

  std::uint32_t UnderWay() const {
    std::uint32_t chunks = 0;
    for (const RankState& rank : ranks) chunks |= rank.under_way;
    return chunks;
  }

  std::string Key() const {
    std::string key;
    const auto add = [&key](const auto& value) {
      key.append(reinterpret_cast<const char*>(&value), sizeof(value));
    };
    for (const RankState& rank : ranks) {
      add(rank.offered);
      add(rank.held);
      add(rank.inbox);
      add(rank.at);
      add(rank.victim);
      add(rank.seen);
      add(rank.taken);
      add(rank.under_way);
      add(rank.is_found_dead);
    }
    add(committed);
    add(pending);
    add(deaths_left);
    add(scan);
    add(seen_held);
    for (const std::uint32_t book : books) add(book);
    return key;
  }
};

std::uint32_t BitsOf(ChunkRange range) {
  std::uint32_t bits = 0;
  for (ChunkId chunk = range.begin; chunk < range.end; ++chunk) bits |= 1u << chunk;
  return bits;
}
std::uint32_t BitsOf(ClaimWord word) { return BitsOf(RangeOf(word)); }

// Returns the ranges of consecutive bits.
std::vector<ChunkRange> RangesOf(std::uint32_t bits) {
  std::vector<ChunkRange> ranges;
  for (ChunkId chunk = 0; chunk < 32; ++chunk) {
    if ((bits >> chunk & 1) == 0) continue;
    if (!ranges.empty() && ranges.back().end == chunk) {
      ++ranges.back().end;
    } else {
      ranges.push_back({chunk, chunk + 1});
    }
  }
  return ranges;
}

class Explorer {
 public:
  // With `exchange_at_once`, reading a word and exchanging it is one step. That leaves out only
  // exchanges that fail, because an unchanged word always means the same (claim_word.h). The cases
  // without `exchange_at_once`, which have fewer ranks, cover failed exchanges.
  Explorer(int ranks, int chunks, int deaths, bool exchange_at_once, std::vector<ChunkRange> given)
      : chunks_(chunks), exchange_at_once_(exchange_at_once) {
    State start;
    start.ranks.resize(static_cast<std::size_t>(ranks));
    start.books.resize(static_cast<std::size_t>(ranks));
    start.deaths_left = static_cast<std::uint8_t>(deaths);
    for (std::size_t k = 0; k < given.size(); ++k) {
      start.ranks[k].inbox = WordOf(given[k]);
      start.books[k] = BitsOf(given[k]);
    }
    Reach(std::move(start));
  }

  // Explores all states. Returns their number.
  std::size_t Run() {
    while (!open_.empty() && !testing::Test::HasFatalFailure()) {
      const State state = std::move(open_.back());
      open_.pop_back();
      Expand(state);
    }
    return known_.size();
  }
  bool any_processed_twice() const { return processed_twice_ != 0; }

 private:
  void Reach(State state) {
    if (known_.insert(state.Key()).second) open_.push_back(std::move(state));
  }

  void Expand(const State& state) {
    bool can_go_on = false;
    for (std::size_t k = 0; k < state.ranks.size(); ++k) {
      if (state.ranks[k].at == At::kDead) continue;
      can_go_on |= StepOf(state, k);
      // A rank may die between any two steps, as long as another one is alive.
      const auto living = std::count_if(state.ranks.begin(), state.ranks.end(),
                                        [](const RankState& rank) { return rank.at != At::kDead; });
      if (state.deaths_left > 0 && living > 1) {
        State next = state;
        --next.deaths_left;
        // A death loses the rank's local state, but not what it has shown. Rank 0 finds out later.
        next.ranks[k].at = At::kDead;
        next.ranks[k].seen = next.ranks[k].taken = 0;
        next.ranks[k].inbox = 0;
        Reach(next);
        // Results in transit may arrive, or not.
        if (next.ranks[k].under_way != 0) {
          next.ranks[k].under_way = 0;
          Reach(std::move(next));
        }
      }
    }
    can_go_on |= StepOfRank0(state);
    if (can_go_on) return;
    ASSERT_EQ(state.committed, BitsOf(ChunkRange{0, chunks_}))
        << "no step is possible, but not every chunk is committed";
  }

  // Makes the next step of a rank. If the rank could read one of several words, each is tried.
  // Returns false if the rank has no step.
  bool StepOf(const State& state, std::size_t k) {
    const RankState& now = state.ranks[k];
    State next = state;
    RankState& rank = next.ranks[k];
    switch (now.at) {
      case At::kIdle: {
        if (now.inbox != 0) {
          rank.taken = std::exchange(rank.inbox, 0);
          rank.at = At::kPost;
          Reach(std::move(next));
          return true;
        }
        bool found = false;
        for (std::size_t victim = 0; victim < state.ranks.size(); ++victim) {
          if (victim == k || state.ranks[victim].offered == 0) continue;
          State read = state;
          read.ranks[k].victim = static_cast<std::uint8_t>(victim);
          read.ranks[k].seen = state.ranks[victim].offered;
          read.ranks[k].at = At::kCut;
          if (exchange_at_once_) {
            StepOf(read, k);
          } else {
            Reach(std::move(read));
          }
          found = true;
        }
        return found;
      }
      case At::kCut: {
        ClaimWord& word = next.ranks[now.victim].offered;
        rank.at = At::kIdle;
        if (word == now.seen) {
          const Cut cut = TakeFarHalf(now.seen);
          word = cut.left;
          rank.taken = WordOf(cut.taken);
          rank.at = At::kPost;
        }
        rank.seen = 0;
        break;
      }
      case At::kPost:
        rank.offered = std::exchange(rank.taken, 0);
        rank.at = At::kRead;
        break;
      case At::kRead:
        rank.seen = now.offered;
        rank.at = now.offered == 0 ? At::kIdle : At::kClaim;
        if (exchange_at_once_ && rank.at == At::kClaim) return StepOf(next, k);
        break;
      case At::kClaim: {
        rank.seen = 0;
        rank.at = At::kRead;
        if (now.offered == now.seen) {
          // A claim takes one chunk or two, as the time permits.
          for (const Index most : {1, 2}) {
            State taking = next;
            const Cut cut = TakeFront(now.seen, most);
            taking.ranks[k].offered = cut.left;
            taking.ranks[k].taken = WordOf(cut.taken);
            taking.ranks[k].at = At::kHold;
            Reach(std::move(taking));
          }
          return true;
        }
        break;
      }
      case At::kHold:
        rank.held = now.taken;
        rank.at = At::kSend;
        break;
      case At::kSend: {
        const std::uint32_t chunk = BitsOf(now.taken);
        processed_twice_ |= (state.UnderWay() | state.committed) & chunk;
        rank.under_way |= chunk;
        rank.taken = 0;
        rank.at = At::kRead;
        break;
      }
      case At::kDead:
        return false;
    }
    Reach(std::move(next));
    return true;
  }

  // Rank 0 receives results, assigns pending chunks and, while it has not handled the loss of a
  // dead rank, reads a word of a living rank or determines the lost chunks. Returns false if it can
  // do nothing.
  bool StepOfRank0(const State& state) {
    bool can = false;
    for (std::size_t k = 0; k < state.ranks.size(); ++k) {
      if (state.ranks[k].under_way == 0) continue;
      State next = state;
      next.committed |= std::exchange(next.ranks[k].under_way, 0);
      Reach(std::move(next));
      can = true;
    }
    for (const ChunkRange& part : RangesOf(state.pending)) {
      for (std::size_t k = 0; k < state.ranks.size(); ++k) {
        // Not during a scan, because rank 0 does one thing at a time; and only to a rank whose
        // inbox is empty.
        if (state.scan != kNone || state.ranks[k].is_found_dead || state.ranks[k].inbox != 0)
          continue;
        State next = state;
        next.pending &= ~BitsOf(part);
        // Chunks given to a rank that is dead, but not yet known to be dead, are in the ledger, and
        // lost with the rank.
        if (state.ranks[k].at != At::kDead) next.ranks[k].inbox = WordOf(part);
        next.books[k] |= BitsOf(part);
        Reach(std::move(next));
        can = true;
      }
    }
    return StepOfScan(state) || can;
  }

  // Rank 0 begins to scan the words after a death, reads the next one, or ends the scan. Returns
  // false if no death is to be handled.
  bool StepOfScan(const State& state) {
    const int ranks = static_cast<int>(state.ranks.size());
    if (state.scan == kNone) {
      bool found_any = false;
      State next = state;
      for (RankState& rank : next.ranks) {
        if (rank.at != At::kDead || rank.is_found_dead) continue;
        rank.is_found_dead = found_any = true;
      }
      if (!found_any) return false;
      next.scan = 0;
      next.seen_held = 0;
      Reach(std::move(next));
      return true;
    }
    State next = state;
    if (state.scan < 2 * ranks) {
      // Rank 0 also reads the words of a rank that has died since the scan began, because it cannot
      // know; the scan for that death comes after this one.
      const RankState& rank = state.ranks[static_cast<std::size_t>(state.scan / 2)];
      if (!rank.is_found_dead)
        next.seen_held |= BitsOf(state.scan % 2 == 0 ? rank.offered : rank.held);
      ++next.scan;
      Reach(std::move(next));
      return true;
    }
    // The scan is complete, and the ledger says which chunks are lost. It does not matter to the
    // ledger which living rank holds which chunk, so all go to one of them.
    Ledger ledger({static_cast<Index>(chunks_)}, ranks);
    for (const ChunkRange& range : RangesOf(state.committed)) ledger.Commit(0, range);
    std::vector<int> all;
    int alive = 0;
    for (int k = 0; k < ranks; ++k) {
      all.push_back(k);
      for (const ChunkRange& range : RangesOf(state.books[static_cast<std::size_t>(k)]))
        ledger.Assign(k, {0, 0, range});
      if (!state.ranks[static_cast<std::size_t>(k)].is_found_dead) alive = k;
    }
    std::vector<Ledger::Held> held;
    for (const ChunkRange& range : RangesOf(state.seen_held))
      held.push_back({alive, {0, 0, range}});
    next.pending = state.pending;
    for (const Assignment& lost : ledger.Withdraw(all, held)) next.pending |= BitsOf(lost.chunks);
    std::fill(next.books.begin(), next.books.end(), 0);
    for (const Ledger::InFlight& one : ledger.in_flight(alive))
      next.books[static_cast<std::size_t>(alive)] |= BitsOf(one.assignment.chunks);
    next.scan = kNone;
    next.seen_held = 0;
    Reach(std::move(next));
    return true;
  }

  const int chunks_;
  const bool exchange_at_once_;
  std::uint32_t processed_twice_ = 0;
  std::unordered_set<std::string> known_;
  std::vector<State> open_;
};

struct Case {
  int ranks, chunks, deaths;
  bool exchange_at_once;
  std::vector<ChunkRange> given;
};

TEST(ClaimModelTest, EveryOrderOfStepsAndDeaths) {
  for (const Case& one : {Case{2, 4, 0, false, {{0, 4}}}, Case{2, 5, 0, false, {{0, 3}, {3, 5}}},
                          Case{2, 3, 1, false, {{0, 3}}}, Case{2, 4, 1, false, {{0, 2}, {2, 4}}},
                          Case{3, 3, 0, true, {{0, 3}}}, Case{3, 1, 2, true, {{0, 1}}},
                          Case{3, 2, 1, true, {{0, 2}}}}) {
    Explorer explorer(one.ranks, one.chunks, one.deaths, one.exchange_at_once, one.given);
    const std::size_t states = explorer.Run();
    std::cout << one.ranks << " ranks, " << one.chunks << " chunks, " << one.deaths
              << " deaths: " << states << " states" << std::endl;
    if (HasFatalFailure()) return;
    // With deaths, some order must process a chunk twice; otherwise the deaths would miss the
    // critical steps.
    EXPECT_EQ(explorer.any_processed_twice(), one.deaths > 0);
  }
}

}  // namespace
}  // namespace mpaio
