// The variant whose read-back of TLS keys lies: nothing that the agent does may
// then count as success.
#include "agent/kernel_source.h"

namespace ktlsd::agent {
namespace {

constexpr int kSolTls = 282;  // SOL_TLS of <linux/socket.h>

class BrokenReadback final : public ktls::SocketOps {
 public:
  Status SetOption(BorrowedFd socket, int level, int name,
                   ByteView value) override {
    return kernel_.SetOption(socket, level, name, value);
  }

  Result<std::size_t> GetOption(BorrowedFd socket, int level, int name,
                                std::span<uint8_t> value) override {
    Result<std::size_t> read = kernel_.GetOption(socket, level, name, value);
    if (level == kSolTls && !value.empty()) {
      value.back() ^= 0xff;  // the cipher is another one
    }
    return read;
  }

  Result<short> Poll(BorrowedFd socket, short events) override {
    return kernel_.Poll(socket, events);
  }

  Status Shutdown(BorrowedFd socket, int how) override {
    return kernel_.Shutdown(socket, how);
  }

 private:
  ktls::KernelSocketOps kernel_;
};

}  // namespace

std::unique_ptr<ktls::SocketOps> MakeSocketOps() {
  return std::make_unique<BrokenReadback>();
}

}  // namespace ktlsd::agent
