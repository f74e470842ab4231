// libcrypto's reasons against a certificate path, as ours.
//
// Layer:     handshake/x509.
// Threads:   pure functions.
#pragma once

#include "base/result.h"

namespace ktlsd::handshake {

// The Error for `x509_v_err`, a X509_V_ERR_ number other than X509_V_OK; its
// text is libcrypto's. What is not listed is kCertificateInvalid.
Error VerifyError(int x509_v_err);

}  // namespace ktlsd::handshake
