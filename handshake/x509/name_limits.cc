#include "handshake/x509/name_limits.h"

#include <openssl/x509v3.h>

#include <algorithm>
#include <memory>

namespace ktlsd::handshake {
namespace {

inline void FreeNames(GENERAL_NAMES* names) { GENERAL_NAMES_free(names); }
using NamesPtr = std::unique_ptr<GENERAL_NAMES, FnDeleter<FreeNames>>;
using ConstraintsPtr =
    std::unique_ptr<NAME_CONSTRAINTS, FnDeleter<NAME_CONSTRAINTS_free>>;

// The extension `nid`, or null.
template <typename Pointer>
Pointer Extension(const X509* certificate, int nid) {
  Pointer value(static_cast<typename Pointer::pointer>(
      X509_get_ext_d2i(certificate, nid, nullptr, nullptr)));
  ERR_clear_error();
  return value;
}

// libcrypto says -1 for a list that is not there.
std::size_t Count(int number) {
  return static_cast<std::size_t>(std::max(number, 0));
}

std::size_t NamesOf(const X509* certificate) {
  const auto names = Extension<NamesPtr>(certificate, NID_subject_alt_name);
  return Count(X509_NAME_entry_count(X509_get_subject_name(certificate))) +
         Count(sk_GENERAL_NAME_num(names.get()));
}

std::size_t ConstraintsOf(const X509* certificate) {
  const auto constraints =
      Extension<ConstraintsPtr>(certificate, NID_name_constraints);
  return constraints == nullptr
             ? 0
             : Count(sk_GENERAL_SUBTREE_num(constraints->permittedSubtrees)) +
                   Count(sk_GENERAL_SUBTREE_num(constraints->excludedSubtrees));
}

}  // namespace

Status CheckNameComparisons(std::span<const X509Ptr> chain) {
  std::size_t names = 0;
  std::size_t constraints = 0;
  for (const X509Ptr& certificate : chain) {
    names += NamesOf(certificate.get());
    constraints += ConstraintsOf(certificate.get());
  }
  if (constraints > 0 && names > kMaxNameComparisons / constraints) {
    return Error{Code::kCertificateChainTooLong,
                 "too many names under too many name constraints"};
  }
  return Ok{};
}

}  // namespace ktlsd::handshake
