#include "tools/benchmarks/libssl_end.h"

#include <openssl/ssl.h>

#include <chrono>
#include <memory>
#include <string>

#include "base/fn_deleter.h"

namespace ktlsd::benchmarks {
namespace {

using ContextPtr = std::unique_ptr<SSL_CTX, FnDeleter<SSL_CTX_free>>;
using SslPtr = std::unique_ptr<SSL, FnDeleter<SSL_free>>;
using SessionPtr = std::unique_ptr<SSL_SESSION, FnDeleter<SSL_SESSION_free>>;

constexpr uint8_t kAes128GcmSha256[] = {0x13, 0x01};
constexpr uint8_t kAes256GcmSha384[] = {0x13, 0x02};

void Check(long result) { Need(result > 0, "libssl refuses its set-up"); }

class LibsslEnd final : public End {
 public:
  LibsslEnd(SSL_CTX* context, Role role, bool check_name)
      : ssl_(SSL_new(context)),
        in_(BIO_new(BIO_s_mem())),
        out_(BIO_new(BIO_s_mem())) {
    Need(ssl_ && in_ != nullptr && out_ != nullptr, "libssl has no memory");
    SSL_set_bio(ssl_.get(), in_, out_);  // takes both
    if (role == Role::kServer) {
      SSL_set_accept_state(ssl_.get());
      return;
    }
    SSL_set_connect_state(ssl_.get());
    const std::string name(kServerName);
    Check(SSL_set_tlsext_host_name(ssl_.get(), name.c_str()));
    if (check_name) {
      Check(SSL_set1_host(ssl_.get(), name.c_str()));
    }
  }

  void Go(ByteView input, Bytes& output) override {
    if (!input.empty()) {
      Check(BIO_write(in_, input.data(), static_cast<int>(input.size())));
    }
    const int result = SSL_do_handshake(ssl_.get());
    Need(
        result == 1 || SSL_get_error(ssl_.get(), result) == SSL_ERROR_WANT_READ,
        "libssl ends the handshake");
    char* data = nullptr;
    const long size = BIO_get_mem_data(out_, &data);
    output.insert(output.end(), data, data + size);
    (void)BIO_reset(out_);
  }
  bool done() const override { return SSL_is_init_finished(ssl_.get()) == 1; }

 private:
  SslPtr ssl_;
  BIO* in_;   // the SSL's
  BIO* out_;  // the SSL's
};

// --- Pre-shared keys: there is one, of the case that its context belongs to
// ---

SessionPtr PskSession(SSL* ssl, const Case& wanted) {
  const uint8_t* suite = wanted.suite == CipherSuite::kAes256GcmSha384
                             ? kAes256GcmSha384
                             : kAes128GcmSha256;
  SessionPtr session(SSL_SESSION_new());
  Need(session != nullptr, "libssl has no memory");
  Check(SSL_SESSION_set1_master_key(session.get(), wanted.psk.data(),
                                    wanted.psk.size()));
  Check(SSL_SESSION_set_cipher(session.get(), SSL_CIPHER_find(ssl, suite)));
  Check(SSL_SESSION_set_protocol_version(session.get(), TLS1_3_VERSION));
  return session;
}

const Case& CaseOf(const SSL* ssl) {
  return *static_cast<const Case*>(SSL_CTX_get_app_data(SSL_get_SSL_CTX(ssl)));
}

int UsePsk(SSL* ssl, const EVP_MD*, const unsigned char** id, std::size_t* size,
           SSL_SESSION** session) {
  *id = reinterpret_cast<const unsigned char*>(kPskIdentity.data());
  *size = kPskIdentity.size();
  *session = PskSession(ssl, CaseOf(ssl)).release();
  return 1;
}

int FindPsk(SSL* ssl, const unsigned char*, std::size_t,
            SSL_SESSION** session) {
  *session = PskSession(ssl, CaseOf(ssl)).release();
  return 1;
}

// --- The context ---

const char* KeyName(EVP_PKEY* key) {
  if (EVP_PKEY_is_a(key, "RSA") == 1) {
    return "rsa_pss_rsae_sha256:rsa_pkcs1_sha256";
  }
  return EVP_PKEY_is_a(key, "ED25519") == 1 ? "ed25519"
                                            : "ecdsa_secp256r1_sha256";
}

void SetCertificates(SSL_CTX* context, const Case& wanted, Role role) {
  const Pki& pki = *wanted.pki;
  const bool server = role == Role::kServer;
  Check(SSL_CTX_set1_sigalgs_list(context, KeyName(pki.root.key())));
  if (server || wanted.mutual) {
    const auto& own = server ? pki.server : pki.client;
    Check(SSL_CTX_use_certificate(context, own.x509()));
    Check(SSL_CTX_use_PrivateKey(context, own.key()));
  }
  if (!server || wanted.mutual) {
    Check(
        X509_STORE_add_cert(SSL_CTX_get_cert_store(context), pki.root.x509()));
    X509_VERIFY_PARAM_set_time(
        SSL_CTX_get0_param(context),
        std::chrono::system_clock::to_time_t(handshake::kTestNow));
    SSL_CTX_set_verify(
        context, SSL_VERIFY_PEER | SSL_VERIFY_FAIL_IF_NO_PEER_CERT, nullptr);
  }
}

ContextPtr MakeContext(const Case& wanted, Role role) {
  ContextPtr context(SSL_CTX_new(TLS_method()));
  Check(SSL_CTX_set_min_proto_version(context.get(), TLS1_3_VERSION));
  Check(SSL_CTX_set_ciphersuites(
      context.get(), std::string(CipherSuiteName(wanted.suite)).c_str()));
  Check(SSL_CTX_set1_groups_list(
      context.get(), wanted.group == handshake::NamedGroup::kX25519MlKem768
                         ? "X25519MLKEM768"
                         : "X25519"));
  Check(SSL_CTX_set_num_tickets(context.get(), 0));
  SSL_CTX_set_session_cache_mode(context.get(), SSL_SESS_CACHE_OFF);
  SSL_CTX_set_mode(context.get(), SSL_MODE_NO_AUTO_CHAIN);
  SSL_CTX_set_app_data(context.get(), const_cast<Case*>(&wanted));
  if (wanted.pki) {
    SetCertificates(context.get(), wanted, role);
  } else if (role == Role::kClient) {
    SSL_CTX_set_psk_use_session_callback(context.get(), UsePsk);
  } else {
    SSL_CTX_set_psk_find_session_callback(context.get(), FindPsk);
  }
  return context;
}

}  // namespace

MakeEnd LibsslEnds(const Case& wanted, Role role) {
  const std::shared_ptr<SSL_CTX> context = MakeContext(wanted, role);
  return [context, role, check_name = wanted.pki.has_value()] {
    return std::make_unique<LibsslEnd>(context.get(), role, check_name);
  };
}

}  // namespace ktlsd::benchmarks
