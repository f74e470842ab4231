// Prints the versions of the libraries that the benchmarks run with.
#include <gnutls/gnutls.h>
#include <openssl/crypto.h>

#include <iostream>

int main() {
  std::cout << OpenSSL_version(OPENSSL_VERSION) << "; GnuTLS "
            << gnutls_check_version(nullptr) << '\n';
  return 0;
}
