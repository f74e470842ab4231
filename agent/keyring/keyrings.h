// The kernel's keyrings.
//
// Scope:     keys by serial, read unparsed; the keyrings whose keys this
//            process may use. A seam, with a fake in agent/keyring/testing/.
//            Nothing that a peer sent goes to the kernel's own search: that
//            matches prefixes, and stops at a NUL. See psk_lookup.h.
// Layer:     agent/keyring; libkeyutils.
// Threads:   one thread: a process keyring belongs to the process that made it
//            before it had threads.
// Privilege: uid 0, for ".nvme", ".nfs" and ".nfsd".
#pragma once

#include <chrono>
#include <cstddef>
#include <deque>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <utility>
#include <vector>

#include "agent/netlink/request.h"
#include "base/bytes.h"
#include "base/result.h"
#include "handshake/psk.h"

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

// A key as the kernel describes it.
struct KeyFacts {
  std::string type;         // "psk", "user", "keyring"
  std::string description;  // at most 4095 bytes, any but NUL
  uint32_t owner = 0;       // uid
};

// What the kernel says with `os_error` of a key: kKeyUnavailable,
// kKeyRejected, or what may pass: kNoMemory, kSystemFailed. An NVMe host gives
// up for good on the first two.
Error KeyError(int os_error);

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
  //         kKeyRejected    revoked or expired, empty, too long, or of a kind
  //                         that cannot be read
  //         kNoMemory, kSystemFailed  the next attempt may work
  virtual Result<Pair> Read(const CertificateSerials& serials) = 0;

  // Errors of what follows: as of Read.
  virtual Result<KeyFacts> Describe(KeySerial key) = 0;
  // Read anew for each use, so that nothing keeps it. Of 1 to 256 bytes.
  virtual Result<handshake::PskKey> ReadPsk(KeySerial key) = 0;
  // What is in `keyring` itself, not in keyrings in it.
  virtual Result<std::vector<KeySerial>> List(KeySerial keyring) = 0;
  // Where PSKs are when a request names no keyring: ".nvme" and those of the
  // configuration, as far as they exist now.
  virtual std::vector<KeySerial> PskKeyrings() = 0;
  // Root's keyring of this name, which this process possesses from then on.
  virtual std::optional<KeySerial> Called(const std::string& name) = 0;
  // Makes the certificate of a verified peer, DER, a key of a keyring for such
  // certificates, for so long; the kernel parses it. The same again is the same
  // key, for so long from now on.
  // Errors: kKeyUnavailable with the errno: ENODEV, this kernel has no such
  // keys
  virtual Result<KeySerial> AddPeerCertificate(
      ByteView certificate, std::chrono::seconds timeout) = 0;
  // Drops the link that an ACCEPT made to the keyring of its request; any
  // thread may.
  virtual void Unlink(KeySerial keyring) = 0;
};

class KernelKeyrings final : public Keyrings {
 public:
  // `holders`: keyrings that others keep certificates and keys of requests in.
  explicit KernelKeyrings(std::vector<std::string> holders = {".nfs", ".nfsd"});

  Result<Pair> Read(const CertificateSerials& serials) override;
  Result<KeyFacts> Describe(KeySerial key) override;
  Result<handshake::PskKey> ReadPsk(KeySerial key) override;
  Result<std::vector<KeySerial>> List(KeySerial keyring) override;
  std::vector<KeySerial> PskKeyrings() override;
  std::optional<KeySerial> Called(const std::string& name) override;
  Result<KeySerial> AddPeerCertificate(ByteView certificate,
                                       std::chrono::seconds timeout) override;
  void Unlink(KeySerial keyring) override;

  // Gives this process keyrings of its own: a session keyring that no other
  // service shares, and a process keyring for what ACCEPT links.
  static Status Prepare();
  // Links ".nvme", ".nfs", ".nfsd" and `others` into the session keyring, in
  // place of what was linked before. Returns those of `others` that do not
  // exist, are not root's or cannot be linked. Looked for again: those that are
  // missing, by PskKeyrings(); what List() finds unusable; ".nfs" and ".nfsd",
  // which come and go with their modules, by Read().
  std::vector<std::string> Link(const std::vector<std::string>& others);

 private:
  // A keyring by its name, linked while its serial is there.
  struct Named {
    std::string name;
    std::optional<KeySerial> serial = std::nullopt;
    bool of_module = false;  // only a module makes one of that name
  };
  static void LookFor(Named& keyring);
  // The linked one, if it can be; of a module another one, if there is one: it
  // was loaded again, and our link alone keeps the old one.
  static void Renew(Named& keyring);
  static void Drop(Named& keyring);
  // Whether one is there that was not, or another one.
  bool LinkHolders();
  Result<Pair> TryRead(const CertificateSerials& serials);

  std::vector<Named> holders_;
  std::vector<Named> psk_keyrings_;
  std::vector<Named> called_;  // that were asked for
  // That were added, newest last, so that a peer that comes back is no second
  // key.
  struct PeerKey {
    Bytes certificate;
    KeySerial key;
  };
  Result<KeySerial> PeerKeyring();
  std::deque<PeerKey> peer_keys_;
  std::optional<KeySerial> peer_keyring_;
};

// Leaves the keyrings of the parent; for roles that must possess no key.
Status LeaveKeyrings();

}  // namespace ktlsd::agent
