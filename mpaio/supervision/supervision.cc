// SPDX-License-Identifier: Apache-2.0
#include "mpaio/supervision/supervision.h"

#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <chrono>
#include <cstdio>
#include <cstring>
#include <new>
#include <optional>
#include <thread>

#include "absl/strings/str_cat.h"
#include "mpaio/base/status_macros.h"
#include "mpaio/host/process_end.h"
#include "mpaio/launcher/launcher.h"
#include "mpaio/launcher/pmix.h"
#include "mpaio/supervision/connections.h"
#include "mpaio/supervision/supervisor.h"
#include "mpaio/supervision/supervisor_channel.h"

namespace mpaio {
namespace {

constexpr std::chrono::seconds kArmTimeout(5);
constexpr std::chrono::seconds kSignOffTimeout(2);
// Bytes kept of one channel. Messages of supervisors are shorter.
constexpr std::size_t kMostReceived = 4096;
// Open channels without a Hello. Supervisors send it at once, so older ones are strangers.
constexpr std::size_t kMostUnknown = 1024;

Supervision* the_supervision = nullptr;

// Changes the title that `ps` shows for a supervisor, so that it is not mistaken for the rank.
void SetTitle(int argc, char** argv, int rank) {
  const std::string title = absl::StrCat("mpaio: supervisor of rank ", rank);
  prctl(PR_SET_NAME, "mpaio:watch");
  if (argc < 1) return;
  char* const first = argv[0];
  // The title may replace the arguments only if these are contiguous, as the system placed them.
  for (int k = 0; k + 1 < argc; ++k) {
    if (argv[k] + std::strlen(argv[k]) + 1 != argv[k + 1]) return;
  }
  char* const last = argv[argc - 1] + std::strlen(argv[argc - 1]);
  const auto available = static_cast<std::size_t>(last - first);
  std::memset(first, 0, available);
  std::memcpy(first, title.data(), std::min(available, title.size()));
}

}  // namespace

void Supervision::Start(int argc, char** argv) {
  const Launch launch = ReadLaunch();
  const std::optional<int> rank = launch.rank, size = launch.size;
  if (the_supervision != nullptr || !launch.is_open_mpi || !launch.has_pmix || !rank || !size ||
      *size < 2 || !HasPmix())
    return;
  if (*rank == 0) {
    static Supervision rank_0(0, *size, nullptr, -1);
    the_supervision = &rank_0;
    return;
  }
  void* const page = mmap(nullptr, sizeof(SupervisedState), PROT_READ | PROT_WRITE,
                          MAP_SHARED | MAP_ANONYMOUS, -1, 0);
  if (page == MAP_FAILED) return;
  auto* const shared = new (page) SupervisedState();
  int ends[2];
  if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, ends) != 0) return;
  std::fflush(nullptr);
  const pid_t parent = getpid();
  const pid_t child = fork();
  if (child < 0) {
    close(ends[0]);
    close(ends[1]);
    return;
  }
  if (child > 0) {
    close(ends[0]);
    SetTitle(argc, argv, *rank);
    SuperviseChild(child, *rank, shared, ends[1]);
  }
  close(ends[1]);
  prctl(PR_SET_PDEATHSIG, SIGKILL);
  if (getppid() != parent) _exit(1);
  // mpirun signals the whole process group of the supervisor. The rank leaves that group, and gets
  // only the signals that the supervisor forwards.
  setpgid(0, 0);
  static Supervision supervised(*rank, *size, shared, ends[0]);
  the_supervision = &supervised;
}

Supervision* Supervision::Get() { return the_supervision; }

void Supervision::Disable() { the_supervision = nullptr; }

absl::StatusOr<std::string> Supervision::Listen(bool has_several_nodes) {
  has_several_nodes_ = has_several_nodes;
  MPAIO_ASSIGN_OR_RETURN(const ChannelAddress address,
                         OpenListeners(has_several_nodes, &listeners_));
  token_ = address.token;
  return EncodeAddress(address);
}

void Supervision::Connect(absl::string_view address, bool has_several_nodes) {
  has_several_nodes_ = has_several_nodes;
  if (to_supervisor_ < 0) return;
  if (!SendMessage(to_supervisor_, address, {}))
    shared_->channel.store(SupervisedState::kFailed, std::memory_order_release);
}

void Supervision::KeepConnections() {
  if (to_supervisor_ < 0 || !has_several_nodes_) return;
  // Retries, because a connection may have been closed meanwhile.
  for (int attempts = 0; attempts < 3; ++attempts) {
    const std::vector<int> connections = ConnectionsToOtherHosts();
    if (connections.empty() || SendMessage(to_supervisor_, {&kKeep, 1}, connections)) return;
  }
}

void Supervision::Arm() {
  if (shared_ == nullptr || has_signed_off_) return;
  KeepConnections();
  const auto end = std::chrono::steady_clock::now() + kArmTimeout;
  while (shared_->channel.load(std::memory_order_acquire) == SupervisedState::kNone &&
         std::chrono::steady_clock::now() < end) {
    std::this_thread::sleep_for(std::chrono::microseconds(50));
  }
  if (shared_->channel.load(std::memory_order_acquire) != SupervisedState::kOpen) return;
  shared_->phase.store(SupervisedState::kArmed, std::memory_order_release);
}

void Supervision::Disarm() {
  if (shared_ != nullptr && !has_signed_off_)
    shared_->phase.store(SupervisedState::kStarting, std::memory_order_release);
}

bool Supervision::is_armed() const {
  return shared_ != nullptr &&
         shared_->phase.load(std::memory_order_relaxed) == SupervisedState::kArmed;
}

void Supervision::Accept() {
  for (const int listener : listeners_) {
    for (int fd; (fd = accept4(listener, nullptr, nullptr, SOCK_CLOEXEC | SOCK_NONBLOCK)) >= 0;) {
      WatchHost(fd);
      channels_.push_back({.fd = FileDescriptor(fd)});
    }
  }
}

void Supervision::Read(Channel& channel, std::vector<LostRank>* lost_ranks) {
  char bytes[256];
  ssize_t length = 1;
  // Bounds the bytes that a stranger can make this process keep.
  while (channel.received.size() < kMostReceived &&
         (length = recv(channel.fd.get(), bytes, sizeof(bytes), 0)) > 0)
    channel.received.append(bytes, static_cast<std::size_t>(length));
  const bool is_over =
      length == 0 || (length < 0 && errno != EAGAIN && errno != EWOULDBLOCK && errno != EINTR);
  const bool is_silent = length < 0 && IsSilence(errno);
  const auto take = [&channel](void* to, std::size_t size) {
    std::memcpy(to, channel.received.data(), size);
    channel.received.erase(0, size);
  };
  if (channel.rank < 0 && channel.received.size() >= kTokenBytes + sizeof(Hello)) {
    const bool is_ours = channel.received.compare(0, kTokenBytes, token_) == 0;
    channel.received.erase(0, kTokenBytes);
    Hello hello;
    take(&hello, sizeof(hello));
    if (!is_ours || hello.rank <= 0) {
      channel.fd.Close();
      return;
    }
    channel.rank = hello.rank;
    channel.is_known = true;
  }
  while (channel.rank >= 0 && channel.received.size() >= sizeof(Notice)) {
    Notice notice;
    take(&notice, sizeof(notice));
    if (!WIFSTOPPED(notice.wait_status)) {
      channel.stopped_since.reset();
    } else if (!channel.stopped_since) {
      channel.stopped_since = std::chrono::steady_clock::now();
    }
    if (WIFSTOPPED(notice.wait_status) || WIFCONTINUED(notice.wait_status)) continue;
    lost_ranks->push_back({channel.rank, DescribeProcessEnd(notice.wait_status)});
    ended_.insert(channel.rank);
    channel.rank = -1;  // reported
  }
  if (is_over && channel.rank >= 0) {
    lost_ranks->push_back({channel.rank,
                           is_silent ? "is out of reach, as its host does not answer"
                                     : "is gone, together with its supervisor",
                           is_silent});
    ended_.insert(channel.rank);
  }
  if (is_over) channel.fd.Close();
}

std::vector<LostRank> Supervision::PollLostRanks() {
  std::vector<LostRank> lost_ranks;
  std::vector<pollfd> polled;
  for (const int listener : listeners_) polled.push_back({listener, POLLIN, 0});
  for (const Channel& channel : channels_) polled.push_back({channel.fd.get(), POLLIN, 0});
  if (polled.empty() || poll(polled.data(), polled.size(), 0) <= 0) return lost_ranks;
  for (std::size_t k = 0; k < channels_.size(); ++k) {
    if (polled[listeners_.size() + k].revents != 0) Read(channels_[k], &lost_ranks);
  }
  const auto is_closed = [](const Channel& channel) { return !channel.fd.is_open(); };
  channels_.erase(std::remove_if(channels_.begin(), channels_.end(), is_closed), channels_.end());
  const auto is_unknown = [](const Channel& channel) { return !channel.is_known; };
  const auto unknown = std::count_if(channels_.begin(), channels_.end(), is_unknown);
  if (static_cast<std::size_t>(unknown) > kMostUnknown) {
    // The oldest ones come first.
    channels_.erase(std::find_if(channels_.begin(), channels_.end(), is_unknown));
  }
  const std::size_t known = channels_.size();
  Accept();
  for (std::size_t k = known; k < channels_.size(); ++k) Read(channels_[k], &lost_ranks);
  return lost_ranks;
}

std::optional<std::chrono::steady_clock::time_point> Supervision::stopped_since(int rank) const {
  const auto channel = std::find_if(channels_.begin(), channels_.end(),
                                    [rank](const Channel& one) { return one.rank == rank; });
  return channel == channels_.end() ? std::nullopt : channel->stopped_since;
}

void Supervision::Kill(int rank) {
  for (const Channel& channel : channels_) {
    if (channel.rank == rank) (void)!send(channel.fd.get(), &kKill, 1, MSG_NOSIGNAL);
  }
}

void Supervision::AwaitEndOfOthers() {
  const auto end = std::chrono::steady_clock::now() + kSignOffTimeout;
  for (;;) {
    PollLostRanks();
    if (static_cast<int>(ended_.size()) >= size_ - 1 || std::chrono::steady_clock::now() >= end)
      return;
    std::vector<pollfd> polled;
    for (const int listener : listeners_) polled.push_back({listener, POLLIN, 0});
    for (const Channel& channel : channels_) polled.push_back({channel.fd.get(), POLLIN, 0});
    poll(polled.data(), polled.size(), 10);
  }
}

void Supervision::SignOff() {
  if (has_signed_off_) return;
  KeepConnections();
  if (rank_ == 0 && has_several_nodes_) AwaitEndOfOthers();
  FinalizePmix(/*is_other_process=*/false);
  has_signed_off_ = true;
  for (const Channel& channel : channels_) (void)!send(channel.fd.get(), &kEnd, 1, MSG_NOSIGNAL);
  if (shared_ != nullptr) shared_->phase.store(SupervisedState::kLeft, std::memory_order_release);
}

}  // namespace mpaio
