#include "handshake/credential.h"

#include <openssl/pem.h>

#include <algorithm>
#include <climits>
#include <numeric>
#include <string_view>
#include <utility>

#include "handshake/chain_facts.h"
#include "handshake/crypto/signature.h"
#include "handshake/x509/certificate.h"
#include "handshake/x509/handles.h"
#include "handshake/x509/pem.h"

namespace ktlsd::handshake {
namespace {

// As for a peer's key (libcrypto's level 2).
constexpr int kMinSecurityBits = 112;
// Leaves room for the framing of a Certificate message.
constexpr std::size_t kMaxChainBytes = kMaxCertificateMessage - 1024;

Error BadKey(std::string_view what) {
  ERR_clear_error();
  return Error{Code::kPrivateKeyUnusable, what};
}

// Instead of libcrypto's own, which asks at the terminal.
int NoPassphrase(char*, int, int, void*) { return 0; }

Result<PkeyPtr> KeyFromPem(ByteView pem) {
  const std::string_view text(reinterpret_cast<const char*>(pem.data()),
                              pem.size());
  if (pem.size() > INT_MAX) {
    return BadKey("the private key's file is too large");
  }
  const BioPtr bio(BIO_new_mem_buf(pem.data(), static_cast<int>(pem.size())));
  PkeyPtr key(
      bio ? PEM_read_bio_PrivateKey(bio.get(), nullptr, NoPassphrase, nullptr)
          : nullptr);
  if (!key && text.find("ENCRYPTED") != std::string_view::npos) {
    return BadKey("the private key is encrypted");
  }
  if (!key) {
    return BadKey("no private key, or one that does not parse");
  }
  ERR_clear_error();
  return key;
}

Result<PkeyPtr> KeyFromDer(ByteView der) {
  const unsigned char* next = der.data();
  PkeyPtr key(
      der.size() > LONG_MAX
          ? nullptr
          : d2i_AutoPrivateKey(nullptr, &next, static_cast<long>(der.size())));
  if (!key || next != der.data() + der.size()) {
    return BadKey("no private key, or one that does not parse");
  }
  ERR_clear_error();
  return key;
}

// The certificates that stand one behind the other in `der`.
Result<std::vector<Bytes>> SplitDer(ByteView der) {
  std::vector<Bytes> chain;
  const unsigned char* next = der.data();
  const unsigned char* const end = der.data() + der.size();
  while (next != end) {
    const unsigned char* const start = next;
    const X509Ptr certificate(d2i_X509(nullptr, &next, end - next));
    ERR_clear_error();
    if (!certificate) {
      return Error{Code::kCertificateUnusable,
                   "a certificate of ours does not parse"};
    }
    chain.emplace_back(start, next);
  }
  return chain;
}

Status CheckChainSize(const std::vector<Bytes>& chain) {
  const std::size_t bytes = std::accumulate(
      chain.begin(), chain.end(), std::size_t{0},
      [](std::size_t sum, const Bytes& der) { return sum + der.size(); });
  if (chain.size() > kMaxChainLength || bytes > kMaxChainBytes) {
    return Error{Code::kCertificateUnusable,
                 "our chain has too many certificates or bytes"};
  }
  return Ok{};
}

Status CheckBelongs(const Bytes& end_entity, EVP_PKEY* key) {
  ASSIGN_OR_RETURN(const X509Ptr certificate, ParseDerCertificate(end_entity));
  if (!IsVersion3(certificate.get())) {
    return Error{Code::kCertificateUnusable,
                 "our certificate is not X.509v3: peers need not take it"};
  }
  if (X509_check_private_key(certificate.get(), key) != 1) {
    return BadKey("the private key is not the first certificate's");
  }
  return Ok{};
}

}  // namespace

bool HasPostQuantumKeys() {
  return std::ranges::any_of(HandshakeSchemes(), IsPostQuantum);
}

struct Credential::State {
  Shared<LocalCertificate> certificate;
  PkeyPtr key;
  KeyHome home = {};

  static Result<std::unique_ptr<State>> Make(std::vector<Bytes> chain,
                                             PkeyPtr key) {
    RETURN_IF_ERROR(CheckChainSize(chain));
    ASSIGN_OR_RETURN(ChainFacts facts, DescribeChain(chain));
    RETURN_IF_ERROR(CheckBelongs(chain.front(), key.get()));
    if (EVP_PKEY_get_security_bits(key.get()) < kMinSecurityBits) {
      return BadKey("the private key is too weak: every peer would refuse it");
    }
    auto schemes = SchemesOfKey(key.get());
    if (schemes.empty()) {
      return BadKey("a private key of a kind that TLS 1.3 cannot sign with");
    }
    return std::make_unique<State>(
        State{LocalCertificate{std::move(chain), std::move(schemes),
                               std::nullopt, std::move(facts)},
              std::move(key)});
  }
};

Credential::Credential(std::unique_ptr<State> state)
    : state_(std::move(state)) {}
Credential::Credential(Credential&&) noexcept = default;
Credential& Credential::operator=(Credential&&) noexcept = default;
Credential::~Credential() = default;

Result<Credential> Credential::FromPem(ByteView certificates,
                                       ByteView private_key) {
  ASSIGN_OR_RETURN(std::vector<Bytes> chain,
                   PemBlocksAmongOthers(certificates, "CERTIFICATE",
                                        Code::kCertificateUnusable));
  ASSIGN_OR_RETURN(PkeyPtr key, KeyFromPem(private_key));
  ASSIGN_OR_RETURN(auto state, State::Make(std::move(chain), std::move(key)));
  return Credential(std::move(state));
}

Result<Credential> Credential::FromDer(ByteView certificates,
                                       ByteView private_key) {
  ASSIGN_OR_RETURN(std::vector<Bytes> chain, SplitDer(certificates));
  ASSIGN_OR_RETURN(PkeyPtr key, KeyFromDer(private_key));
  ASSIGN_OR_RETURN(auto state, State::Make(std::move(chain), std::move(key)));
  return Credential(std::move(state));
}

Result<Credential> Credential::FromKey(ByteView certificates, evp_pkey_st& key,
                                       const KeyHome& home) {
  ASSIGN_OR_RETURN(std::vector<Bytes> chain,
                   PemBlocksAmongOthers(certificates, "CERTIFICATE",
                                        Code::kCertificateUnusable));
  if (EVP_PKEY_up_ref(&key) != 1) {
    return BadKey("the private key cannot be shared");
  }
  ASSIGN_OR_RETURN(auto state, State::Make(std::move(chain), PkeyPtr(&key)));
  state->home = home;
  return Credential(std::move(state));
}

const std::vector<Bytes>& Credential::chain() const {
  return state_->certificate->chain;
}

const std::vector<SignatureScheme>& Credential::schemes() const {
  return state_->certificate->schemes;
}

const Shared<LocalCertificate>& Credential::certificate() const {
  return state_->certificate;
}

Result<Bytes> Credential::Sign(SignatureScheme scheme, Role signer,
                               const HashValue& transcript_hash) const {
  return SignCertificateVerify(state_->key.get(), scheme, signer,
                               transcript_hash, state_->home);
}

}  // namespace ktlsd::handshake
