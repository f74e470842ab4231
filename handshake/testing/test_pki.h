// Certificates made in memory, for tests: authorities, end certificates and
// revocation lists with whatever property a test asks for.
//
// Scope:     makes what is asked, sound or not. Throws std::runtime_error when
//            libcrypto refuses: a test that cannot be set up must not pass.
//            RSA keys of 2048 bits are made once: every other certificate of
//            a program has the same one.
// Layer:     handshake/testing.
// Threads:   made by one thread; a TestCertificate may be read by several.
#pragma once

#include <chrono>
#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/bytes.h"
#include "base/clock.h"

struct evp_pkey_st;
struct x509_st;

namespace ktlsd::handshake {

enum class KeyKind : uint8_t {
  kEcdsaP256,
  kEcdsaP384,
  kEcdsaP521,
  kRsa2048,
  kRsa1024,
  kRsaPss2048,
  kEd25519,
  kEd448,
  kMlDsa44,
  kMlDsa65,
  kMlDsa87,
  // No peer may have these.
  kEcdsaP192,
  kEcdsaP224,
  kEcdsaSecp256k1,
  kDsa2048,
};

// Those that are strong enough for a peer and that the running libcrypto has:
// ML-DSA came with OpenSSL 3.5.
std::vector<KeyKind> UsableKeyKinds();

// Certificates are valid from 2020 to 2045 unless a test says otherwise; this
// is a time in between.
inline constexpr CalendarTime kTestNow{
    std::chrono::sys_days{std::chrono::year{2026} / 6 / 1}};
inline constexpr CalendarTime kTestNotBefore{
    std::chrono::sys_days{std::chrono::year{2020} / 1 / 1}};
inline constexpr CalendarTime kTestNotAfter{
    std::chrono::sys_days{std::chrono::year{2045} / 1 / 1}};

class TestCertificate;

// What a certificate is to be. Strings of extensions are written as in
// x509v3_config(5); an empty one leaves the extension out.
struct CertificateSpec {
  std::string common_name = "test";
  KeyKind key = KeyKind::kEcdsaP256;
  bool authority = false;               // basicConstraints CA:TRUE
  std::vector<std::string> dns = {};    // dNSName entries
  std::vector<std::string> ip = {};     // iPAddress entries, as text
  std::string key_usage = "default";    // by `authority`: see test_pki.cc
  std::string extended_key_usage = {};  // "serverAuth,1.3.6.1.5.5.7.3.34"
  std::string name_constraints = {};    // "critical,permitted;DNS:example"
  int path_length = -1;                 // pathLenConstraint, when >= 0
  CalendarTime not_before = kTestNotBefore;
  CalendarTime not_after = kTestNotAfter;
  std::string digest = "SHA256";            // of the issuer's signature
  long version = 3;                         // below: without extensions
  bool key_identifiers = true;              // subject's and authority's
  const TestCertificate* key_of = nullptr;  // use this one's key pair
  // Further extensions: name or OID, value ("critical,DER:0500").
  std::vector<std::pair<std::string, std::string>> extensions = {};
};

struct CrlSpec {
  std::vector<const TestCertificate*> revoked = {};
  CalendarTime this_update = kTestNotBefore;
  CalendarTime next_update = kTestNotAfter;
};

// A certificate with its private key. Copies share both.
class TestCertificate {
 public:
  static TestCertificate SelfSigned(const CertificateSpec& spec);
  // A certificate that this one signs.
  TestCertificate Issue(const CertificateSpec& spec) const;
  // A revocation list that this one signs, in PEM.
  std::string CrlPem(const CrlSpec& spec) const;

  Bytes der() const;
  std::string pem() const;
  Bytes key_der() const;  // PKCS#8
  std::string key_pem() const;
  evp_pkey_st* key() const { return key_.get(); }
  x509_st* x509() const { return certificate_.get(); }

 private:
  TestCertificate(std::shared_ptr<x509_st> certificate,
                  std::shared_ptr<evp_pkey_st> key)
      : certificate_(std::move(certificate)), key_(std::move(key)) {}
  static TestCertificate Make(const CertificateSpec& spec,
                              const TestCertificate* issuer);

  std::shared_ptr<x509_st> certificate_;
  std::shared_ptr<evp_pkey_st> key_;
};

// What most handshake tests need: one root, one intermediate, and a server
// ("server.example", "*.wild.example", 192.0.2.1, 2001:db8::1) and a client
// ("client.example") that the intermediate signed.
struct TestPki {
  TestCertificate root;
  TestCertificate intermediate;
  TestCertificate server;
  TestCertificate client;

  // The chain that `end` sends: itself and the intermediate, in DER.
  std::vector<Bytes> ChainOf(const TestCertificate& end) const;
  std::string ChainPemOf(const TestCertificate& end) const;
};

// `kind` is the kind of the two end certificates' keys.
TestPki MakeTestPki(KeyKind kind = KeyKind::kEcdsaP256);

// The bytes of `text`, for functions that take a ByteView.
ByteView BytesOf(std::string_view text);

}  // namespace ktlsd::handshake
