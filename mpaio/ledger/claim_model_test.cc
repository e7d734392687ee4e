// SPDX-License-Identifier: Apache-2.0

// A model of how the ranks of a node take chunks from each other, in which every order of their
// steps is tried, with the death of ranks at each.
//
// A step is one access to shared memory, as steal_board.cc and chunk_runner.cc make them, with the
// same arithmetic (claim_word.h); what a rank keeps to itself between two of them is its local
// state. A state is everything that there is: so all that can happen from there is tried once,
// however it was reached. Rank 0's part is in the same steps: it takes in results, finds that a
// rank is dead, reads what the living hold a word at a time, and asks the Ledger itself what is
// lost.
//
// What is shown: whenever nothing can go on any more, each chunk is committed, whoever died, but
// for the last one alive; and without a death none is processed twice. What is left out: that a
// rank has several slots, and gathers the results of several claims before it sends them; and that
// a rank could go on stealing and being stolen from without ever taking a chunk.
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

// What a rank does next.
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

// Everything there is. Chunks are sets of bits.
struct State {
  std::vector<RankState> ranks;
  std::uint32_t committed = 0;
  std::uint32_t pending = 0;  // at rank 0, not given to anybody
  std::uint8_t deaths_left = 0;
  // Rank 0 reads what the living hold: which word is next, and what it has found so far.
  int scan = kNone;
  std::uint32_t seen_held = 0;
  // The books: by rank, what it is in flight with.
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

// The ranges of consecutive bits.
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
  // With `exchange_at_once` reading a word and exchanging it is one step. That is the same but for
  // exchanges that fail, as a word that has not changed says the same (claim_word.h): what is shown
  // without it, for fewer ranks.
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

  // Tries everything; the number of states.
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
      // Death between any two steps; one rank is left.
      const auto living = std::count_if(state.ranks.begin(), state.ranks.end(),
                                        [](const RankState& rank) { return rank.at != At::kDead; });
      if (state.deaths_left > 0 && living > 1) {
        State next = state;
        --next.deaths_left;
        // What it knew is gone; what it had shown stays. Rank 0 finds that out later.
        next.ranks[k].at = At::kDead;
        next.ranks[k].seen = next.ranks[k].taken = 0;
        next.ranks[k].inbox = 0;
        Reach(next);
        // What it was sending may arrive, or not.
        if (next.ranks[k].under_way != 0) {
          next.ranks[k].under_way = 0;
          Reach(std::move(next));
        }
      }
    }
    can_go_on |= StepOfRank0(state);
    if (can_go_on) return;
    ASSERT_EQ(state.committed, BitsOf(ChunkRange{0, chunks_}))
        << "all has come to a halt, and not all is done";
  }

  // The next step of a rank; false where it has none. Where it could read one of several words,
  // each is tried.
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
          // As many at a time as there is time for: one or two.
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

  // Rank 0 takes in results; gives out what it has; and, when a rank is dead that it has not dealt
  // with, reads a word of the living or draws up what is lost.
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
        // Not while it counts, as it does not do two things at once; and to one that has room.
        if (state.scan != kNone || state.ranks[k].is_found_dead || state.ranks[k].inbox != 0)
          continue;
        State next = state;
        next.pending &= ~BitsOf(part);
        // What is given to a dead rank that is not known to be one is in the books, and lost with
        // it.
        if (state.ranks[k].at != At::kDead) next.ranks[k].inbox = WordOf(part);
        next.books[k] |= BitsOf(part);
        Reach(std::move(next));
        can = true;
      }
    }
    return StepOfCount(state) || can;
  }

  bool StepOfCount(const State& state) {
    const int ranks = static_cast<int>(state.ranks.size());
    if (state.scan == kNone) {
      bool is_news = false;
      State next = state;
      for (RankState& rank : next.ranks) {
        if (rank.at != At::kDead || rank.is_found_dead) continue;
        rank.is_found_dead = is_news = true;
      }
      if (!is_news) return false;
      next.scan = 0;
      next.seen_held = 0;
      Reach(std::move(next));
      return true;
    }
    State next = state;
    if (state.scan < 2 * ranks) {
      // The words of one that has died meanwhile are read too, as rank 0 cannot know; its own count
      // comes after this one.
      const RankState& rank = state.ranks[static_cast<std::size_t>(state.scan / 2)];
      if (!rank.is_found_dead)
        next.seen_held |= BitsOf(state.scan % 2 == 0 ? rank.offered : rank.held);
      ++next.scan;
      Reach(std::move(next));
      return true;
    }
    // All is read. The ledger says what is lost. Which of the living holds what makes no difference
    // to it: here it is the first.
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
    for (const Ledger::InFlight& one : ledger.given(alive))
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
    // With deaths it comes to that somewhere: or else they are not tried where they hurt.
    EXPECT_EQ(explorer.any_processed_twice(), one.deaths > 0);
  }
}

}  // namespace
}  // namespace mpaio
