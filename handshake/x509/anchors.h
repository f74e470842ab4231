// Trust anchors and revocation lists, parsed once.
//
// Layer:     handshake/x509.
// Threads:   immutable once made.
#pragma once

#include <cstddef>
#include <utility>

#include "base/bytes.h"
#include "base/result.h"
#include "handshake/x509/handles.h"
#include "handshake/x509/path.h"

namespace ktlsd::handshake {

class Anchors {
 public:
  // As handshake::TrustStore::FromPem.
  static Result<Anchors> FromPem(ByteView anchors_pem, ByteView crls_pem);

  X509_STORE* store() const { return store_.get(); }
  std::size_t count() const { return count_; }
  Revocation revocation() const { return revocation_; }

 private:
  Anchors(X509StorePtr store, std::size_t count, Revocation revocation)
      : store_(std::move(store)), count_(count), revocation_(revocation) {}

  X509StorePtr store_;
  std::size_t count_;
  Revocation revocation_;
};

}  // namespace ktlsd::handshake
