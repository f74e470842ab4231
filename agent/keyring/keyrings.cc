#include "agent/keyring/keyrings.h"

#include <keyutils.h>

#include <array>
#include <cerrno>
#include <cstring>
#include <utility>

namespace ktlsd::agent {
namespace {

constexpr std::size_t kMaxPayload = 32'767;  // bytes; of a "user" key

Error ReadError(int os_error) {
  switch (os_error) {
    case EKEYEXPIRED:
    case EKEYREVOKED:
    case EKEYREJECTED:
      return {Code::kKeyRejected, "a key of the request cannot be used",
              os_error};
    default:
      return {Code::kKeyUnavailable, "a key of the request cannot be read",
              os_error};
  }
}

// Reads `serial` into `into`; returns the payload's size.
Result<std::size_t> ReadKey(KeySerial serial, std::span<uint8_t> into) {
  const long size =
      ::keyctl_read(serial, reinterpret_cast<char*>(into.data()), into.size());
  if (size < 0) {
    return ReadError(errno);
  }
  if (size == 0 || static_cast<std::size_t>(size) > into.size()) {
    return Error{Code::kKeyRejected, "a key of the request has no usable size"};
  }
  return static_cast<std::size_t>(size);
}

bool LinkIntoSession(const char* name) {
  const key_serial_t keyring = ::find_key_by_type_and_desc("keyring", name, 0);
  return keyring != -1 && ::keyctl_link(keyring, KEY_SPEC_SESSION_KEYRING) == 0;
}

}  // namespace

KeyPayload::KeyPayload(KeyPayload&& other) noexcept
    : bytes_(std::move(other.bytes_)), size_(std::exchange(other.size_, 0)) {}

KeyPayload::~KeyPayload() {
  if (bytes_ != nullptr) {
    ::explicit_bzero(bytes_.get(), size_);
  }
}

Result<Keyrings::Pair> KernelKeyrings::Read(const CertificateSerials& serials) {
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
  // Which of the kernel's own exist depends on its version and modules.
  for (const char* own : {".nvme", ".nfs", ".nfsd"}) {
    static_cast<void>(LinkIntoSession(own));
  }
  std::vector<std::string> failed;
  for (const std::string& name : others) {
    if (!LinkIntoSession(name.c_str())) {
      failed.push_back(name);
    }
  }
  return failed;
}

Status LeaveKeyrings() {
  if (::keyctl_join_session_keyring(nullptr) == -1) {
    return Error{Code::kSystemFailed, "cannot leave the keyrings", errno};
  }
  return Ok{};
}

}  // namespace ktlsd::agent
