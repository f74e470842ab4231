#include "agent/verifier/trust_loader.h"

#include <cstddef>

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

}  // namespace ktlsd::agent
