// Our own certificates, of files, tokens and the request's keys.
#include <cstdint>
#include <string>
#include <utility>
#include <vector>

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
  std::vector<OwnedFd> files;
  files.push_back(std::move(std::get<OwnedFd>(chain)));
  const std::string& private_key = *own.private_key;
  if (IsTokenUrl(private_key)) {
    return SendCredential(own, Bytes(private_key.begin(), private_key.end()),
                          std::move(files));
  }
  std::variant<OwnedFd, Problem> key = OpenPrivateKey(private_key, key_owner_);
  if (Problem* problem = std::get_if<Problem>(&key)) {
    return std::move(*problem);
  }
  files.push_back(std::move(std::get<OwnedFd>(key)));
  return SendCredential(own, {}, std::move(files));
}

Slot Resources::SendCredential(const OwnCertificate& own, Bytes url,
                               std::vector<OwnedFd> files) {
  const std::string named = url.empty()
                                ? own.certificate.value_or("")
                                : LoggableUrl(own.private_key.value_or(""));
  agent::LoadCredential load;
  load.id = NewId(Kind::kCredential);
  load.post_quantum = own.post_quantum ? 1 : 0;
  if (!keeper_.has_value() ||
      !keeper_loads_.Send(*keeper_, load, std::move(url), std::move(files))
           .ok()) {
    return Unloadable(Code::kKeeperUnavailable, named);
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
