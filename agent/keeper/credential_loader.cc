#include "agent/keeper/credential_loader.h"

#include <sys/stat.h>

#include <span>
#include <utility>

#include "agent/service/read_file.h"
#include "base/key_access.h"
#include "base/secret.h"
#include "handshake/wire.h"

namespace ktlsd::agent {
namespace {

constexpr std::size_t kMaxCertificateFile = 1U << 18;
// Holds an RSA key of 16384 bits, and a chain in the same file.
constexpr std::size_t kMaxKeyFile = 1U << 15;

using KeyFile = Secret<kMaxKeyFile>;

Result<KeyFile> ReadKeyFile(const KeyAccess& access, BorrowedFd file) {
  ASSIGN_OR_RETURN(const FileFacts facts,
                   InspectFile(file, kMaxKeyFile, Code::kPrivateKeyUnusable));
  if ((facts.mode & (S_IRWXG | S_IRWXO)) != 0) {
    return Error{Code::kPrivateKeyUnusable,
                 "the private key's file is accessible to its group or others"};
  }
  KeyFile key = KeyFile::Filled(
      access, facts.size,
      [&](std::span<uint8_t> into) { return ReadExactly(file, into); });
  if (key.empty()) {
    return Error{Code::kPrivateKeyUnusable,
                 "the private key's file cannot be read"};
  }
  return key;
}

}  // namespace

Result<handshake::Credential> LoadFiles(BorrowedFd certificate,
                                        BorrowedFd key) {
  const KeyAccess access;
  ASSIGN_OR_RETURN(
      const Bytes certificates,
      ReadFile(certificate, kMaxCertificateFile, Code::kCertificateUnusable));
  ASSIGN_OR_RETURN(const KeyFile key_file, ReadKeyFile(access, key));
  return handshake::Credential::FromPem(certificates, key_file.Reveal(access));
}

Result<handshake::Credential> LoadToken(BorrowedFd certificate,
                                        std::string_view url,
                                        const TokenKeys& tokens) {
  ASSIGN_OR_RETURN(
      const Bytes certificates,
      ReadFile(certificate, kMaxCertificateFile, Code::kCertificateUnusable));
  return tokens.Use(url, certificates);
}

Result<handshake::Credential> OnlyPostQuantum(
    Result<handshake::Credential> loaded) {
  if (!handshake::HasPostQuantumKeys()) {
    return Error{Code::kPrivateKeyUnusable,
                 "this libcrypto has no post-quantum keys: ML-DSA came with "
                 "OpenSSL 3.5"};
  }
  if (loaded.ok() &&
      !handshake::IsPostQuantum(loaded.value().schemes().front())) {
    return Error{Code::kPrivateKeyUnusable,
                 "not a post-quantum key: x509.pq. is for ML-DSA"};
  }
  return loaded;
}

Result<handshake::Credential> LoadDer(ByteView der,
                                      std::size_t certificate_size) {
  if (certificate_size > der.size()) {
    return Error{Code::kCertificateUnusable,
                 "the certificate is longer than what came"};
  }
  return handshake::Credential::FromDer(der.first(certificate_size),
                                        der.subspan(certificate_size));
}

}  // namespace ktlsd::agent
