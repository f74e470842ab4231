#include "agent/check/client_psks.h"

#include <algorithm>
#include <array>
#include <cctype>
#include <cstring>
#include <memory>
#include <optional>
#include <utility>

#include "agent/check/keyring_check.h"
#include "agent/check/report.h"
#include "agent/config/files.h"
#include "agent/netlink/handshake_uapi.h"
#include "agent/service/read_file.h"
#include "base/owned_fd.h"
#include "base/result.h"
#include "handshake/local_psks.h"
#include "handshake/psk.h"

namespace ktlsd::agent {
namespace {

using handshake::LocalPsks;
using handshake::PskBinderRequest;
using handshake::PskKey;
using handshake::PskSecretRequest;

constexpr std::size_t kMaxKeyText = 1024;  // bytes of a file

// Read anew for each use, so that nothing keeps it.
Result<PskKey> KeyOf(Keyrings& keyrings, const std::vector<NamedPsk>& psks,
                     ByteView identity) {
  const auto psk = std::ranges::find_if(psks, [&](const NamedPsk& one) {
    return std::ranges::equal(one.identity, identity);
  });
  if (psk == psks.end()) {
    return Error{Code::kInternal, "a PSK that was not offered"};
  }
  return keyrings.ReadPsk(psk->serial);
}

// Text of a key, wiped with its reader.
class KeyText {
 public:
  KeyText() = default;
  KeyText(const KeyText&) = delete;
  KeyText& operator=(const KeyText&) = delete;
  ~KeyText() {
    ::explicit_bzero(text_.data(), text_.size());
    ::explicit_bzero(bytes_.data(), bytes_.size());
  }

  // The bytes that the digits stand for; nothing when it is not that.
  std::optional<ByteView> Read(BorrowedFd file) {
    const auto facts =
        InspectFile(file, text_.size(), Code::kPrivateKeyUnusable);
    if (!facts.ok() ||
        !ReadExactly(file, std::span(text_).first(facts->size))) {
      return std::nullopt;
    }
    std::size_t digits = 0;
    for (const uint8_t c : std::span(text_).first(facts->size)) {
      const int value = DigitOf(c);
      if (value < 0 && std::isspace(c) == 0) {
        return std::nullopt;
      }
      if (value >= 0) {
        bytes_[digits / 2] =
            static_cast<uint8_t>(bytes_[digits / 2] << 4 | value);
        ++digits;
      }
    }
    if (digits == 0 || digits % 2 != 0) {
      return std::nullopt;
    }
    return ByteView(bytes_).first(digits / 2);
  }

 private:
  static int DigitOf(uint8_t c) {
    constexpr int kTen = 10;
    if (c >= '0' && c <= '9') {
      return c - '0';
    }
    const int lower = c | 0x20;
    return lower >= 'a' && lower <= 'f' ? lower - 'a' + kTen : -1;
  }

  std::array<uint8_t, kMaxKeyText> text_{};
  std::array<uint8_t, kMaxKeyText / 2> bytes_{};
};

}  // namespace

std::variant<ClientPsks, Problem> PsksOfKeyrings(Keyrings& keyrings,
                                                 HashAlgorithm hash) {
  Report unused;
  auto psks = std::make_shared<std::vector<NamedPsk>>(
      CheckPsks(keyrings, hash, unused));
  if (psks->empty()) {
    return Problem{Code::kKeyUnavailable, "",
                   "no pre-shared key that can be used is in the keyrings"};
  }
  psks->resize(std::min(psks->size(), kMaxPeerIdentities));
  ClientPsks client;
  for (const NamedPsk& psk : *psks) {
    client.names.push_back({psk.identity, psk.hash});
  }
  client.use.binder =
      [&keyrings, psks](const PskBinderRequest& request) -> Result<HashSecret> {
    ASSIGN_OR_RETURN(const PskKey key,
                     KeyOf(keyrings, *psks, request.identity));
    return handshake::PskBinder(key, request);
  };
  client.use.secret =
      [&keyrings, psks](const PskSecretRequest& request) -> Result<HashSecret> {
    ASSIGN_OR_RETURN(const PskKey key,
                     KeyOf(keyrings, *psks, request.identity));
    return handshake::PskHandshakeSecret(key, request);
  };
  return client;
}

std::variant<ClientPsks, Problem> PskOfFile(const std::string& identity,
                                            const std::string& path,
                                            HashAlgorithm hash) {
  auto opened = OpenPrivateKey(path, 0);
  if (Problem* problem = std::get_if<Problem>(&opened)) {
    return std::move(*problem);
  }
  KeyText text;
  const auto key = text.Read(std::get<OwnedFd>(opened).borrow());
  if (!key.has_value()) {
    return Problem{Code::kPrivateKeyUnusable, path,
                   "not a key in hexadecimal digits"};
  }
  const ByteView name(reinterpret_cast<const uint8_t*>(identity.data()),
                      identity.size());
  const auto known = handshake::NvmePskHash(name, key->size());
  if (!known.ok()) {
    return Problem{known.error().code, path, std::string(known.error().what)};
  }
  auto psks = std::make_shared<LocalPsks>();
  const Status added = psks->Add(name, *key, known->value_or(hash));
  if (!added.ok()) {
    return Problem{added.error().code, path, std::string(added.error().what)};
  }
  ClientPsks client;
  client.names = psks->names();
  client.use.binder = [psks](const PskBinderRequest& request) {
    return psks->Binder(request);
  };
  client.use.secret = [psks](const PskSecretRequest& request) {
    return psks->HandshakeSecret(request);
  };
  return client;
}

}  // namespace ktlsd::agent
