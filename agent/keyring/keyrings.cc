#include "agent/keyring/keyrings.h"

#include <keyutils.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <charconv>
#include <cstring>
#include <fstream>
#include <string_view>
#include <system_error>
#include <utility>

#include "base/key_access.h"

namespace ktlsd::agent {
namespace {

constexpr std::size_t kMaxPayload = 32'767;  // bytes; of a "user" key

// Reads `serial` into `into`; returns the payload's size.
Result<std::size_t> ReadKey(KeySerial serial, std::span<uint8_t> into) {
  const long size =
      ::keyctl_read(serial, reinterpret_cast<char*>(into.data()), into.size());
  if (size < 0) {
    return KeyError(errno);
  }
  if (size == 0 || static_cast<std::size_t>(size) > into.size()) {
    return Error{Code::kKeyRejected, "a key of the request has no usable size"};
  }
  return static_cast<std::size_t>(size);
}

constexpr std::size_t kMaxDescribed = 4352;  // bytes: names, numbers, NUL
constexpr std::size_t kMaxListed = 4096;     // keys

// "type;uid;gid;permissions;description"
std::optional<KeyFacts> ParseFacts(std::string_view text) {
  constexpr std::size_t kFields = 4;  // before the description
  std::array<std::string_view, kFields> fields;
  for (std::string_view& field : fields) {
    const std::size_t end = text.find(';');
    if (end == std::string_view::npos) {
      return std::nullopt;
    }
    field = text.substr(0, end);
    text.remove_prefix(end + 1);
  }
  KeyFacts facts{std::string(fields[0]), std::string(text), 0};
  const std::string_view owner = fields[1];
  const auto [rest, error] =
      std::from_chars(owner.data(), owner.data() + owner.size(), facts.owner);
  if (error != std::errc() || rest != owner.data() + owner.size()) {
    return std::nullopt;
  }
  return facts;
}

Result<KeyFacts> DescribeKey(KeySerial key) {
  std::array<char, kMaxDescribed> text;
  const long size = ::keyctl_describe(key, text.data(), text.size());
  if (size < 0) {
    return KeyError(errno);
  }
  std::optional<KeyFacts> facts;
  if (size > 0 && static_cast<std::size_t>(size) <= text.size()) {
    facts = ParseFacts({text.data(), static_cast<std::size_t>(size) - 1});
  }
  if (!facts.has_value()) {
    return Error{Code::kKeyUnavailable, "a key's description is unclear"};
  }
  return *std::move(facts);
}

constexpr char kPeerKeyring[] = "ktlsd-peers";
constexpr std::size_t kMostPeerKeys = 1024;  // that are known again

Error PeerKeyError(int os_error) {
  return {Code::kKeyUnavailable, "the peer's certificate is no key here",
          os_error};
}

long SetTimeout(KeySerial key, std::chrono::seconds timeout) {
  return ::keyctl_set_timeout(key, static_cast<unsigned>(timeout.count()));
}

// Serials that /proc/keys shows in lines with `name`. A description may hold
// the end of a line and what looks like another, so each is only a guess.
// libkeyutils has a function for this, which a long description of anybody's
// key crashes.
std::vector<KeySerial> PerhapsKeyrings(const std::string& name) {
  constexpr std::size_t kMaxGuesses = 1024;
  std::vector<KeySerial> guesses;
  std::ifstream keys("/proc/keys");
  std::string line;
  while (guesses.size() < kMaxGuesses && std::getline(keys, line)) {
    uint32_t serial = 0;
    const auto [rest, error] =
        std::from_chars(line.data(), line.data() + line.size(), serial, 16);
    if (error == std::errc() && line.find(" keyring ") != std::string::npos &&
        line.find(name) != std::string::npos) {
      guesses.push_back(static_cast<KeySerial>(serial));
    }
  }
  return guesses;
}

// Anybody may make a keyring of any name, so only root's are taken.
std::optional<KeySerial> LinkIntoSession(
    const std::string& name, std::optional<KeySerial> but = std::nullopt) {
  for (const KeySerial serial : PerhapsKeyrings(name)) {
    const Result<KeyFacts> facts = DescribeKey(serial);
    if (facts.ok() && serial != but && facts->type == "keyring" &&
        facts->description == name && facts->owner == 0 &&
        ::keyctl_link(serial, KEY_SPEC_SESSION_KEYRING) == 0) {
      return serial;
    }
  }
  return std::nullopt;
}

}  // namespace

Error KeyError(int os_error) {
  switch (os_error) {
    case EKEYEXPIRED:
    case EKEYREVOKED:
    case EKEYREJECTED:
    case EOPNOTSUPP:
      return {Code::kKeyRejected, "a key of the request cannot be used",
              os_error};
    case ENOKEY:
    case ENOENT:
    case EACCES:
    case EPERM:
    case EINVAL:  // no key has such a serial
      return {Code::kKeyUnavailable, "a key of the request cannot be read",
              os_error};
    case ENOMEM:
      return {Code::kNoMemory, "no memory to read a key", os_error};
    default:
      return {Code::kSystemFailed, "reading a key failed", os_error};
  }
}

KeyPayload::KeyPayload(KeyPayload&& other) noexcept
    : bytes_(std::move(other.bytes_)), size_(std::exchange(other.size_, 0)) {}

KeyPayload::~KeyPayload() {
  if (bytes_ != nullptr) {
    ::explicit_bzero(bytes_.get(), size_);
  }
}

KernelKeyrings::KernelKeyrings(std::vector<std::string> holders) {
  for (std::string& name : holders) {
    holders_.push_back({std::move(name), std::nullopt, /*of_module=*/true});
  }
}

void KernelKeyrings::LookFor(Named& keyring) {
  if (!keyring.serial.has_value()) {
    keyring.serial = LinkIntoSession(keyring.name);
  }
}

void KernelKeyrings::Drop(Named& keyring) {
  if (const auto serial = std::exchange(keyring.serial, std::nullopt)) {
    static_cast<void>(::keyctl_unlink(*serial, KEY_SPEC_SESSION_KEYRING));
  }
}

void KernelKeyrings::Renew(Named& keyring) {
  // A link takes the place of that to a keyring of the same name.
  const auto other = keyring.of_module
                         ? LinkIntoSession(keyring.name, keyring.serial)
                         : std::nullopt;
  if (other.has_value()) {
    keyring.serial = other;
  } else if (keyring.serial.has_value() &&
             ::keyctl_link(*keyring.serial, KEY_SPEC_SESSION_KEYRING) != 0) {
    Drop(keyring);  // it was revoked
  }
  LookFor(keyring);
}

bool KernelKeyrings::LinkHolders() {
  bool changed = false;
  for (Named& holder : holders_) {
    const std::optional<KeySerial> before = holder.serial;
    Renew(holder);
    changed = changed || (holder.serial.has_value() && holder.serial != before);
  }
  return changed;
}

Result<Keyrings::Pair> KernelKeyrings::Read(const CertificateSerials& serials) {
  Result<Pair> read = TryRead(serials);
  if (!read.ok() && LinkHolders()) {
    return TryRead(serials);
  }
  return read;
}

Result<Keyrings::Pair> KernelKeyrings::TryRead(
    const CertificateSerials& serials) {
  KeyPayload both(2 * kMaxPayload);
  ASSIGN_OR_RETURN(
      const std::size_t certificate,
      ReadKey(serials.certificate, both.writable().first(kMaxPayload)));
  ASSIGN_OR_RETURN(const std::size_t key,
                   ReadKey(serials.private_key,
                           both.writable().subspan(certificate, kMaxPayload)));
  KeyPayload exact(certificate + key);
  std::memcpy(exact.writable().data(), both.view().data(), certificate + key);
  return Pair{std::move(exact), certificate};
}

Status KernelKeyrings::Prepare() {
  if (::keyctl_join_session_keyring(nullptr) == -1 ||
      ::keyctl_get_keyring_ID(KEY_SPEC_PROCESS_KEYRING, 1) == -1) {
    return Error{Code::kSystemFailed, "cannot make keyrings", errno};
  }
  // Certificates of mounts may be kept there ("keyctl padd user name @u").
  static_cast<void>(
      ::keyctl_link(KEY_SPEC_USER_KEYRING, KEY_SPEC_SESSION_KEYRING));
  return Ok{};
}

std::vector<std::string> KernelKeyrings::Link(
    const std::vector<std::string>& others) {
  std::vector<Named> before = std::exchange(psk_keyrings_, {});
  psk_keyrings_.push_back({".nvme", std::nullopt, /*of_module=*/true});
  for (const std::string& name : others) {
    psk_keyrings_.push_back({name});
  }
  for (Named& old : before) {
    const auto wanted =
        std::ranges::find(psk_keyrings_, old.name, &Named::name);
    if (wanted != psk_keyrings_.end()) {
      wanted->serial = old.serial;
    } else {
      Drop(old);
    }
  }
  // Links again what was dropped and is of use here.
  std::ranges::for_each(called_, Renew);
  // Which of the kernel's own exist depends on its version and modules.
  static_cast<void>(LinkHolders());
  std::vector<std::string> failed;
  for (Named& keyring : psk_keyrings_) {
    Renew(keyring);
    if (!keyring.serial.has_value() && &keyring != &psk_keyrings_.front()) {
      failed.push_back(keyring.name);
    }
  }
  return failed;
}

Result<KeyFacts> KernelKeyrings::Describe(KeySerial key) {
  return DescribeKey(key);
}

Result<handshake::PskKey> KernelKeyrings::ReadPsk(KeySerial key) {
  const long size = ::keyctl_read(key, nullptr, 0);
  if (size < 0) {
    return KeyError(errno);
  }
  int os_error = 0;
  auto psk = handshake::PskKey::Filled(
      KeyAccess(), static_cast<std::size_t>(size),
      [key, size, &os_error](std::span<uint8_t> into) {
        const long read = ::keyctl_read(
            key, reinterpret_cast<char*>(into.data()), into.size());
        os_error = read < 0 ? errno : 0;
        return read == size;
      });
  if (os_error != 0) {
    return KeyError(os_error);
  }
  if (psk.empty()) {
    return Error{Code::kKeyRejected, "a key of the request has no usable size"};
  }
  return psk;
}

Result<std::vector<KeySerial>> KernelKeyrings::List(KeySerial keyring) {
  static_assert(sizeof(KeySerial) == sizeof(key_serial_t));
  std::vector<KeySerial> keys(kMaxListed);
  const long size = ::keyctl_read(keyring, reinterpret_cast<char*>(keys.data()),
                                  keys.size() * sizeof(KeySerial));
  if (size < 0) {
    const Error error = KeyError(errno);
    for (std::vector<Named>* named : {&psk_keyrings_, &called_}) {
      for (Named& one : *named) {
        if (one.serial == keyring) {
          Drop(one);
        }
      }
    }
    return error;
  }
  // What is there, which may be more than what was read.
  keys.resize(std::min(keys.size(),
                       static_cast<std::size_t>(size) / sizeof(KeySerial)));
  return keys;
}

std::vector<KeySerial> KernelKeyrings::PskKeyrings() {
  std::vector<KeySerial> keyrings;
  for (Named& keyring : psk_keyrings_) {
    LookFor(keyring);
    if (keyring.serial.has_value()) {
      keyrings.push_back(*keyring.serial);
    }
  }
  return keyrings;
}

std::optional<KeySerial> KernelKeyrings::Called(const std::string& name) {
  auto known = std::ranges::find(called_, name, &Named::name);
  if (known == called_.end()) {
    known = called_.insert(known, Named{name});
  }
  LookFor(*known);
  return known->serial;
}

Result<KeySerial> KernelKeyrings::AddPeerCertificate(
    ByteView certificate, std::chrono::seconds timeout) {
  const auto known =
      std::ranges::find_if(peer_keys_, [certificate](const PeerKey& peer_key) {
        return SameBytes(peer_key.certificate, certificate);
      });
  if (known != peer_keys_.end()) {
    if (SetTimeout(known->key, timeout) == 0) {
      return known->key;
    }
    peer_keys_.erase(known);  // it has expired, or somebody removed it
  }
  ASSIGN_OR_RETURN(const KeySerial keyring, PeerKeyring());
  // The kernel describes it, by subject and key identifier. One with the same
  // description gives way.
  const key_serial_t key = ::add_key("asymmetric", nullptr, certificate.data(),
                                     certificate.size(), keyring);
  if (key == -1) {
    return PeerKeyError(errno);
  }
  if (SetTimeout(key, timeout) != 0) {
    const int error = errno;
    static_cast<void>(::keyctl_unlink(key, keyring));
    return PeerKeyError(error);
  }
  if (peer_keys_.size() == kMostPeerKeys) {
    peer_keys_.pop_front();
  }
  peer_keys_.push_back({Bytes(certificate.begin(), certificate.end()), key});
  return key;
}

// Of its own: in those that are searched for the keys of requests a peer's
// certificate could be taken for one of ours.
Result<KeySerial> KernelKeyrings::PeerKeyring() {
  if (!peer_keyring_.has_value()) {
    const key_serial_t keyring = ::add_key("keyring", kPeerKeyring, nullptr, 0,
                                           KEY_SPEC_PROCESS_KEYRING);
    if (keyring == -1) {
      return PeerKeyError(errno);
    }
    peer_keyring_ = keyring;
  }
  return *peer_keyring_;
}

void KernelKeyrings::Unlink(KeySerial keyring) {
  static_cast<void>(::keyctl_unlink(keyring, KEY_SPEC_PROCESS_KEYRING));
}

Status LeaveKeyrings() {
  if (::keyctl_join_session_keyring(nullptr) == -1) {
    return Error{Code::kSystemFailed, "cannot leave the keyrings", errno};
  }
  return Ok{};
}

}  // namespace ktlsd::agent
