// SPDX-License-Identifier: Apache-2.0

// A process's connections to other hosts, and how they are passed to another process. Private to
// this package.
#ifndef MPAIO_SUPERVISION_CONNECTIONS_H_
#define MPAIO_SUPERVISION_CONNECTIONS_H_

#include <cstddef>
#include <string>
#include <vector>

#include "absl/strings/string_view.h"

namespace mpaio {

// Descriptors in one message. The system allows 253 (unix(7), SCM_RIGHTS).
inline constexpr std::size_t kMostDescriptors = 250;

// Returns the descriptors of this process's TCP connections whose two ends have different
// addresses; kMostDescriptors at most.
std::vector<int> ConnectionsToOtherHosts();

// True if the other end of a TCP connection has one of these addresses (numeric, IPv4 or IPv6).
bool LeadsTo(int connection, const std::vector<std::string>& hosts);

// Sends `bytes` (not empty) and the first kMostDescriptors of `descriptors` over a Unix-domain
// socket, as one message. Returns false on an error.
bool SendMessage(int socket, absl::string_view bytes, const std::vector<int>& descriptors);

// Receives the next such message: up to `most_bytes` bytes, and the descriptors, which this process
// then owns. Both are empty at the end of the stream and on an error.
struct ReceivedMessage {
  std::string bytes;
  std::vector<int> descriptors;
};
ReceivedMessage ReceiveMessage(int socket, std::size_t most_bytes);

}  // namespace mpaio

#endif  // MPAIO_SUPERVISION_CONNECTIONS_H_
