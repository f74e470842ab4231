#include "handshake/server_choice.h"

#include <algorithm>
#include <utility>

#include "handshake/certificate_choice.h"
#include "handshake/negotiation.h"

namespace ktlsd::handshake {
namespace {

// Our best group that a share came for; else our best that needs a retry.
std::optional<NamedGroup> ChooseGroup(const ServerConfig& config,
                                      const ClientHello& hello) {
  for (const NamedGroup group : config.groups) {
    if (FindShare(hello, group) != nullptr) {
      return group;
    }
  }
  return FirstCommon(config.groups, hello.supported_groups);
}

Result<std::optional<Bytes>> ChooseProtocol(const ServerConfig& config,
                                            const ClientHello& hello) {
  if (config.require_alpn && hello.alpn_protocols.empty()) {
    return Error{Code::kNoApplicationProtocol,
                 "the client offers no application protocol"};
  }
  if (config.alpn_protocols.empty() || hello.alpn_protocols.empty()) {
    return std::optional<Bytes>();
  }
  std::optional<Bytes> common =
      FirstCommon(config.alpn_protocols, hello.alpn_protocols);
  if (!common) {
    return Error{Code::kNoApplicationProtocol,
                 "the client offers no protocol of ours"};
  }
  return common;
}

Result<SigningChoice> ChooseOurs(const ServerConfig& config,
                                 const ClientHello& hello) {
  if (config.certificates.empty()) {
    return Error{Code::kNoCertificateConfigured,
                 "no certificate for this server"};
  }
  if (hello.signature_algorithms.empty()) {
    return Error{Code::kMissingExtension,
                 "a ClientHello for PSKs only, where a certificate is used"};
  }
  ASSIGN_OR_RETURN(const auto choice, ChooseCertificate(config.certificates,
                                                        hello, Role::kServer));
  if (!choice) {
    return Error{Code::kNoCommonSignatureScheme,
                 "the client takes no signature of our certificate's kind"};
  }
  return *choice;
}

}  // namespace

std::vector<HashAlgorithm> HashesInCommon(const ServerConfig& config,
                                          const ClientHello& hello) {
  std::vector<HashAlgorithm> hashes;
  for (const CipherSuite suite : config.suites) {
    if (Contains(hello.cipher_suites, suite) &&
        !Contains(hashes, HashOf(suite))) {
      hashes.push_back(HashOf(suite));
    }
  }
  return hashes;
}

Result<ServerChoice> ChooseAnswer(ServerConfig config, const ClientHello& hello,
                                  std::optional<PskName> psk) {
  ServerChoice choice{.config = std::move(config), .psk = std::move(psk)};
  if (choice.psk) {
    // Section 4.2.11: the suite's hash is the one of the PSK.
    std::erase_if(choice.config.suites, [&choice](CipherSuite suite) {
      return HashOf(suite) != choice.psk->hash;
    });
  } else {
    ASSIGN_OR_RETURN(choice.signing, ChooseOurs(choice.config, hello));
  }
  const auto suite = FirstCommon(choice.config.suites, hello.cipher_suites);
  if (!suite) {
    return NoCommonSuite();
  }
  const auto group = ChooseGroup(choice.config, hello);
  if (!group) {
    return Error{Code::kNoCommonGroup, "no group in common"};
  }
  ASSIGN_OR_RETURN(choice.alpn_protocol, ChooseProtocol(choice.config, hello));
  if (choice.config.record_size_limit) {
    choice.record_size_limit = hello.record_size_limit;
  }
  choice.staple = hello.status_request;
  choice.suite = *suite;
  choice.group = *group;
  return choice;
}

}  // namespace ktlsd::handshake
