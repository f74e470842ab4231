#include "handshake/testing/test_pki.h"

#include <openssl/bio.h>
#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/params.h>
#include <openssl/pem.h>
#include <openssl/rand.h>
#include <openssl/rsa.h>
#include <openssl/x509.h>
#include <openssl/x509v3.h>

#include <array>
#include <cstddef>
#include <map>
#include <stdexcept>

namespace ktlsd::handshake {
namespace {

using SharedKey = std::shared_ptr<EVP_PKEY>;
using SharedX509 = std::shared_ptr<X509>;

[[noreturn]] void Fail(const std::string& what) {
  char text[256] = "";
  ERR_error_string_n(ERR_get_error(), text, sizeof text);
  throw std::runtime_error("test PKI: " + what + ": " + text);
}

void Check(bool done, const std::string& what) {
  if (!done) {
    Fail(what);
  }
}

SharedKey Generate(const char* type, int rsa_bits, const char* curve) {
  const std::unique_ptr<EVP_PKEY_CTX, decltype(&EVP_PKEY_CTX_free)> context(
      EVP_PKEY_CTX_new_from_name(nullptr, type, nullptr), EVP_PKEY_CTX_free);
  Check(context && EVP_PKEY_keygen_init(context.get()) == 1, type);
  if (rsa_bits > 0) {
    Check(EVP_PKEY_CTX_set_rsa_keygen_bits(context.get(), rsa_bits) == 1, type);
  }
  if (curve != nullptr) {
    Check(EVP_PKEY_CTX_set_group_name(context.get(), curve) == 1, curve);
  }
  EVP_PKEY* key = nullptr;
  Check(EVP_PKEY_generate(context.get(), &key) == 1, type);
  return {key, EVP_PKEY_free};
}

// Parameters for DSA take long to make. Those of a group for DH are as good.
SharedKey GenerateDsa() {
  const SharedKey dh = Generate("DH", 0, "ffdhe2048");
  OSSL_PARAM* raw = nullptr;
  Check(EVP_PKEY_todata(dh.get(), EVP_PKEY_KEYPAIR, &raw) == 1, "DH key");
  const std::unique_ptr<OSSL_PARAM, decltype(&OSSL_PARAM_free)> parameters(
      raw, OSSL_PARAM_free);
  const std::unique_ptr<EVP_PKEY_CTX, decltype(&EVP_PKEY_CTX_free)> context(
      EVP_PKEY_CTX_new_from_name(nullptr, "DSA", nullptr), EVP_PKEY_CTX_free);
  EVP_PKEY* key = nullptr;
  Check(context && EVP_PKEY_fromdata_init(context.get()) == 1 &&
            EVP_PKEY_fromdata(context.get(), &key, EVP_PKEY_KEYPAIR,
                              parameters.get()) == 1,
        "DSA key");
  return {key, EVP_PKEY_free};
}

SharedKey GenerateNew(KeyKind kind) {
  switch (kind) {
    case KeyKind::kEcdsaP256:
      return Generate("EC", 0, "P-256");
    case KeyKind::kEcdsaP384:
      return Generate("EC", 0, "P-384");
    case KeyKind::kEcdsaP521:
      return Generate("EC", 0, "P-521");
    case KeyKind::kRsa2048:
      return Generate("RSA", 2048, nullptr);
    case KeyKind::kRsa1024:
      return Generate("RSA", 1024, nullptr);
    case KeyKind::kRsaPss2048:
      return Generate("RSA-PSS", 2048, nullptr);
    case KeyKind::kEd25519:
      return Generate("ED25519", 0, nullptr);
    case KeyKind::kEd448:
      return Generate("ED448", 0, nullptr);
    case KeyKind::kMlDsa44:
      return Generate("ML-DSA-44", 0, nullptr);
    case KeyKind::kMlDsa65:
      return Generate("ML-DSA-65", 0, nullptr);
    case KeyKind::kMlDsa87:
      return Generate("ML-DSA-87", 0, nullptr);
    case KeyKind::kEcdsaP192:
      return Generate("EC", 0, "P-192");
    case KeyKind::kEcdsaP224:
      return Generate("EC", 0, "P-224");
    case KeyKind::kEcdsaSecp256k1:
      return Generate("EC", 0, "secp256k1");
    case KeyKind::kDsa2048:
      return GenerateDsa();
  }
  throw std::runtime_error("test PKI: no such kind of key");
}

// RSA keys take long to make, a minute for a test under emulation: there are
// two of each kind, handed out in turn.
SharedKey Generate(KeyKind kind) {
  if (kind != KeyKind::kRsa2048 && kind != KeyKind::kRsaPss2048) {
    return GenerateNew(kind);
  }
  struct Pair {
    std::array<SharedKey, 2> keys;
    std::size_t next = 0;
  };
  static std::map<KeyKind, Pair> pairs;
  Pair& pair = pairs[kind];
  SharedKey& key = pair.keys[pair.next++ % pair.keys.size()];
  if (!key) {
    key = GenerateNew(kind);
  }
  return key;
}

std::unique_ptr<ASN1_TIME, decltype(&ASN1_TIME_free)> Asn1Time(
    CalendarTime time) {
  return {ASN1_TIME_set(nullptr, std::chrono::system_clock::to_time_t(time)),
          ASN1_TIME_free};
}

void SetName(X509_NAME* name, const std::string& common_name) {
  Check(X509_NAME_add_entry_by_NID(
            name, NID_commonName, MBSTRING_UTF8,
            reinterpret_cast<const unsigned char*>(common_name.data()),
            static_cast<int>(common_name.size()), -1, 0) == 1,
        "name");
}

void SetSerial(ASN1_INTEGER* serial) {
  uint64_t random = 0;
  Check(
      RAND_bytes(reinterpret_cast<unsigned char*>(&random), sizeof random) == 1,
      "serial");
  Check(ASN1_INTEGER_set_uint64(serial, random | 1) == 1, "serial");
}

std::string AlternativeNames(const CertificateSpec& spec) {
  std::string names;
  for (const std::string& dns : spec.dns) {
    names += (names.empty() ? "DNS:" : ",DNS:") + dns;
  }
  for (const std::string& ip : spec.ip) {
    names += (names.empty() ? "IP:" : ",IP:") + ip;
  }
  return names;
}

std::string KeyUsage(const CertificateSpec& spec) {
  if (spec.key_usage != "default") {
    return spec.key_usage;
  }
  return spec.authority ? "critical,keyCertSign,cRLSign"
                        : "critical,digitalSignature";
}

std::string BasicConstraints(const CertificateSpec& spec) {
  std::string text = spec.authority ? "critical,CA:TRUE" : "critical,CA:FALSE";
  if (spec.path_length >= 0) {
    text += ",pathlen:" + std::to_string(spec.path_length);
  }
  return text;
}

// In the order in which they are added: the authority's key identifier of a
// self-signed certificate is read from the subject's.
std::vector<std::pair<std::string, std::string>> Extensions(
    const CertificateSpec& spec) {
  std::vector<std::pair<std::string, std::string>> all = {
      {"basicConstraints", BasicConstraints(spec)},
      {"keyUsage", KeyUsage(spec)},
      {"extendedKeyUsage", spec.extended_key_usage},
      {"subjectAltName", AlternativeNames(spec)},
      {"nameConstraints", spec.name_constraints}};
  if (spec.key_identifiers) {
    all.emplace_back("subjectKeyIdentifier", "hash");
    all.emplace_back("authorityKeyIdentifier", "keyid:always");
  }
  all.insert(all.end(), spec.extensions.begin(), spec.extensions.end());
  return all;
}

void AddExtensions(X509* certificate, X509* issuer,
                   const CertificateSpec& spec) {
  X509V3_CTX context;
  X509V3_set_ctx(&context, issuer, certificate, nullptr, nullptr, 0);
  X509V3_set_ctx_nodb(&context);
  for (const auto& [name, value] : Extensions(spec)) {
    if (value.empty()) {
      continue;
    }
    const std::unique_ptr<X509_EXTENSION, decltype(&X509_EXTENSION_free)>
        extension(
            X509V3_EXT_nconf(nullptr, &context, name.c_str(), value.c_str()),
            X509_EXTENSION_free);
    Check(extension && X509_add_ext(certificate, extension.get(), -1) == 1,
          name + " = " + value.substr(0, 80));
  }
}

const EVP_MD* DigestFor(EVP_PKEY* key, const std::string& digest) {
  for (const char* type :
       {"ED25519", "ED448", "ML-DSA-44", "ML-DSA-65", "ML-DSA-87"}) {
    if (EVP_PKEY_is_a(key, type) == 1) {
      return nullptr;  // part of the algorithm
    }
  }
  return EVP_get_digestbyname(digest.c_str());
}

// Runs `write(BIO*)` and returns what it wrote.
template <typename Write>
std::string Written(Write&& write) {
  const std::unique_ptr<BIO, decltype(&BIO_free)> bio(BIO_new(BIO_s_mem()),
                                                      BIO_free);
  Check(bio && write(bio.get()) == 1, "PEM");
  char* data = nullptr;
  const long size = BIO_get_mem_data(bio.get(), &data);
  return {data, static_cast<std::size_t>(size)};
}

void Revoke(X509_CRL* crl, X509* certificate, const ASN1_TIME* when) {
  X509_REVOKED* entry = X509_REVOKED_new();
  Check(entry != nullptr &&
            X509_REVOKED_set_serialNumber(
                entry, X509_get_serialNumber(certificate)) == 1 &&
            X509_REVOKED_set_revocationDate(
                entry, const_cast<ASN1_TIME*>(when)) == 1 &&
            X509_CRL_add0_revoked(crl, entry) == 1,
        "revocation");
}

void AddCrlExtensions(X509_CRL* crl, X509* issuer) {
  X509V3_CTX context;
  X509V3_set_ctx(&context, issuer, nullptr, nullptr, crl, 0);
  const std::unique_ptr<X509_EXTENSION, decltype(&X509_EXTENSION_free)>
      identifier(X509V3_EXT_nconf_nid(nullptr, &context,
                                      NID_authority_key_identifier, "keyid"),
                 X509_EXTENSION_free);
  Check(identifier && X509_CRL_add_ext(crl, identifier.get(), -1) == 1, "AKID");
  const std::unique_ptr<ASN1_INTEGER, decltype(&ASN1_INTEGER_free)> number(
      ASN1_INTEGER_new(), ASN1_INTEGER_free);
  Check(ASN1_INTEGER_set(number.get(), 1) == 1 &&
            X509_CRL_add1_ext_i2d(crl, NID_crl_number, number.get(), 0, 0) == 1,
        "CRL number");
}

}  // namespace

TestCertificate TestCertificate::Make(const CertificateSpec& spec,
                                      const TestCertificate* issuer) {
  const SharedKey key =
      spec.key_of != nullptr ? spec.key_of->key_ : Generate(spec.key);
  const SharedX509 certificate(X509_new(), X509_free);
  X509* const raw = certificate.get();
  X509* const signer = issuer != nullptr ? issuer->x509() : raw;
  EVP_PKEY* const signing_key = issuer != nullptr ? issuer->key() : key.get();
  Check(raw != nullptr && X509_set_version(raw, spec.version - 1) == 1, "new");
  SetSerial(X509_get_serialNumber(raw));
  SetName(X509_get_subject_name(raw), spec.common_name);
  Check(X509_set_issuer_name(raw, X509_get_subject_name(signer)) == 1 &&
            X509_set1_notBefore(raw, Asn1Time(spec.not_before).get()) == 1 &&
            X509_set1_notAfter(raw, Asn1Time(spec.not_after).get()) == 1 &&
            X509_set_pubkey(raw, key.get()) == 1,
        "certificate");
  if (spec.version >= 3) {
    AddExtensions(raw, signer, spec);
  }
  Check(X509_sign(raw, signing_key, DigestFor(signing_key, spec.digest)) > 0,
        "signature");
  return {certificate, key};
}

std::vector<KeyKind> UsableKeyKinds() {
  std::vector<KeyKind> kinds = {KeyKind::kEcdsaP256,  KeyKind::kEcdsaP384,
                                KeyKind::kEcdsaP521,  KeyKind::kRsa2048,
                                KeyKind::kRsaPss2048, KeyKind::kEd25519,
                                KeyKind::kEd448};
  EVP_KEYMGMT* const ml_dsa = EVP_KEYMGMT_fetch(nullptr, "ML-DSA-65", nullptr);
  if (ml_dsa != nullptr) {
    EVP_KEYMGMT_free(ml_dsa);
    kinds.insert(kinds.end(),
                 {KeyKind::kMlDsa44, KeyKind::kMlDsa65, KeyKind::kMlDsa87});
  }
  ERR_clear_error();
  return kinds;
}

TestCertificate TestCertificate::SelfSigned(const CertificateSpec& spec) {
  return Make(spec, nullptr);
}

TestCertificate TestCertificate::Issue(const CertificateSpec& spec) const {
  return Make(spec, this);
}

std::string TestCertificate::CrlPem(const CrlSpec& spec) const {
  const std::unique_ptr<X509_CRL, decltype(&X509_CRL_free)> crl(X509_CRL_new(),
                                                                X509_CRL_free);
  const auto this_update = Asn1Time(spec.this_update);
  Check(X509_CRL_set_version(crl.get(), X509_CRL_VERSION_2) == 1 &&
            X509_CRL_set_issuer_name(crl.get(),
                                     X509_get_subject_name(x509())) == 1 &&
            X509_CRL_set1_lastUpdate(crl.get(), this_update.get()) == 1 &&
            X509_CRL_set1_nextUpdate(crl.get(),
                                     Asn1Time(spec.next_update).get()) == 1,
        "CRL");
  AddCrlExtensions(crl.get(), x509());
  for (const TestCertificate* certificate : spec.revoked) {
    Revoke(crl.get(), certificate->x509(), this_update.get());
  }
  Check(X509_CRL_sort(crl.get()) == 1 &&
            X509_CRL_sign(crl.get(), key(), DigestFor(key(), "SHA256")) > 0,
        "CRL signature");
  return Written(
      [&](BIO* bio) { return PEM_write_bio_X509_CRL(bio, crl.get()); });
}

Bytes TestCertificate::der() const {
  unsigned char* data = nullptr;
  const int size = i2d_X509(x509(), &data);
  Check(size > 0, "DER");
  Bytes der(data, data + size);
  OPENSSL_free(data);
  return der;
}

std::string TestCertificate::pem() const {
  return Written([&](BIO* bio) { return PEM_write_bio_X509(bio, x509()); });
}

Bytes TestCertificate::key_der() const {
  const std::string der = Written([&](BIO* bio) {
    return i2d_PKCS8PrivateKey_bio(bio, key(), nullptr, nullptr, 0, nullptr,
                                   nullptr);
  });
  return {der.begin(), der.end()};
}

std::string TestCertificate::key_pem() const {
  return Written([&](BIO* bio) {
    return PEM_write_bio_PKCS8PrivateKey(bio, key(), nullptr, nullptr, 0,
                                         nullptr, nullptr);
  });
}

std::vector<Bytes> TestPki::ChainOf(const TestCertificate& end) const {
  return {end.der(), intermediate.der()};
}

std::string TestPki::ChainPemOf(const TestCertificate& end) const {
  return end.pem() + intermediate.pem();
}

TestPki MakeTestPki(KeyKind kind) {
  const TestCertificate root = TestCertificate::SelfSigned(
      {.common_name = "Test Root", .authority = true});
  const TestCertificate intermediate =
      root.Issue({.common_name = "Test Intermediate", .authority = true});
  const TestCertificate server =
      intermediate.Issue({.common_name = "Test Server",
                          .key = kind,
                          .dns = {"server.example", "*.wild.example"},
                          .ip = {"192.0.2.1", "2001:db8::1"},
                          .extended_key_usage = "serverAuth"});
  const TestCertificate client =
      intermediate.Issue({.common_name = "Test Client",
                          .key = kind,
                          .dns = {"client.example"},
                          .extended_key_usage = "clientAuth"});
  return {root, intermediate, server, client};
}

ByteView BytesOf(std::string_view text) {
  return {reinterpret_cast<const uint8_t*>(text.data()), text.size()};
}

}  // namespace ktlsd::handshake
