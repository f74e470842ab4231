// The variant without the kernel's part: requests come over a socket from the
// program that measures, and keys are installed nowhere. The rest of the
// daemon, its processes and their confinement, is as it is.
//
// The socket is a descriptor of this number, of type SOCK_SEQPACKET. A packet
// to here is the attributes of a reply to ACCEPT but for the socket, which
// comes with it; one from here is a DONE: the number of the request (from 0, in
// the order in which they came), its status, and its REMOTE_AUTH or 0, 4 bytes
// each.
#include <linux/netlink.h>
#include <linux/tls.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <sys/socket.h>
#include <sys/uio.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstring>
#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <span>
#include <utility>

#include "agent/kernel_source.h"
#include "agent/netlink/handshake_kernel.h"
#include "agent/netlink/handshake_uapi.h"
#include "agent/netlink/open_upcalls.h"
#include "agent/netlink/ready_kernel.h"
#include "agent/netlink/request.h"
#include "agent/service/role_start.h"
#include "agent/worker/worker_main.h"
#include "agent/worker/worker_process.h"
#include "base/bytes.h"
#include "base/error_codes.h"
#include "base/owned_fd.h"
#include "base/result.h"
#include "ktls/socket_ops.h"

namespace ktlsd::agent {
namespace {

constexpr int kRequests = 9;  // a descriptor
constexpr int kSolTls = 282;  // SOL_TLS of <linux/socket.h>
constexpr int kTcpUlp = 31;   // TCP_ULP of <linux/tcp.h>

// Takes every option, and has AES-256-GCM in both directions.
class WillingSocketOps final : public ktls::SocketOps {
 public:
  Status SetOption(BorrowedFd socket, int level, int name,
                   ByteView value) override {
    const bool tls =
        level == kSolTls || (level == IPPROTO_TCP && name == kTcpUlp);
    return tls ? Status(Ok{}) : kernel_.SetOption(socket, level, name, value);
  }

  Result<std::size_t> GetOption(BorrowedFd socket, int level, int name,
                                std::span<uint8_t> value) override {
    if (level == IPPROTO_TCP && name == kTcpUlp) {
      return Give("tls", 3, value);
    }
    if (level != kSolTls) {
      return kernel_.GetOption(socket, level, name, value);
    }
    tls_crypto_info keys{};
    keys.version = TLS_1_3_VERSION;
    keys.cipher_type = TLS_CIPHER_AES_GCM_256;
    return Give(&keys, sizeof(keys), value);
  }

  Result<short> Poll(BorrowedFd socket, short events) override {
    return kernel_.Poll(socket, events);
  }

  Status Shutdown(BorrowedFd socket, int how) override {
    return kernel_.Shutdown(socket, how);
  }

 private:
  static std::size_t Give(const void* data, std::size_t size,
                          std::span<uint8_t> value) {
    const std::size_t given = std::min(size, value.size());
    std::memcpy(value.data(), data, given);
    return given;
  }

  ktls::KernelSocketOps kernel_;
};

// Called by two threads, one at a time.
class RequestsOfAProgram final : public ReadyKernel {
 public:
  Result<std::optional<Request>> Accept() override {
    std::array<uint8_t, 512> attributes;
    alignas(cmsghdr) std::array<char, CMSG_SPACE(sizeof(int))> control{};
    iovec piece{attributes.data(), attributes.size() - kSocketAttribute};
    msghdr message{};
    message.msg_iov = &piece;
    message.msg_iovlen = 1;
    message.msg_control = control.data();
    message.msg_controllen = control.size();
    const ssize_t size =
        ::recvmsg(socket_.raw(), &message, MSG_DONTWAIT | MSG_CMSG_CLOEXEC);
    const cmsghdr* const part = CMSG_FIRSTHDR(&message);
    if (size <= 0 || part == nullptr) {
      return std::optional<Request>();
    }
    int descriptor = -1;
    std::memcpy(&descriptor, CMSG_DATA(part), sizeof(descriptor));
    const nlattr header{kSocketAttribute,
                        static_cast<uint16_t>(AcceptAttribute::kSocket)};
    uint8_t* const end = attributes.data() + size;
    std::memcpy(end, &header, sizeof(header));
    std::memcpy(end + sizeof(header), &descriptor, sizeof(descriptor));
    numbers_[descriptor] = next_++;
    return ParseRequest(
        ByteView(attributes)
            .first(static_cast<std::size_t>(size) + kSocketAttribute));
  }

  Status Done(BorrowedFd socket, const DoneAnswer& answer) override {
    const auto number = numbers_.extract(socket.raw());
    if (!number) {
      return Error{Code::kNetlinkFailed, "answered twice", EBADF};
    }
    const std::array<uint32_t, 3> said = {
        number.mapped(), answer.status,
        static_cast<uint32_t>(answer.remote_auth.value_or(0))};
    return ::send(socket_.raw(), said.data(), sizeof(said), MSG_NOSIGNAL) ==
                   sizeof(said)
               ? Status(Ok{})
               : Error{Code::kNetlinkFailed, "the program is gone", errno};
  }

  BorrowedFd ready_socket() const override { return socket_.borrow(); }
  unsigned DrainReady() override { return 0; }

 private:
  static constexpr uint16_t kSocketAttribute = NLA_HDRLEN + sizeof(int);

  OwnedFd socket_{kRequests};
  uint32_t next_ = 0;
  std::map<int, uint32_t> numbers_;  // of requests, by their descriptors
};

}  // namespace

std::unique_ptr<ktls::SocketOps> MakeSocketOps() {
  return std::make_unique<WillingSocketOps>();
}

Result<OpenUpcalls> OpenKernel(OwnedFd /*kept*/) {
  OpenUpcalls upcalls;
  upcalls.kernel = std::make_unique<RequestsOfAProgram>();
  return upcalls;
}

int RunWorker(OwnedFd monitor_link, const LockDownCall& lock_down) {
  WillingSocketOps socket_ops;
  return RunWorkerProcess(std::move(monitor_link), lock_down, socket_ops);
}

}  // namespace ktlsd::agent
