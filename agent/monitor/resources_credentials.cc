// Our own certificates, of files, tokens and the request's keys.
#include <array>
#include <cstdint>
#include <utility>

#include "agent/config/files.h"
#include "agent/keeper/token_url.h"
#include "agent/monitor/resources.h"

namespace ktlsd::agent {

Slot Resources::LoadCredential(const OwnCertificate& own) {
  if (!own.certificate.has_value() && !own.private_key.has_value()) {
    return Absent();
  }
  if (!own.certificate.has_value() || !own.private_key.has_value()) {
    return Problem{Code::kConfigUnusable, "",
                   own.post_quantum
                       ? "x509.pq.certificate and x509.pq.private_key go "
                         "together"
                       : "x509.certificate and x509.private_key go together"};
  }
  std::variant<OwnedFd, Problem> chain =
      OpenFile(*own.certificate, Code::kCertificateUnusable);
  if (Problem* problem = std::get_if<Problem>(&chain)) {
    return std::move(*problem);
  }
  const BorrowedFd certificate = std::get<OwnedFd>(chain).borrow();
  const std::string& private_key = *own.private_key;
  if (IsTokenUrl(private_key)) {
    return SendCredential(own,
                          {reinterpret_cast<const uint8_t*>(private_key.data()),
                           private_key.size()},
                          std::span(&certificate, 1));
  }
  std::variant<OwnedFd, Problem> key = OpenPrivateKey(private_key, key_owner_);
  if (Problem* problem = std::get_if<Problem>(&key)) {
    return std::move(*problem);
  }
  return SendCredential(
      own, {}, std::array{certificate, std::get<OwnedFd>(key).borrow()});
}

Slot Resources::SendCredential(const OwnCertificate& own, ByteView url,
                               std::span<const BorrowedFd> files) {
  const std::string named =
      url.empty() ? *own.certificate : LoggableUrl(*own.private_key);
  agent::LoadCredential load;
  load.id = NewId(Kind::kCredential);
  load.post_quantum = own.post_quantum ? 1 : 0;
  if (!keeper_.has_value() || !keeper_->Send(load, url, files).ok()) {
    return Problem{Code::kKeeperUnavailable, named,
                   "the process that loads it does not answer"};
  }
  return Loading{load.id, named};
}

Result<CredentialId> Resources::LoadForJob(const Keyrings::Pair& keys) {
  if (!keeper_.has_value()) {
    return Error{Code::kKeeperUnavailable, "the keeper is gone"};
  }
  agent::LoadCredential load;
  load.id = NewId(Kind::kCredential);
  load.certificate_size = static_cast<uint32_t>(keys.certificate_size);
  uses_[load.id].retired = true;  // its only job holds it
  if (!keeper_->Send(load, keys.bytes.view()).ok()) {
    uses_.erase(load.id);
    return Error{Code::kKeeperUnavailable, "the keeper does not answer"};
  }
  return load.id;
}

void Resources::Hold(const JobCredentials& credentials) {
  for (const CredentialId id : credentials) {
    Hold(id);
  }
}

void Resources::Release(const JobCredentials& credentials) {
  for (const CredentialId id : credentials) {
    Release(id);
  }
}

}  // namespace ktlsd::agent
