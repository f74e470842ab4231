#include "agent/check/own_files.h"

#include <variant>

#include "agent/config/files.h"
#include "agent/keeper/credential_loader.h"
#include "base/owned_fd.h"

namespace ktlsd::agent {

Result<handshake::Credential> OpenCredential(const OwnFiles& files) {
  const auto certificate =
      OpenFile(files.certificate, Code::kCertificateUnusable);
  const auto key = OpenFile(files.private_key, Code::kPrivateKeyUnusable);
  for (const auto* opened : {&certificate, &key}) {
    if (const Problem* problem = std::get_if<Problem>(opened)) {
      return Error{problem->code, "a file went away meanwhile"};
    }
  }
  return LoadFiles(std::get<OwnedFd>(certificate).borrow(),
                   std::get<OwnedFd>(key).borrow());
}

}  // namespace ktlsd::agent
