// What needs no ML-KEM of libcrypto; key_share_test.cc has the rest.
#include "handshake/crypto/ml_kem.h"

#include <array>

#include "base/bytes.h"
#include "base/error_codes.h"
#include "base/result.h"
#include "gtest/gtest.h"

namespace ktlsd::handshake {
namespace {

TEST(MlKem, RefusesEveryOtherLengthBeforeLibcryptoSeesIt) {
  std::array<uint8_t, kMlKemSecretSize> secret{};
  for (const MlKem& kem : {kMlKem768, kMlKem1024}) {
    for (const std::size_t size : {kem.key_size - 1, kem.key_size + 1}) {
      const Error error = Encapsulate(kem, Bytes(size), secret).error();
      EXPECT_EQ(error.code, Code::kIllegalParameter);
      EXPECT_EQ(error.what, "ML-KEM encapsulation key of wrong length");
    }
    for (const std::size_t size :
         {kem.ciphertext_size - 1, kem.ciphertext_size + 1}) {
      const Status status = Decapsulate(kem, nullptr, Bytes(size), secret);
      ASSERT_FALSE(status.ok());
      EXPECT_EQ(status.error().code, Code::kIllegalParameter);
    }
  }
}

}  // namespace
}  // namespace ktlsd::handshake
