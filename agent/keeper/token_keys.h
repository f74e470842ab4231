// Private keys that stay in their tokens: PKCS#11 modules and TPMs.
//
// Scope:     opens each by its URL once, as long as files, modules and sockets
//            are within reach; a key that could not be opened keeps the reason.
//            A provider of libcrypto does the work; on OpenSSL 3.0 without one,
//            the pkcs11 engine.
// Layer:     agent/keeper.
// Threads:   one.
// Privilege: whatever the token asks for: before the lock-down.
// Design:    docs/tokens.md
#pragma once

#include <functional>
#include <map>
#include <memory>
#include <string>
#include <string_view>

#include "agent/keeper/token_url.h"
#include "base/bytes.h"
#include "base/result.h"
#include "handshake/credential.h"
#include "handshake/crypto/key_home.h"

namespace ktlsd::agent {

class TokenKeys {
 public:
  TokenKeys();
  TokenKeys(const TokenKeys&) = delete;
  TokenKeys& operator=(const TokenKeys&) = delete;
  ~TokenKeys();

  // Logs in and finds the key. One attempt: a wrong PIN counts in the token.
  void Open(const std::string& url);

  // A credential of PEM `certificates` and the key that was opened by `url`.
  // Errors: kPrivateKeyUnusable why it could not be opened, that it was not
  //         opened, or that it is not the certificate's; kCertificateUnusable
  Result<handshake::Credential> Use(std::string_view url,
                                    ByteView certificates) const;

  std::size_t size() const { return keys_.size(); }

 private:
  class Libraries;
  struct FreeKey {
    void operator()(evp_pkey_st* key) const;
  };
  struct Key {
    std::unique_ptr<evp_pkey_st, FreeKey> key;
    handshake::KeyHome home;
  };

  Result<Key> Load(const std::string& url);

  std::unique_ptr<Libraries> libraries_;  // outlives the keys
  std::map<std::string, Result<Key>, std::less<>> keys_;
};

}  // namespace ktlsd::agent
