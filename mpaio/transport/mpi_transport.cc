// SPDX-License-Identifier: Apache-2.0
#include "mpaio/transport/mpi_transport.h"

#include <algorithm>
#include <cstring>
#include <deque>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "mpaio/base/status_macros.h"
#include "mpaio/mpi/request_set.h"
#include "mpaio/transport/backoff.h"

namespace mpaio {
namespace {

enum class Tag : int {
  kFrame = 1,  // a Frame, followed by the message if it fits
  kPiece = 2,  // the next piece of a message that was announced
};

// The header of every message.
struct Frame {
  std::uint64_t message_bytes;
  std::uint64_t is_announced;  // 1: the message follows, in pieces
};

// The contents of a request's token: the kind of operation, and its id.
enum class Operation : std::uint64_t { kSlot, kPieceIn, kSendOut };
std::uint64_t Token(Operation operation, std::uint64_t id) {
  return static_cast<std::uint64_t>(operation) << 56 | id;
}
Operation OperationOf(std::uint64_t token) { return static_cast<Operation>(token >> 56); }
std::uint64_t IdOf(std::uint64_t token) { return token & ((std::uint64_t{1} << 56) - 1); }

class MpiTransport final : public Transport {
 public:
  MpiTransport(Communicator comm, const MpiTransportOptions& options)
      : comm_(std::move(comm)), options_(options) {}
  ~MpiTransport() override { Close().IgnoreError(); }

  absl::Status Open() {
    const int num_peers = rank() == 0 ? size() - 1 : 1;
    peers_ = std::vector<Peer>(static_cast<std::size_t>(num_peers));
    bool all_have_bells = !options_.doorbells.empty();
    for (int p = 0; p < num_peers; ++p) {
      Peer& peer = peers_[p];
      peer.rank = rank() == 0 ? p + 1 : 0;
      all_have_bells &= static_cast<std::size_t>(peer.rank) < options_.doorbells.size() &&
                        options_.doorbells[static_cast<std::size_t>(peer.rank)] != nullptr;
      peer.slots = std::vector<Slot>(static_cast<std::size_t>(options_.slots));
      for (int s = 0; s < options_.slots; ++s) {
        peer.slots[s].bytes =
            std::make_unique<char[]>(static_cast<std::size_t>(options_.slot_bytes));
        MPAIO_RETURN_IF_ERROR(PostSlot(p, s));
      }
    }
    if (all_have_bells) own_bell_ = options_.doorbells[static_cast<std::size_t>(rank())];
    return absl::OkStatus();
  }

  int rank() const override { return comm_.rank(); }
  int size() const override { return comm_.size(); }
  Index unsent_bytes() const override { return unsent_bytes_; }

  absl::Status Send(int to, std::string message) override {
    const absl::Status status = SendWithoutRinging(to, std::move(message));
    if (status.ok()) Ring(to);
    return status;
  }

  absl::StatusOr<std::optional<Message>> Receive() override {
    if (std::optional<Message> ready = PopReady()) return ready;
    if (closed_) return absl::FailedPreconditionError("the transport is closed");
    if (own_bell_ != nullptr && quiet_tests_ == 0) heard_ = own_bell_->Heard();
    completed_.clear();
    MPAIO_ASSIGN_OR_RETURN(const TestOutcome outcome, requests_.TestSome(&completed_));
    quiet_tests_ = outcome == TestOutcome::kCompleted ? 0 : quiet_tests_ + 1;
    // A message that is not sent at once makes progress only if the other side tests, too.
    if (unsent_bytes_ > 0) RingWhere([](const Peer& peer) { return peer.unsent_large > 0; });
    if (outcome != TestOutcome::kCompleted) return std::optional<Message>();
    backoff_.Reset();
    for (const Completion& done : completed_) MPAIO_RETURN_IF_ERROR(Complete(done));
    // Small messages have left by now, unless MPI lacked buffers.
    if (unsent_bytes_ > 0) RingWhere([](const Peer& peer) { return peer.unsent > 0; });
    for (std::size_t p = 0; p < peers_.size(); ++p)
      MPAIO_RETURN_IF_ERROR(TakeFromSlots(static_cast<int>(p)));
    return PopReady();
  }

  void WaitForMessage(absl::Duration at_most) override {
    // While a large message is in transit, both sides have to test again and again.
    const bool is_moving = unsent_bytes_ > 0 || missing_pieces_ > 0;
    if (own_bell_ == nullptr || is_moving) return backoff_.Pause(at_most);
    if (backoff_.PauseBriefly()) return;
    // Open MPI reports the progress made in one test only with the next one.
    if (quiet_tests_ < 2) return;
    own_bell_->Sleep(heard_, absl::ToChronoNanoseconds(std::clamp(at_most, absl::ZeroDuration(),
                                                                  options_.longest_sleep)));
    quiet_tests_ = 0;
  }

  void WakeOne() override {
    // Starts after the last one woken, because a rank that died in its sleep appears to sleep
    // forever.
    const std::size_t bells = options_.doorbells.size();
    for (std::size_t k = 1; k <= bells; ++k) {
      const std::size_t rank = (last_woken_ + k) % bells;
      Doorbell* const bell = options_.doorbells[rank];
      if (bell == nullptr || bell == own_bell_ || !bell->HasSleeper()) continue;
      last_woken_ = rank;
      return bell->Ring();
    }
  }

  void Abandon(int rank) override {
    if (rank < 0 || rank >= size() || rank == this->rank()) return;
    Peer& peer = PeerOf(rank);
    if (peer.is_dead) return;
    peer.is_dead = true;
    peer.unsent = peer.unsent_large = 0;
    // MPI may keep the buffers forever, so they stay allocated.
    for (const Outgoing& outgoing : outgoing_) {
      if (outgoing.parts_left > 0 && outgoing.to == rank)
        unsent_bytes_ -= static_cast<Index>(outgoing.bytes.size());
    }
    for (Incoming& incoming : peer.incoming) ForgetPieces(incoming);
  }

  absl::Status Close() override {
    if (closed_) return absl::OkStatus();
    closed_ = true;
    const absl::StatusOr<bool> all_released = requests_.CancelAll();
    if (!all_released.ok() || !*all_released) {
      // MPI may still access the buffers, so they must outlive this object. This happens only after
      // an aborted run.
      new std::vector<Peer>(std::move(peers_));
      new std::deque<Outgoing>(std::move(outgoing_));
    }
    absl::Status status = all_released.status();
    status.Update(comm_.Free());
    return status;
  }

 private:
  // A larger message may need several tests on both sides (Open MPI's eager limits are 4 KiB and
  // more).
  static constexpr std::size_t kAtOnceBytes = 2048;

  void Ring(int rank) {
    if (static_cast<std::size_t>(rank) < options_.doorbells.size() &&
        options_.doorbells[static_cast<std::size_t>(rank)] != nullptr) {
      options_.doorbells[static_cast<std::size_t>(rank)]->Ring();
    }
  }
  absl::Status SendWithoutRinging(int to, std::string message) {
    if (to < 0 || to >= size() || to == rank() || (rank() != 0 && to != 0)) {
      return absl::InvalidArgumentError(
          absl::StrCat("rank ", rank(), " has no channel to rank ", to));
    }
    if (closed_) return absl::FailedPreconditionError("the transport is closed");
    if (PeerOf(to).is_dead) return absl::OkStatus();
    const Index message_bytes = static_cast<Index>(message.size());
    const bool fits = message_bytes + static_cast<Index>(sizeof(Frame)) <= options_.slot_bytes;
    const Frame frame{static_cast<std::uint64_t>(message_bytes), fits ? 0u : 1u};
    std::string head(reinterpret_cast<const char*>(&frame), sizeof(frame));
    if (fits) {
      head += message;
      return SendPart(to, Tag::kFrame, std::move(head));
    }
    MPAIO_RETURN_IF_ERROR(SendPart(to, Tag::kFrame, std::move(head)));
    // The sends of the pieces share one buffer.
    const std::uint64_t id = NewOutgoing(
        to, std::move(message), static_cast<int>(CeilDivide(message_bytes, options_.piece_bytes)));
    const Outgoing& outgoing = outgoing_[id];
    for (Index at = 0; at < message_bytes; at += options_.piece_bytes) {
      const Index piece = std::min(options_.piece_bytes, message_bytes - at);
      MPAIO_RETURN_IF_ERROR(requests_.Send(comm_, to, static_cast<int>(Tag::kPiece),
                                           outgoing.bytes.data() + at, piece,
                                           Token(Operation::kSendOut, id)));
    }
    return absl::OkStatus();
  }

  struct Slot {
    std::unique_ptr<char[]> bytes;
    bool is_full = false;
    Index size_bytes = 0;
  };
  // A message from a peer, in the order of arrival; complete when no piece is missing.
  struct Incoming {
    std::string bytes;
    Index missing_pieces = 0;
    bool is_lost = false;      // some of its pieces will never arrive
    std::uint32_t number = 0;  // identifies it among the peer's announced messages
  };
  struct Peer {
    int rank = 0;
    std::vector<Slot> slots;
    std::size_t next_slot = 0;  // MPI fills receives in posting order: round robin over the slots
    std::deque<Incoming> incoming;
    std::uint32_t next_number = 0;
    // The number of messages to the peer that have not left, and how many of them are not sent at
    // once.
    Index unsent = 0;
    Index unsent_large = 0;
    bool is_dead = false;
  };
  struct Outgoing {
    int to = 0;
    std::string bytes;
    int parts_left = 0;
  };

  template <typename Condition>
  void RingWhere(Condition condition) {
    for (const Peer& peer : peers_) {
      if (condition(peer)) Ring(peer.rank);
    }
  }
  Peer& PeerOf(int rank) {
    return peers_[comm_.rank() == 0 ? static_cast<std::size_t>(rank) - 1 : 0];
  }

  absl::Status PostSlot(int peer, int slot) {
    return requests_.Receive(
        comm_, peers_[peer].rank, static_cast<int>(Tag::kFrame),
        peers_[peer].slots[slot].bytes.get(), options_.slot_bytes,
        Token(Operation::kSlot, static_cast<std::uint64_t>(peer) * options_.slots + slot));
  }

  std::uint64_t NewOutgoing(int to, std::string bytes, int parts) {
    std::uint64_t id;
    if (free_ids_.empty()) {
      id = outgoing_.size();
      outgoing_.emplace_back();
    } else {
      id = free_ids_.back();
      free_ids_.pop_back();
    }
    unsent_bytes_ += static_cast<Index>(bytes.size());
    Peer& peer = PeerOf(to);
    ++peer.unsent;
    if (bytes.size() > kAtOnceBytes) ++peer.unsent_large;
    outgoing_[id] = {to, std::move(bytes), parts};
    return id;
  }

  absl::Status SendPart(int to, Tag tag, std::string bytes) {
    const std::uint64_t id = NewOutgoing(to, std::move(bytes), 1);
    const std::string& owned = outgoing_[id].bytes;
    return requests_.Send(comm_, to, static_cast<int>(tag), owned.data(),
                          static_cast<Index>(owned.size()), Token(Operation::kSendOut, id));
  }

  absl::Status Complete(const Completion& done) {
    const std::uint64_t id = IdOf(done.token);
    switch (OperationOf(done.token)) {
      case Operation::kSlot: {
        Slot& slot = peers_[id / options_.slots].slots[id % options_.slots];
        slot.is_full = true;
        slot.size_bytes = done.bytes;
        return absl::OkStatus();
      }
      case Operation::kPieceIn: {
        // There are few incoming messages from one peer. Pieces of different messages may complete
        // in any order.
        for (Incoming& incoming : peers_[id >> 32].incoming) {
          if (incoming.missing_pieces > 0 && incoming.number == static_cast<std::uint32_t>(id)) {
            --incoming.missing_pieces;
            if (!incoming.is_lost) --missing_pieces_;
            return absl::OkStatus();
          }
        }
        return absl::InternalError("a piece arrived that belongs to no message");
      }
      case Operation::kSendOut: {
        Outgoing& outgoing = outgoing_[id];
        if (--outgoing.parts_left == 0 && PeerOf(outgoing.to).is_dead) {
          outgoing.bytes = std::string();
          free_ids_.push_back(id);
        } else if (outgoing.parts_left == 0) {
          unsent_bytes_ -= static_cast<Index>(outgoing.bytes.size());
          Peer& peer = PeerOf(outgoing.to);
          --peer.unsent;
          if (outgoing.bytes.size() > kAtOnceBytes) --peer.unsent_large;
          outgoing.bytes = std::string();
          free_ids_.push_back(id);
        }
        return absl::OkStatus();
      }
    }
    return absl::InternalError("a request of an unknown kind completed");
  }

  // Moves the messages out of the peer's full slots, in order, and posts the slots again.
  absl::Status TakeFromSlots(int p) {
    Peer& peer = peers_[p];
    while (peer.slots[peer.next_slot].is_full) {
      Slot& slot = peer.slots[peer.next_slot];
      Frame frame;
      if (slot.size_bytes < static_cast<Index>(sizeof(frame)))
        return absl::InternalError("a message without its frame arrived");
      std::memcpy(&frame, slot.bytes.get(), sizeof(frame));
      const Index message_bytes = static_cast<Index>(frame.message_bytes);
      peer.incoming.emplace_back();
      Incoming& incoming = peer.incoming.back();
      if (frame.is_announced == 0) {
        if (message_bytes != slot.size_bytes - static_cast<Index>(sizeof(frame))) {
          return absl::InternalError("a message arrived that is not as long as its frame says");
        }
        incoming.bytes.assign(slot.bytes.get() + sizeof(frame),
                              static_cast<std::size_t>(message_bytes));
      } else {
        incoming.bytes.resize(static_cast<std::size_t>(message_bytes));
        incoming.missing_pieces = CeilDivide(message_bytes, options_.piece_bytes);
        missing_pieces_ += incoming.missing_pieces;
        incoming.number = peer.next_number++;
        // Pieces that have arrived already still complete.
        if (peer.is_dead) ForgetPieces(incoming);
        for (Index at = 0; at < message_bytes; at += options_.piece_bytes) {
          MPAIO_RETURN_IF_ERROR(requests_.Receive(
              comm_, peer.rank, static_cast<int>(Tag::kPiece), incoming.bytes.data() + at,
              std::min(options_.piece_bytes, message_bytes - at),
              Token(Operation::kPieceIn, static_cast<std::uint64_t>(p) << 32 | incoming.number)));
        }
      }
      slot.is_full = false;
      MPAIO_RETURN_IF_ERROR(PostSlot(p, static_cast<int>(peer.next_slot)));
      peer.next_slot = (peer.next_slot + 1) % peer.slots.size();
    }
    return absl::OkStatus();
  }

  // Stops waiting for the remaining pieces.
  void ForgetPieces(Incoming& incoming) {
    if (incoming.is_lost || incoming.missing_pieces == 0) return;
    incoming.is_lost = true;
    missing_pieces_ -= incoming.missing_pieces;
  }

  // Round robin over the peers, so that a busy one does not starve the others.
  std::optional<Message> PopReady() {
    for (std::size_t k = 0; k < peers_.size(); ++k) {
      Peer& peer = peers_[next_peer_];
      next_peer_ = (next_peer_ + 1) % peers_.size();
      if (!peer.incoming.empty() && peer.incoming.front().missing_pieces == 0) {
        Message message{peer.rank, std::move(peer.incoming.front().bytes)};
        peer.incoming.pop_front();
        return message;
      }
    }
    return std::nullopt;
  }

  Communicator comm_;
  MpiTransportOptions options_;
  RequestSet requests_;
  std::vector<Completion> completed_;
  std::vector<Peer> peers_;
  std::size_t next_peer_ = 0;
  std::deque<Outgoing> outgoing_;  // a deque, because buffers in flight must not move when it grows
  std::vector<std::uint64_t> free_ids_;
  Index unsent_bytes_ = 0;
  Index missing_pieces_ = 0;  // of all incoming messages
  Doorbell* own_bell_ = nullptr;
  std::uint32_t heard_ = 0;  // the bell's count before the first of quiet_tests_ tests
  int quiet_tests_ = 0;      // consecutive tests without a completion
  std::size_t last_woken_ = 0;
  Backoff backoff_;
  bool closed_ = false;
};

}  // namespace

absl::StatusOr<std::unique_ptr<Transport>> MakeMpiTransport(const Communicator& pool,
                                                            const MpiTransportOptions& options) {
  if (pool.is_null())
    return absl::FailedPreconditionError(
        "MPI is not running: a pool of one rank needs no MPI transport");
  MPAIO_ASSIGN_OR_RETURN(Communicator comm, pool.Duplicate());
  auto transport = std::make_unique<MpiTransport>(std::move(comm), options);
  MPAIO_RETURN_IF_ERROR(transport->Open());
  return std::unique_ptr<Transport>(std::move(transport));
}

}  // namespace mpaio
