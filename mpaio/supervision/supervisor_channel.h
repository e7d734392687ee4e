// SPDX-License-Identifier: Apache-2.0

// The channel between a supervisor and rank 0: how it is opened, and the messages on it. Private to
// this package.
#ifndef MPAIO_SUPERVISION_SUPERVISOR_CHANNEL_H_
#define MPAIO_SUPERVISION_SUPERVISOR_CHANNEL_H_

#include <cstddef>
#include <cstdint>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"

namespace mpaio {

// The token precedes everything that a supervisor sends, so that rank 0 ignores strangers.
inline constexpr std::size_t kTokenBytes = 32;

// The supervisor's first message, after the token.
struct Hello {
  std::int32_t rank = 0;
};

// The wait status of the supervisor's rank, from waitpid(): the rank was stopped, was continued, or
// has ended. No message follows the notice of its end.
struct Notice {
  std::int32_t wait_status = 0;
};

// Sent by rank 0: kill the rank.
inline constexpr char kKill = 'K';
// Sent by rank 0: it will make no more MPI calls.
inline constexpr char kEnd = 'E';

// The addresses at which rank 0 listens: the name of a Unix-domain socket for processes on its own
// host, and its internet addresses, if any.
struct ChannelAddress {
  std::string token;
  std::string local_name;
  struct Internet {
    std::string host;  // numeric, IPv4 or IPv6
    int port = 0;
  };
  std::vector<Internet> internet;
};

std::string EncodeAddress(const ChannelAddress& address);
// Errors: DataLoss if `text` is not from EncodeAddress.
absl::StatusOr<ChannelAddress> DecodeAddress(absl::string_view text);

// The time for which a host may leave probes unanswered before a channel to it ends with an error.
inline constexpr int kHostTimeoutSeconds = 15;
// Makes the system probe from time to time whether the other host of an accepted or connected
// channel still answers. No effect on a channel within a host.
void WatchHost(int channel);
// True if a channel's error (an errno) means only that the other host does not answer.
bool IsSilence(int error);

// Opens sockets that listen at a new address: for this host alone, or also for others. Appends them
// to `listeners`; the caller closes them. Errors: Unavailable where the system refuses.
absl::StatusOr<ChannelAddress> OpenListeners(bool has_several_nodes, std::vector<int>* listeners);

// Returns a socket connected to one of the addresses, after sending the token and `hello`; -1 where
// none answers within `timeout_ms`.
int ConnectChannel(const ChannelAddress& address, const Hello& hello, int timeout_ms);

}  // namespace mpaio

#endif  // MPAIO_SUPERVISION_SUPERVISOR_CHANNEL_H_
