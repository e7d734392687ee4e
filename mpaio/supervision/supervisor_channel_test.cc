// SPDX-License-Identifier: Apache-2.0
#include "mpaio/supervision/supervisor_channel.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cstring>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "mpaio/testing/status_matchers.h"

namespace mpaio {
namespace {

constexpr int kTimeoutMs = 10'000;
const std::string kToken(kTokenBytes, 'a');

// Closes its sockets at the end of the test.
class Sockets {
 public:
  ~Sockets() {
    for (const int fd : fds) close(fd);
  }
  std::vector<int> fds;
};

// Returns the first bytes of the next connection to `listener`, up to `size`; "" if no connection
// is made.
std::string ReceiveFirst(int listener, std::size_t size) {
  pollfd polled = {listener, POLLIN, 0};
  if (poll(&polled, 1, kTimeoutMs) != 1) return "";
  const int fd = accept(listener, nullptr, nullptr);
  std::string received(size, '\0');
  const ssize_t length = recv(fd, received.data(), size, MSG_WAITALL);
  close(fd);
  received.resize(length < 0 ? 0 : static_cast<std::size_t>(length));
  return received;
}

int Option(int fd, int level, int option) {
  int value = -1;
  socklen_t size = sizeof(value);
  return getsockopt(fd, level, option, &value, &size) == 0 ? value : -1;
}

std::string FirstMessage(const ChannelAddress& address, Hello hello) {
  return address.token + std::string(reinterpret_cast<const char*>(&hello), sizeof(hello));
}

// Returns the port of a new socket at 127.0.0.1. Without `listens` it refuses connections.
int Loopback(bool listens, Sockets* sockets) {
  const int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
  sockets->fds.push_back(fd);
  sockaddr_in address = {};
  address.sin_family = AF_INET;
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  socklen_t length = sizeof(address);
  EXPECT_EQ(bind(fd, reinterpret_cast<sockaddr*>(&address), length), 0);
  EXPECT_TRUE(!listens || listen(fd, 8) == 0);
  EXPECT_EQ(getsockname(fd, reinterpret_cast<sockaddr*>(&address), &length), 0);
  return ntohs(address.sin_port);
}

TEST(ChannelAddressTest, AsText) {
  const ChannelAddress address{kToken, "mpaio-1", {{"10.0.0.1", 4711}, {"fe80::1", 65535}}};
  const std::string text = EncodeAddress(address);
  EXPECT_EQ(text, kToken + " mpaio-1 10.0.0.1/4711 fe80::1/65535");
  const absl::StatusOr<ChannelAddress> decoded = DecodeAddress(text);
  MPAIO_ASSERT_OK(decoded);
  EXPECT_EQ(decoded->token, kToken);
  EXPECT_EQ(decoded->local_name, "mpaio-1");
  ASSERT_EQ(decoded->internet.size(), 2u);
  EXPECT_EQ(decoded->internet[0].host, "10.0.0.1");
  EXPECT_EQ(decoded->internet[1].port, 65535);
  EXPECT_EQ(EncodeAddress(*decoded), text);
}

TEST(ChannelAddressTest, DamagedText) {
  for (const std::string& text :
       {std::string(), kToken, kToken.substr(1) + " name", kToken + "a name",
        kToken + " " + std::string(108, 'n'), kToken + " name 10.0.0.1", kToken + " name 10.0.0.1/",
        kToken + " name 10.0.0.1/0", kToken + " name 10.0.0.1/65536", kToken + " name 10.0.0.1/-1",
        kToken + " name 10.0.0.1/x", kToken + " name 10.0.0.1/1/2", kToken + " name "}) {
    EXPECT_THAT(DecodeAddress(text), StatusIs(absl::StatusCode::kDataLoss, "damaged")) << text;
  }
}

TEST(SupervisorChannelTest, ConnectsByNameOnThisHost) {
  Sockets listeners, second;
  const absl::StatusOr<ChannelAddress> address =
      OpenListeners(/*has_several_nodes=*/false, &listeners.fds);
  MPAIO_ASSERT_OK(address);
  ASSERT_EQ(listeners.fds.size(), 1u);
  EXPECT_TRUE(address->internet.empty());
  // Token and name cannot be guessed: another call gives others.
  const absl::StatusOr<ChannelAddress> other = OpenListeners(false, &second.fds);
  MPAIO_ASSERT_OK(other);
  EXPECT_NE(other->token, address->token);
  EXPECT_NE(other->local_name, address->local_name);

  Sockets channels;
  channels.fds.push_back(
      ConnectChannel(*DecodeAddress(EncodeAddress(*address)), Hello{7}, kTimeoutMs));
  ASSERT_GE(channels.fds[0], 0);
  EXPECT_EQ(ReceiveFirst(listeners.fds[0], kTokenBytes + sizeof(Hello)),
            FirstMessage(*address, Hello{7}));
}

// The local name is unknown on other hosts. The test simulates that by a name that does not exist.
TEST(SupervisorChannelTest, ConnectsOverTheNetworkWhereTheNameIsUnknown) {
  Sockets listeners;
  absl::StatusOr<ChannelAddress> address =
      OpenListeners(/*has_several_nodes=*/true, &listeners.fds);
  MPAIO_ASSERT_OK(address);
  address->local_name += "-elsewhere";
  if (listeners.fds.size() < 2) GTEST_SKIP() << "no internet sockets here";
  for (std::size_t k = 1; k < listeners.fds.size(); ++k) {
    sockaddr_storage at = {};
    socklen_t length = sizeof(at);
    ASSERT_EQ(getsockname(listeners.fds[k], reinterpret_cast<sockaddr*>(&at), &length), 0);
    const bool is_4 = at.ss_family == AF_INET;
    const int port = ntohs(is_4 ? reinterpret_cast<sockaddr_in*>(&at)->sin_port
                                : reinterpret_cast<sockaddr_in6*>(&at)->sin6_port);
    // AddInterfaces omits the loopback.
    address->internet = {{is_4 ? "127.0.0.1" : "::1", port}};
    const int channel = ConnectChannel(*address, Hello{2}, kTimeoutMs);
    // A system may have IPv6 sockets, but no address ::1.
    if (!is_4 && channel < 0) continue;
    ASSERT_GE(channel, 0);
    EXPECT_EQ(ReceiveFirst(listeners.fds[k], kTokenBytes + sizeof(Hello)),
              FirstMessage(*address, Hello{2}));
    // The channel does not wait forever for a silent host.
    EXPECT_EQ(Option(channel, SOL_SOCKET, SO_KEEPALIVE), 1);
    EXPECT_EQ(
        Option(channel, IPPROTO_TCP, TCP_KEEPIDLE) +
            Option(channel, IPPROTO_TCP, TCP_KEEPCNT) * Option(channel, IPPROTO_TCP, TCP_KEEPINTVL),
        kHostTimeoutSeconds);
    EXPECT_EQ(Option(channel, IPPROTO_TCP, TCP_USER_TIMEOUT), kHostTimeoutSeconds * 1000);
    close(channel);
  }
}

TEST(SupervisorChannelTest, UsesTheAddressThatAnswers) {
  Sockets sockets;
  const int closed = Loopback(/*listens=*/false, &sockets);
  const int open = Loopback(/*listens=*/true, &sockets);
  const ChannelAddress address{
      kToken, "mpaio-nobody", {{"no address", 1}, {"127.0.0.1", closed}, {"127.0.0.1", open}}};
  const int channel = ConnectChannel(address, Hello{1}, kTimeoutMs);
  ASSERT_GE(channel, 0);
  EXPECT_EQ(ReceiveFirst(sockets.fds[1], kTokenBytes + sizeof(Hello)),
            FirstMessage(address, Hello{1}));
  close(channel);
}

TEST(SupervisorChannelTest, FailsWhereNoAddressAnswers) {
  Sockets sockets;
  const int closed = Loopback(/*listens=*/false, &sockets);
  EXPECT_EQ(ConnectChannel({kToken, "mpaio-nobody", {{"127.0.0.1", closed}}}, Hello{1}, kTimeoutMs),
            -1);
  EXPECT_EQ(ConnectChannel({kToken, "mpaio-nobody", {}}, Hello{1}, kTimeoutMs), -1);
}

}  // namespace
}  // namespace mpaio
