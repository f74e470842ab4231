#include "agent/verifier/trust_loader.h"

#include <string>
#include <vector>

#include "agent/ipc/identities.h"
#include "agent/service/read_file.h"
#include "base/bytes.h"

namespace ktlsd::agent {
namespace {

constexpr std::size_t kMaxAnchorsFile = 16U << 20;
constexpr std::size_t kMaxCrlFile = 64U << 20;

}  // namespace

Result<handshake::TrustStore> LoadTrustStore(std::span<const OwnedFd> files) {
  if (files.empty()) {
    return Error{Code::kTrustStoreUnusable, "no file"};
  }
  ASSIGN_OR_RETURN(
      const Bytes anchors,
      ReadFile(files[0].borrow(), kMaxAnchorsFile, Code::kTrustStoreUnusable));
  if (files.size() == 1) {
    return handshake::TrustStore::FromPem(anchors, {});
  }
  ASSIGN_OR_RETURN(const Bytes crls, ReadFile(files[1].borrow(), kMaxCrlFile,
                                              Code::kCrlUnusable));
  return handshake::TrustStore::FromPem(anchors, crls);
}

Result<handshake::AllowList> ParseAllowed(ByteView payload, std::size_t count) {
  ASSIGN_OR_RETURN(const std::vector<Bytes> entries,
                   ParseIdentities(payload, count));
  handshake::AllowList allowed;
  for (const Bytes& entry : entries) {
    const auto by = static_cast<handshake::AllowedBy>(
        entry.empty() ? uint8_t{0} : entry.front());
    if (!handshake::IsValid(by)) {
      return Error{Code::kApiMisuse, "a malformed list of peers"};
    }
    allowed.Add(by, std::string(entry.begin() + 1, entry.end()));
  }
  return allowed;
}

}  // namespace ktlsd::agent
