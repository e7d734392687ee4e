// SPDX-License-Identifier: Apache-2.0
#include "mpaio/executor/mpi_executor.h"

#include <unistd.h>

#include <algorithm>
#include <chrono>
#include <map>
#include <set>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "mpaio/base/status_macros.h"
#include "mpaio/base/wire.h"
#include "mpaio/executor/anonymous_memory.h"
#include "mpaio/executor/inline_executor.h"
#include "mpaio/executor/rank_consensus.h"
#include "mpaio/host/binding.h"
#include "mpaio/host/doorbell.h"
#include "mpaio/host/memory_capacity.h"
#include "mpaio/launcher/open_mpi.h"
#include "mpaio/mpi/shared_window.h"
#include "mpaio/supervision/supervision.h"

namespace mpaio {
namespace {

absl::Status AgreeOver(const Communicator& comm, const absl::Status& mine) {
  MPAIO_ASSIGN_OR_RETURN(const Index first_failed,
                         comm.Minimum(mine.ok() ? comm.size() : comm.rank()));
  if (first_failed == comm.size()) return absl::OkStatus();
  std::string bytes;
  if (comm.rank() == first_failed) EncodeStatus(mine, &bytes);
  MPAIO_RETURN_IF_ERROR(comm.Broadcast(static_cast<int>(first_failed), &bytes));
  WireReader reader(bytes);
  absl::Status status;
  if (!DecodeStatus(&reader, &status))
    return absl::InternalError(
        "a status from another rank arrived damaged: all ranks must run the same program");
  return status;
}

// Memory of a node with several ranks.
class WindowMemory final : public SharedMemory {
 public:
  WindowMemory(SharedWindow window, const Communicator& node, bool has_huge_pages)
      : SharedMemory(window.data(), window.size_bytes(), has_huge_pages),
        window_(std::move(window)),
        node_(node) {}
  absl::Status Synchronize() override { return window_.Synchronize(node_); }
  absl::Status Free() {
    Detach();
    return window_.Free();
  }
  // Gives the memory back to the system but keeps the window, because freeing that is collective
  // and the other ranks may be dead.
  void Empty(bool is_first) {
    if (is_first) window_.Empty();
    Detach();
  }

 private:
  SharedWindow window_;
  const Communicator& node_;
};

// Shared memory for the coordination of a node's ranks: their doorbells, and Executor::control().
// If no memory is left, there is neither, and ranks look for messages from time to time.
class ControlWindow {
 public:
  // Collective over the pool.
  static absl::StatusOr<ControlWindow> Create(const Communicator& pool, const Communicator& node) {
    ControlWindow control;
    std::vector<int> rank_in_node;
    MPAIO_RETURN_IF_ERROR(node.AllGather(pool.rank(), &rank_in_node));
    control.doorbells_.resize(static_cast<std::size_t>(pool.size()), nullptr);
    if (node.size() == 1) return control;
    const Index doorbell_bytes = Index{kDoorbellStrideBytes} * node.size();
    const Index size_bytes = doorbell_bytes + Executor::kControlBytes * node.size();
    const bool fits =
        node.rank() != 0 ||
        CheckMemoryCapacity(FindMemoryCapacity(BackingDirectory(), kBackingDirectorySetting),
                            size_bytes)
            .ok();
    MPAIO_ASSIGN_OR_RETURN(const Index fits_everywhere, node.Minimum(fits ? 1 : 0));
    if (fits_everywhere == 0) return control;
    MPAIO_ASSIGN_OR_RETURN(control.window_, SharedWindow::Allocate(node, size_bytes));
    // Pages that cannot be populated would be fatal when a bell is first rung.
    const absl::Status populated =
        node.rank() == 0 ? PopulatePages(control.window_.data(), size_bytes) : absl::OkStatus();
    MPAIO_ASSIGN_OR_RETURN(const Index is_populated, node.Minimum(populated.ok() ? 1 : 0));
    if (is_populated == 0) return control;
    for (std::size_t k = 0; k < rank_in_node.size(); ++k) {
      control.doorbells_[static_cast<std::size_t>(rank_in_node[k])] = reinterpret_cast<Doorbell*>(
          control.window_.data() + static_cast<Index>(k) * kDoorbellStrideBytes);
    }
    control.control_ = control.window_.data() + doorbell_bytes;
    return control;
  }

  const std::vector<Doorbell*>& doorbells() const { return doorbells_; }
  std::byte* control() const { return control_; }
  // Collective over the node, after the transports that ring the bells have been closed.
  absl::Status Free() { return window_.Free(); }
  void Empty(bool is_first) {
    if (is_first) window_.Empty();
  }

 private:
  SharedWindow window_;
  std::vector<Doorbell*> doorbells_;
  std::byte* control_ = nullptr;
};

// A stopped rank is terminated only after this time, because it may be continued soon.
constexpr std::chrono::seconds kStoppedTimeout(1);

// A pool of several ranks, on nodes that may have a single rank.
class MultiRankExecutor final : public Executor {
 public:
  MultiRankExecutor(Communicator world, Communicator node, std::vector<int> leaders,
                    std::vector<int> world_ranks, ControlWindow control,
                    std::unique_ptr<Transport> transport, std::unique_ptr<Transport> consensus,
                    bool orchestrator_works, HugePages huge_pages)
      : world_(std::move(world)),
        node_comm_(std::move(node)),
        control_(std::move(control)),
        transport_(std::move(transport)),
        consensus_(
            std::move(consensus), [this] { PollInConsensus(); },
            [this](int rank) { return is_lost(rank); }),
        orchestrator_works_(orchestrator_works),
        huge_pages_(huge_pages),
        supervision_(Supervision::Get()),
        is_lost_(static_cast<std::size_t>(world_.size()), false) {
    const std::set<int> nodes(leaders.begin(), leaders.end());
    num_nodes_ = static_cast<int>(nodes.size());
    for (const int leader : leaders)
      nodes_.push_back(static_cast<int>(std::distance(nodes.begin(), nodes.find(leader))));
    for (std::size_t k = 0; k < world_ranks.size(); ++k)
      pool_rank_of_[world_ranks[k]] = static_cast<int>(k);
    world_ranks_ = std::move(world_ranks);
  }
  ~MultiRankExecutor() override { Close().IgnoreError(); }

  int rank() const override { return world_.rank(); }
  int size() const override { return world_.size(); }
  int node() const override { return node_of(rank()); }
  int num_nodes() const override { return num_nodes_; }
  int node_rank() const override { return node_comm_.rank(); }
  int node_size() const override { return node_comm_.size(); }
  int node_of(int rank) const override { return nodes_[static_cast<std::size_t>(rank)]; }
  std::string host() const override { return HostName(); }
  bool orchestrator_works() const override { return orchestrator_works_; }
  bool can_isolate() const override { return true; }
  Transport& transport() override { return *transport_; }
  std::byte* control() override { return control_.control(); }

  using Executor::Allocate;
  absl::StatusOr<SharedMemory*> Allocate(Index size_bytes, PagePolicy page_policy) override {
    if (size_bytes < 0)
      return absl::InvalidArgumentError(
          absl::StrCat("shared memory of ", size_bytes, " bytes: the size is negative"));
    // The following calls wait for every rank, so a death during them must end the job; an earlier
    // death is detected by AgreeThatAllLive.
    const Unarmed unarmed(supervision_);
    MPAIO_RETURN_IF_ERROR(AgreeThatAllLive());
    // Only the node's first rank checks, so that the ranks of a node do not each count the same
    // memory. All nodes must have enough before any node allocates, because Open MPI does not
    // return on all ranks if memory is missing.
    absl::Status fits = absl::OkStatus();
    if (node_rank() == 0)
      fits = OnThisHost(CheckMemoryCapacity(
          FindMemoryCapacity(node_size() > 1 ? BackingDirectory() : "", kBackingDirectorySetting),
          size_bytes, UnpopulatedBytes(on_demand_)));
    MPAIO_RETURN_IF_ERROR(Agree(fits));
    if (node_size() == 1) {
      absl::StatusOr<std::unique_ptr<SharedMemory>> memory =
          MapAnonymousMemory(size_bytes, huge_pages_, page_policy);
      MPAIO_RETURN_IF_ERROR(Agree(OnThisHost(memory.status())));
      anonymous_.push_back(*std::move(memory));
      if (page_policy == PagePolicy::kOnDemand) on_demand_.push_back(anonymous_.back().get());
      return anonymous_.back().get();
    }
    SharedWindow window;
    absl::Status status = SharedWindow::Allocate(node_comm_, size_bytes, &window);
    const bool has_huge_pages =
        status.ok() && AdviseHugePages(window.data(), size_bytes, huge_pages_, BackingDirectory());
    if (status.ok() && (page_policy == PagePolicy::kNow || !CanPopulateInPlace())) {
      const auto [begin, end] = OwnPages(size_bytes);
      status = PopulatePages(window.data() + begin, end - begin);
    }
    status = Agree(OnThisHost(status));
    if (!status.ok()) {
      // If this rank alone did not receive the agreed status, the others may keep their windows.
      if (!is_broken()) window.Free().IgnoreError();
      return status;
    }
    windows_.push_back(
        std::make_unique<WindowMemory>(std::move(window), node_comm_, has_huge_pages));
    if (page_policy == PagePolicy::kOnDemand) on_demand_.push_back(windows_.back().get());
    return windows_.back().get();
  }

  absl::Status Agree(const absl::Status& mine) override { return consensus_.Agree(mine); }
  absl::Status Broadcast(std::string* bytes) override { return consensus_.Broadcast(bytes); }

  void EnableFaultTolerance() override {
    is_fault_tolerant_ = supervision_ != nullptr;
    if (is_fault_tolerant_) supervision_->Arm();
  }
  std::vector<LostRank> PollLostRanks() override {
    UpdateLostRanks();
    return std::exchange(lost_, {});
  }
  bool is_lost(int rank) const override { return is_lost_[static_cast<std::size_t>(rank)]; }
  bool is_stopped(int rank) const override {
    return supervision_ != nullptr &&
           supervision_->stopped_since(world_ranks_[static_cast<std::size_t>(rank)]).has_value();
  }
  bool TerminateRank(int rank) override {
    if (supervision_ == nullptr) return false;
    supervision_->Kill(world_ranks_[static_cast<std::size_t>(rank)]);
    return true;
  }

  bool is_broken() const override { return consensus_.is_broken(); }

  [[noreturn]] void Abort(int exit_status) override { world_.Abort(exit_status); }

  absl::Status Close() override {
    if (closed_) return absl::OkStatus();
    closed_ = true;
    // No rank leaves while another one still expects a message of a finished run.
    absl::Status status = Agree(absl::OkStatus());
    // With fault tolerance a rank may die now, and collective calls would wait for it. So only
    // memory is freed then, not objects that the others would have to free too. The same holds
    // if the others do not receive this rank's messages.
    status.Update(transport_->Close());
    status.Update(consensus_.transport().Close());
    if (is_fault_tolerant_ || is_broken()) {
      control_.Empty(node_rank() == 0);
      for (std::unique_ptr<WindowMemory>& memory : windows_) memory->Empty(node_rank() == 0);
    } else {
      // Free is collective, and no rank rings a bell or receives messages any more.
      status.Update(control_.Free());
      for (std::unique_ptr<WindowMemory>& memory : windows_) status.Update(memory->Free());
    }
    windows_.clear();
    anonymous_.clear();
    status.Update(node_comm_.Free());
    // A broken pool keeps world_ for Abort.
    if (!is_broken()) status.Update(world_.Free());
    return status;
  }

 private:
  // Returns this rank's share of the pages of a window, so that the ranks populate them in
  // parallel.
  std::pair<Index, Index> OwnPages(Index size_bytes) const {
    const Index page_bytes = sysconf(_SC_PAGESIZE);
    const Index pages = CeilDivide(size_bytes, page_bytes);
    return {pages * node_rank() / node_size() * page_bytes,
            pages * (node_rank() + 1) / node_size() * page_bytes};
  }

  absl::Status OnThisHost(const absl::Status& status) const {
    if (status.ok() || num_nodes_ == 1) return status;
    return absl::Status(status.code(), absl::StrCat("host ", HostName(), ": ", status.message()));
  }

  // On rank 0: marks the ranks that have died since the last call. Does nothing elsewhere.
  void UpdateLostRanks() {
    if (supervision_ == nullptr || rank() != 0) return;
    for (LostRank& lost : supervision_->PollLostRanks()) {
      const auto rank = pool_rank_of_.find(lost.rank);
      if (rank == pool_rank_of_.end() || is_lost(rank->second)) continue;
      is_lost_[static_cast<std::size_t>(rank->second)] = true;
      transport_->Abandon(rank->second);
      consensus_.transport().Abandon(rank->second);
      lost_.push_back({rank->second, std::move(lost.cause), lost.host_is_silent});
    }
  }

  // All ranks wait for each other here, so a stopped rank, which may never continue, is terminated.
  void PollInConsensus() {
    UpdateLostRanks();
    if (!is_fault_tolerant_ || supervision_ == nullptr) return;
    const auto now = std::chrono::steady_clock::now();
    for (int rank = 1; rank < size(); ++rank) {
      const auto since = supervision_->stopped_since(world_ranks_[static_cast<std::size_t>(rank)]);
      if (since && now - *since > kStoppedTimeout) TerminateRank(rank);
    }
  }

  absl::Status AgreeThatAllLive() {
    absl::Status all_live;
    for (int rank = 1; rank < size() && all_live.ok(); ++rank) {
      if (is_lost(rank))
        all_live = absl::AbortedError(
            absl::StrCat("no memory can be shared any more, as rank ", rank, " has died"));
    }
    MPAIO_RETURN_IF_ERROR(Agree(all_live));
    // A rank may have died during that Agree, which then continued without it.
    for (int rank = 1; rank < size() && all_live.ok(); ++rank) {
      if (is_lost(rank))
        all_live = absl::AbortedError(
            absl::StrCat("no memory can be shared any more, as rank ", rank, " has died"));
    }
    return Agree(all_live);
  }

  // While an object of this class exists, this rank's death ends the job.
  class Unarmed {
   public:
    explicit Unarmed(Supervision* supervision)
        : supervision_(supervision != nullptr && supervision->is_armed() ? supervision : nullptr) {
      if (supervision_ != nullptr) supervision_->Disarm();
    }
    ~Unarmed() {
      if (supervision_ != nullptr) supervision_->Arm();
    }

   private:
    Supervision* supervision_;
  };

  Communicator world_;
  Communicator node_comm_;
  ControlWindow control_;
  std::unique_ptr<Transport> transport_;
  RankConsensus consensus_;
  bool orchestrator_works_;
  HugePages huge_pages_;
  Supervision* supervision_;
  bool is_fault_tolerant_ = false;  // the same on every rank
  std::vector<bool> is_lost_;       // by rank; on rank 0
  std::vector<LostRank> lost_;      // not reported yet
  std::vector<int> nodes_;          // by rank
  std::vector<int> world_ranks_;
  std::map<int, int> pool_rank_of_;  // by rank of the world
  int num_nodes_ = 1;
  std::vector<std::unique_ptr<WindowMemory>> windows_;
  std::vector<const SharedMemory*> on_demand_;            // in windows_ and anonymous_
  std::vector<std::unique_ptr<SharedMemory>> anonymous_;  // where the node has one rank
  bool closed_ = false;
};

}  // namespace

absl::StatusOr<std::unique_ptr<Executor>> MpiExecutor::Create(const Communicator& world,
                                                              const MpiExecutorOptions& options) {
  if (world.size() == 1) {
    if (options.huge_pages == HugePages::kAlways) MPAIO_RETURN_IF_ERROR(CheckHugePages(""));
    return MakeInlineExecutor(options.huge_pages);
  }
  MPAIO_ASSIGN_OR_RETURN(Communicator pool, world.Duplicate());
  MPAIO_ASSIGN_OR_RETURN(Communicator node, pool.SplitByNode());
  if (options.huge_pages == HugePages::kAlways) {
    MPAIO_RETURN_IF_ERROR(
        AgreeOver(pool, node.rank() == 0 ? CheckHugePages(node.size() > 1 ? BackingDirectory() : "")
                                         : absl::OkStatus()));
  }
  // Must precede the first access to the pool's memory. A rank that cannot be bound runs where the
  // system places it.
  if (options.binds_ranks && !IsToldNotToBind())
    BindToCores(node.rank(), node.size()).IgnoreError();
  std::string leader;
  if (node.rank() == 0) WireAppend(pool.rank(), &leader);
  MPAIO_RETURN_IF_ERROR(node.Broadcast(0, &leader));
  int leader_rank = 0;
  WireReader(leader).Read(&leader_rank);
  std::vector<int> leaders;
  MPAIO_RETURN_IF_ERROR(pool.AllGather(leader_rank, &leaders));
  MPAIO_ASSIGN_OR_RETURN(ControlWindow control, ControlWindow::Create(pool, node));
  MpiTransportOptions transport_options = options.transport;
  transport_options.doorbells = control.doorbells();
  MPAIO_ASSIGN_OR_RETURN(std::unique_ptr<Transport> transport,
                         MakeMpiTransport(pool, transport_options));
  // The consensus has one message in flight at a time.
  transport_options.slots = 2;
  transport_options.slot_bytes = 4 << 10;
  MPAIO_ASSIGN_OR_RETURN(std::unique_ptr<Transport> consensus,
                         MakeMpiTransport(pool, transport_options));
  std::vector<int> world_ranks;
  MPAIO_ASSIGN_OR_RETURN(const int world_rank, Communicator::WorldRank());
  MPAIO_RETURN_IF_ERROR(pool.AllGather(world_rank, &world_ranks));
  // Rank 0's node decides for the pool, because the nodes may differ.
  std::string rank_0_works;
  if (pool.rank() == 0)
    WireAppend(options.orchestrator_works.value_or(node.size() <= sysconf(_SC_NPROCESSORS_ONLN)),
               &rank_0_works);
  MPAIO_RETURN_IF_ERROR(pool.Broadcast(0, &rank_0_works));
  bool works = false;
  WireReader(rank_0_works).Read(&works);
  return std::unique_ptr<Executor>(std::make_unique<MultiRankExecutor>(
      std::move(pool), std::move(node), std::move(leaders), std::move(world_ranks),
      std::move(control), std::move(transport), std::move(consensus), works, options.huge_pages));
}

}  // namespace mpaio
