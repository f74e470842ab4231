// The kernel's keyrings, as far as x.509 needs them.
//
// Scope:     keys by serial, read unparsed; the keyrings whose keys this
//            process may use. A seam, with a fake for tests beside its users.
// Layer:     agent/keyring; libkeyutils.
// Threads:   one thread: a process keyring belongs to the process that made it
//            before it had threads.
// Privilege: uid 0, for ".nvme", ".nfs" and ".nfsd".
#pragma once

#include <cstddef>
#include <memory>
#include <string>
#include <vector>

#include "agent/netlink/request.h"
#include "base/bytes.h"
#include "base/result.h"

namespace ktlsd::agent {

// What a key holds: perhaps a private key, so it is wiped.
class KeyPayload {
 public:
  explicit KeyPayload(std::size_t size)
      : bytes_(std::make_unique<uint8_t[]>(size)), size_(size) {}
  KeyPayload(KeyPayload&& other) noexcept;
  KeyPayload& operator=(KeyPayload&& other) = delete;
  ~KeyPayload();
  ByteView view() const { return ByteView(bytes_.get(), size_); }
  std::span<uint8_t> writable() { return {bytes_.get(), size_}; }

 private:
  std::unique_ptr<uint8_t[]> bytes_;
  std::size_t size_;
};

class Keyrings {
 public:
  virtual ~Keyrings() = default;
  // The payloads of both keys, one behind the other, and the size of the
  // first: what LoadCredential carries.
  struct Pair {
    KeyPayload bytes;
    std::size_t certificate_size;
  };
  // Errors: kKeyUnavailable no such key, or it is not ours to read
  //         kKeyRejected    revoked or expired, empty, or too long
  virtual Result<Pair> Read(const CertificateSerials& serials) = 0;
};

class KernelKeyrings final : public Keyrings {
 public:
  Result<Pair> Read(const CertificateSerials& serials) override;

  // Gives this process keyrings of its own: a session keyring that no other
  // service shares, and a process keyring for what ACCEPT links.
  static Status Prepare();
  // Links ".nvme", ".nfs", ".nfsd" and `others`, as far as they are root's,
  // into the session keyring. Returns those of `others` that do not exist or
  // cannot be linked.
  static std::vector<std::string> Link(const std::vector<std::string>& others);
};

// Leaves the keyrings of the parent; for roles that must possess no key.
Status LeaveKeyrings();

}  // namespace ktlsd::agent
