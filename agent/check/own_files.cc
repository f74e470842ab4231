#include "agent/check/own_files.h"

#include <utility>
#include <variant>

#include "agent/config/files.h"
#include "agent/keeper/credential_loader.h"
#include "agent/keeper/token_url.h"
#include "base/owned_fd.h"

namespace ktlsd::agent {

namespace {

Result<OwnedFd> Open(const std::string& path, Code unusable) {
  std::variant<OwnedFd, Problem> opened = OpenFile(path, unusable);
  if (OwnedFd* file = std::get_if<OwnedFd>(&opened)) {
    return std::move(*file);
  }
  return Error{unusable, "a file went away meanwhile"};
}

Result<handshake::Credential> Load(const OwnFiles& files,
                                   const TokenKeys& tokens) {
  ASSIGN_OR_RETURN(const OwnedFd certificate,
                   Open(files.certificate, Code::kCertificateUnusable));
  if (IsTokenUrl(files.private_key)) {
    return LoadToken(certificate.borrow(), files.private_key, tokens);
  }
  ASSIGN_OR_RETURN(const OwnedFd key,
                   Open(files.private_key, Code::kPrivateKeyUnusable));
  return LoadFiles(certificate.borrow(), key.borrow());
}

}  // namespace

Result<handshake::Credential> OpenCredential(const OwnFiles& files,
                                             const TokenKeys& tokens) {
  Result<handshake::Credential> loaded = Load(files, tokens);
  return files.post_quantum ? OnlyPostQuantum(std::move(loaded))
                            : std::move(loaded);
}

}  // namespace ktlsd::agent
