#include "handshake/x509/path.h"

#include <openssl/x509v3.h>

#include <algorithm>
#include <chrono>
#include <ctime>
#include <optional>
#include <utility>
#include <vector>

#include "handshake/wire.h"
#include "handshake/x509/certificate.h"
#include "handshake/x509/verify_error.h"

namespace ktlsd::handshake {
namespace {

// libcrypto's level 2: at least 112 bits, so RSA and DH of 2048, elliptic
// curves of 224, digests from SHA-224 on. Its default depends on the build.
constexpr int kAuthLevel = 2;
// Authorities between the end entity and the anchor.
constexpr int kMaxIntermediates = static_cast<int>(kMaxChainLength) - 1;

void SetParameters(X509_VERIFY_PARAM* parameters, Revocation revocation,
                   CalendarTime now) {
  unsigned long flags = X509_V_FLAG_X509_STRICT | X509_V_FLAG_TRUSTED_FIRST;
  if (revocation == Revocation::kEveryIssuer) {
    flags |= X509_V_FLAG_CRL_CHECK | X509_V_FLAG_CRL_CHECK_ALL;
  }
  X509_VERIFY_PARAM_set_flags(parameters, flags);
  X509_VERIFY_PARAM_set_auth_level(parameters, kAuthLevel);
  X509_VERIFY_PARAM_set_depth(parameters, kMaxIntermediates);
  X509_VERIFY_PARAM_set_time(parameters,
                             std::chrono::system_clock::to_time_t(now));
  // Name constraints must not be held against a CN either.
  X509_VERIFY_PARAM_set_hostflags(parameters,
                                  X509_CHECK_FLAG_NEVER_CHECK_SUBJECT);
}

X509StackPtr Intermediates(std::span<const X509Ptr> chain) {
  X509StackPtr stack(sk_X509_new_null());
  for (const X509Ptr& certificate : chain.subspan(1)) {
    if (!stack || X509_add_cert(stack.get(), certificate.get(),
                                X509_ADD_FLAG_UP_REF) != 1) {
      return nullptr;
    }
  }
  return stack;
}

// Nothing is in it.
constexpr ValidityWindow kNever = {std::chrono::sys_seconds::max(),
                                   std::chrono::sys_seconds::min()};

std::optional<std::chrono::sys_seconds> SecondsOf(const ASN1_TIME* time) {
  std::tm parts{};
  if (ASN1_TIME_to_tm(time, &parts) != 1) {
    ERR_clear_error();
    return std::nullopt;
  }
  return std::chrono::sys_seconds(std::chrono::seconds(::timegm(&parts)));
}

// A CRL need not have an end; libcrypto then takes it for ever.
std::optional<ValidityWindow> WindowOf(const ASN1_TIME* begin,
                                       const ASN1_TIME* end) {
  const auto from = SecondsOf(begin);
  const auto until = end == nullptr ? ValidityWindow().until : SecondsOf(end);
  if (!from || !until) {
    return std::nullopt;
  }
  return ValidityWindow{*from, *until};
}

// Which of an issuer's CRLs libcrypto used cannot be asked, and one that
// becomes valid may say what the others did not: all of them count.
std::vector<std::optional<ValidityWindow>> WindowsOf(X509_STORE_CTX* context,
                                                     const STACK_OF(X509) *
                                                         path,
                                                     Revocation revocation) {
  std::vector<std::optional<ValidityWindow>> windows;
  windows.reserve(static_cast<std::size_t>(std::max(sk_X509_num(path), 0)));
  for (int i = 0; i < sk_X509_num(path); ++i) {
    const X509* const certificate = sk_X509_value(path, i);
    windows.push_back(WindowOf(X509_get0_notBefore(certificate),
                               X509_get0_notAfter(certificate)));
    if (revocation == Revocation::kNotChecked) {
      continue;  // there are none, and libcrypto would search for them
    }
    const CrlStackPtr crls(
        X509_STORE_CTX_get1_crls(context, X509_get_issuer_name(certificate)));
    for (int j = 0; j < sk_X509_CRL_num(crls.get()); ++j) {
      const X509_CRL* const crl = sk_X509_CRL_value(crls.get(), j);
      windows.push_back(WindowOf(X509_CRL_get0_lastUpdate(crl),
                                 X509_CRL_get0_nextUpdate(crl)));
    }
  }
  ERR_clear_error();
  return windows;
}

ValidityWindow WindowAround(
    CalendarTime now, std::span<const std::optional<ValidityWindow>> windows) {
  ValidityWindow around;
  for (const auto& window : windows) {
    if (!window) {
      return kNever;
    }
    around.Cut(*window, now);
  }
  return around;
}

PathRefusal Refused(X509_STORE_CTX* context) {
  const int error = X509_STORE_CTX_get_error(context);
  std::string where =
      "depth " + std::to_string(X509_STORE_CTX_get_error_depth(context));
  if (const X509* const at = X509_STORE_CTX_get_current_cert(context)) {
    where += ", " + SubjectText(at);
  }
  where.resize(std::min(where.size(), kMaxCertificateText));
  if (error == X509_V_OK) {
    return {CryptoError("libcrypto refused a path without a reason"), where};
  }
  return {VerifyError(error), where};
}

}  // namespace

std::variant<Path, PathRefusal> BuildPath(X509_STORE* anchors,
                                          Revocation revocation,
                                          std::span<const X509Ptr> chain,
                                          CalendarTime now) {
  const X509StoreContextPtr context(X509_STORE_CTX_new());
  const X509StackPtr intermediates = Intermediates(chain);
  if (!context || !intermediates ||
      X509_STORE_CTX_init(context.get(), anchors, chain.front().get(),
                          intermediates.get()) != 1) {
    ERR_clear_error();
    return PathRefusal{{Code::kNoMemory, "out of memory for a path"}, ""};
  }
  SetParameters(X509_STORE_CTX_get0_param(context.get()), revocation, now);
  const int verdict = X509_verify_cert(context.get());
  ERR_clear_error();
  if (verdict != 1 || X509_STORE_CTX_get_error(context.get()) != X509_V_OK) {
    return Refused(context.get());
  }
  X509StackPtr path(X509_STORE_CTX_get1_chain(context.get()));
  if (!path || sk_X509_num(path.get()) < 1) {
    return PathRefusal{{Code::kNoMemory, "out of memory for a path"}, ""};
  }
  const ValidityWindow window =
      WindowAround(now, WindowsOf(context.get(), path.get(), revocation));
  return Path{std::move(path), window};
}

}  // namespace ktlsd::handshake
