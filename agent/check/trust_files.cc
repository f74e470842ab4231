#include "agent/check/trust_files.h"

#include <utility>
#include <vector>

#include "agent/config/files.h"
#include "agent/verifier/trust_loader.h"
#include "base/owned_fd.h"
#include "base/result.h"

namespace ktlsd::agent {

std::variant<handshake::TrustStore, Problem> OpenTrust(
    const TrustFiles& files) {
  std::vector<OwnedFd> opened;
  const auto open = [&](const std::string& path,
                        Code code) -> std::optional<Problem> {
    std::variant<OwnedFd, Problem> file = OpenFile(path, code);
    if (Problem* problem = std::get_if<Problem>(&file)) {
      return std::move(*problem);
    }
    opened.push_back(std::move(std::get<OwnedFd>(file)));
    return std::nullopt;
  };
  std::optional<Problem> problem = open(files.store, Code::kTrustStoreUnusable);
  if (!problem.has_value() && files.crl.has_value()) {
    problem = open(*files.crl, Code::kCrlUnusable);
  }
  if (problem.has_value()) {
    return *std::move(problem);
  }
  Result<handshake::TrustStore> store = LoadTrustStore(opened);
  if (!store.ok()) {
    const bool of_crl = store.error().code == Code::kCrlUnusable;
    return Problem{store.error().code,
                   of_crl ? files.crl.value_or("") : files.store,
                   std::string(store.error().what)};
  }
  return std::move(store).value();
}

}  // namespace ktlsd::agent
