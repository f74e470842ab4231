#include "tools/benchmarks/gnutls_end.h"

#include <gnutls/gnutls.h>
#include <gnutls/x509.h>

#include <algorithm>
#include <cerrno>
#include <chrono>
#include <memory>
#include <string>
#include <utility>

#include "base/fn_deleter.h"

namespace ktlsd::benchmarks {
namespace {

using CredentialsPtr =
    std::unique_ptr<gnutls_certificate_credentials_st,
                    FnDeleter<gnutls_certificate_free_credentials>>;
using PskClientPtr =
    std::unique_ptr<gnutls_psk_client_credentials_st,
                    FnDeleter<gnutls_psk_free_client_credentials>>;
using PskServerPtr =
    std::unique_ptr<gnutls_psk_server_credentials_st,
                    FnDeleter<gnutls_psk_free_server_credentials>>;
using SessionPtr =
    std::unique_ptr<gnutls_session_int, FnDeleter<gnutls_deinit>>;

void Check(int result) {
  if (result < 0) {
    Fail(std::string("GnuTLS: ") + gnutls_strerror(result));
  }
}

gnutls_datum_t Datum(const std::string& text) {
  return {reinterpret_cast<unsigned char*>(const_cast<char*>(text.data())),
          static_cast<unsigned>(text.size())};
}

// What all ends of one side share.
struct Side {
  const Case& wanted;
  Role role;
  gnutls_priority_t priorities = nullptr;
  std::string trust, certificate, key;  // PEM, as in files

  Side(const Case& one, Role which) : wanted(one), role(which) {}
  ~Side() { gnutls_priority_deinit(priorities); }
  Side(const Side&) = delete;
  Side& operator=(const Side&) = delete;
};

time_t TestTime(time_t* out) {
  const auto now = std::chrono::system_clock::to_time_t(handshake::kTestNow);
  if (out != nullptr) {
    *out = now;
  }
  return now;
}

int VerifyPeer(gnutls_session_t session) {
  const bool client = gnutls_session_get_ptr(session) != nullptr;
  const std::string name(kServerName);
  unsigned status = 0;
  Check(gnutls_certificate_verify_peers3(
      session, client ? name.c_str() : nullptr, &status));
  return status == 0 ? 0 : GNUTLS_E_CERTIFICATE_ERROR;
}

class GnutlsEnd final : public End {
 public:
  explicit GnutlsEnd(const Side& side) : side_(side) {
    gnutls_session_t session = nullptr;
    Check(gnutls_init(
        &session, (side.role == Role::kClient ? GNUTLS_CLIENT : GNUTLS_SERVER) |
                      GNUTLS_NONBLOCK | GNUTLS_NO_TICKETS));
    session_.reset(session);
    gnutls_session_set_ptr(session,
                           side.role == Role::kClient ? this : nullptr);
    gnutls_transport_set_ptr(session, this);
    gnutls_transport_set_pull_function(session, Pull);
    gnutls_transport_set_push_function(session, Push);
    gnutls_handshake_set_timeout(session, 0);
    Check(gnutls_priority_set(session, side.priorities));
    if (side.wanted.pki) {
      SetCertificates();
    } else {
      SetPsk();
    }
  }

  void Go(ByteView input, Bytes& output) override {
    input_ = input;
    output_ = &output;
    const int result = gnutls_handshake(session_.get());
    if (result != GNUTLS_E_AGAIN) {
      Check(result);
      done_ = true;
    }
  }
  bool done() const override { return done_; }

 private:
  static ssize_t Pull(gnutls_transport_ptr_t self, void* data,
                      std::size_t size) {
    auto& end = *static_cast<GnutlsEnd*>(self);
    if (end.input_.empty()) {
      gnutls_transport_set_errno(end.session_.get(), EAGAIN);
      return -1;
    }
    const std::size_t count = std::min(size, end.input_.size());
    std::copy_n(end.input_.begin(), count, static_cast<uint8_t*>(data));
    end.input_ = end.input_.subspan(count);
    return static_cast<ssize_t>(count);
  }
  static ssize_t Push(gnutls_transport_ptr_t self, const void* data,
                      std::size_t size) {
    auto& end = *static_cast<GnutlsEnd*>(self);
    const auto* bytes = static_cast<const uint8_t*>(data);
    end.output_->insert(end.output_->end(), bytes, bytes + size);
    return static_cast<ssize_t>(size);
  }

  void SetCertificates();
  void SetPsk();

  const Side& side_;
  CredentialsPtr credentials_;
  PskClientPtr psk_client_;
  PskServerPtr psk_server_;
  SessionPtr session_;
  ByteView input_;
  Bytes* output_ = nullptr;
  bool done_ = false;
};

void GnutlsEnd::SetCertificates() {
  gnutls_certificate_credentials_t credentials = nullptr;
  Check(gnutls_certificate_allocate_credentials(&credentials));
  credentials_.reset(credentials);
  const gnutls_datum_t trust = Datum(side_.trust);
  Check(gnutls_certificate_set_x509_trust_mem(credentials, &trust,
                                              GNUTLS_X509_FMT_PEM));
  const bool server = side_.role == Role::kServer;
  if (server || side_.wanted.mutual) {
    const gnutls_datum_t certificate = Datum(side_.certificate);
    const gnutls_datum_t key = Datum(side_.key);
    Check(gnutls_certificate_set_x509_key_mem2(
        credentials, &certificate, &key, GNUTLS_X509_FMT_PEM, nullptr, 0));
  }
  if (!server || side_.wanted.mutual) {
    gnutls_certificate_set_verify_function(credentials, VerifyPeer);
  }
  gnutls_session_t session = session_.get();
  if (server) {
    gnutls_certificate_server_set_request(session, side_.wanted.mutual
                                                       ? GNUTLS_CERT_REQUIRE
                                                       : GNUTLS_CERT_IGNORE);
  } else {
    Check(gnutls_server_name_set(session, GNUTLS_NAME_DNS, kServerName.data(),
                                 kServerName.size()));
  }
  Check(gnutls_credentials_set(session, GNUTLS_CRD_CERTIFICATE, credentials));
}

const Case* psk_case = nullptr;  // of the benchmark that runs

int GivePsk(gnutls_session_t, const char*, gnutls_datum_t* key) {
  const Bytes& psk = psk_case->psk;
  key->data = static_cast<unsigned char*>(gnutls_malloc(psk.size()));
  key->size = static_cast<unsigned>(psk.size());
  std::copy(psk.begin(), psk.end(), key->data);
  return 0;
}

void GnutlsEnd::SetPsk() {
  const std::string name(kPskIdentity);
  if (side_.role == Role::kServer) {
    psk_case = &side_.wanted;
    gnutls_psk_server_credentials_t credentials = nullptr;
    Check(gnutls_psk_allocate_server_credentials(&credentials));
    psk_server_.reset(credentials);
    gnutls_psk_set_server_credentials_function(credentials, GivePsk);
    Check(gnutls_credentials_set(session_.get(), GNUTLS_CRD_PSK, credentials));
    return;
  }
  gnutls_psk_client_credentials_t credentials = nullptr;
  Check(gnutls_psk_allocate_client_credentials(&credentials));
  psk_client_.reset(credentials);
  const Bytes& psk = side_.wanted.psk;
  const gnutls_datum_t key = {const_cast<unsigned char*>(psk.data()),
                              static_cast<unsigned>(psk.size())};
  Check(gnutls_psk_set_client_credentials(credentials, name.c_str(), &key,
                                          GNUTLS_PSK_KEY_RAW));
  Check(gnutls_credentials_set(session_.get(), GNUTLS_CRD_PSK, credentials));
}

std::string Priorities(const Case& wanted) {
  std::string text =
      "SECURE256:+SECURE128:-VERS-ALL:+VERS-TLS1.3:-GROUP-ALL:+GROUP-X25519:"
      "-CIPHER-ALL:+";
  text += wanted.suite == CipherSuite::kAes256GcmSha384 ? "AES-256-GCM"
                                                        : "AES-128-GCM";
  return wanted.pki ? text : text + ":+DHE-PSK:+ECDHE-PSK:+PSK";
}

}  // namespace

MakeEnd GnutlsEnds(const Case& wanted, Role role) {
  // X25519MLKEM768 is not in Debian's builds; 3.7 and 3.8.9 take external PSKs
  // of SHA-256 only.
  const bool sha384_psk =
      !wanted.pki && HashOf(wanted.suite) == HashAlgorithm::kSha384;
  if (wanted.group != handshake::NamedGroup::kX25519 || sha384_psk) {
    return nullptr;
  }
  gnutls_global_set_time_function(TestTime);
  auto side = std::make_shared<Side>(wanted, role);
  Check(gnutls_priority_init(&side->priorities, Priorities(wanted).c_str(),
                             nullptr));
  if (wanted.pki) {
    const auto& own =
        role == Role::kServer ? wanted.pki->server : wanted.pki->client;
    side->trust = wanted.pki->root.pem();
    side->certificate = own.pem();
    side->key = own.key_pem();
  }
  return [side] { return std::make_unique<GnutlsEnd>(*side); };
}

}  // namespace ktlsd::benchmarks
