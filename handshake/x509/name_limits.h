// A bound for the work that name constraints ask for.
//
// Scope:     each name of a certificate is compared with each name constraint
//            of its authorities. Both may stand in one Certificate message by
//            the thousand, so their product, not the message's size, says what
//            a peer costs us.
// Layer:     handshake/x509.
// Threads:   pure functions.
#pragma once

#include <cstddef>
#include <span>

#include "base/result.h"
#include "handshake/x509/handles.h"

namespace ktlsd::handshake {

// Below libcrypto's own limit, which is 2^20 for each pair of certificates.
// 100 constraints and 2600 names are within it.
inline constexpr std::size_t kMaxNameComparisons = 1U << 18;

// Multiplies all names of `chain` (entries of subjects, alternative names) by
// all its name constraints, whatever path they will be on. An extension that
// does not parse counts nothing: libcrypto refuses it. Constraints of anchors
// are our own and do not count.
// Errors: kCertificateChainTooLong above kMaxNameComparisons.
Status CheckNameComparisons(std::span<const X509Ptr> chain);

}  // namespace ktlsd::handshake
