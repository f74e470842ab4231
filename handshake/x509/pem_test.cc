#include "handshake/x509/pem.h"

#include <gtest/gtest.h>

#include <string>

#include "handshake/testing/test_pki.h"

namespace ktlsd::handshake {
namespace {

constexpr Code kUnusable = Code::kTrustStoreUnusable;

Result<std::vector<Bytes>> Strict(const std::string& text) {
  return PemBlocks(BytesOf(text), "CERTIFICATE", kUnusable);
}

class PemTest : public testing::Test {
 protected:
  static void SetUpTestSuite() {
    a_ = new TestCertificate(TestCertificate::SelfSigned({}));
    b_ = new TestCertificate(TestCertificate::SelfSigned({}));
  }
  static const TestCertificate* a_;
  static const TestCertificate* b_;
};
const TestCertificate* PemTest::a_ = nullptr;
const TestCertificate* PemTest::b_ = nullptr;

TEST_F(PemTest, ReadsAllBlocksAndSkipsText) {
  const auto blocks =
      Strict("# comment\n" + a_->pem() + "\nsubject=b\n" + b_->pem() + "end\n");

  ASSERT_TRUE(blocks.ok());
  ASSERT_EQ(blocks->size(), 2U);
  EXPECT_EQ((*blocks)[0], a_->der());
  EXPECT_EQ((*blocks)[1], b_->der());
}

TEST_F(PemTest, RefusesNothing) {
  EXPECT_FALSE(Strict("").ok());
  EXPECT_FALSE(Strict("no certificate here\n").ok());
}

TEST_F(PemTest, RefusesAFileThatIsCutOff) {
  const std::string both = a_->pem() + b_->pem();

  for (std::size_t size = a_->pem().size() + 12; size + 2 < both.size();
       size += 7) {
    const auto blocks = Strict(both.substr(0, size));
    ASSERT_FALSE(blocks.ok()) << size;
    EXPECT_EQ(blocks.error().code, kUnusable);
  }
}

TEST_F(PemTest, RefusesADamagedBlockBetweenGoodOnes) {
  std::string damaged = b_->pem();
  damaged[40] = '!';
  std::string misspelt = b_->pem();
  misspelt.erase(misspelt.find('\n') - 1, 1);

  EXPECT_FALSE(Strict(a_->pem() + damaged + a_->pem()).ok());
  EXPECT_FALSE(Strict(a_->pem() + misspelt + a_->pem()).ok());
}

TEST_F(PemTest, RefusesOtherKindsOfBlocks) {
  EXPECT_FALSE(Strict(a_->pem() + a_->key_pem()).ok());
  EXPECT_FALSE(Strict(a_->pem() + a_->CrlPem({})).ok());
}

TEST_F(PemTest, SkipsOtherKindsOnlyWhenAskedTo) {
  const std::string text = a_->key_pem() + a_->pem();

  const auto blocks =
      PemBlocksAmongOthers(BytesOf(text), "CERTIFICATE", kUnusable);

  ASSERT_TRUE(blocks.ok());
  EXPECT_EQ(blocks->size(), 1U);
  EXPECT_FALSE(
      PemBlocksAmongOthers(BytesOf(a_->key_pem()), "CERTIFICATE", kUnusable)
          .ok());
}

}  // namespace
}  // namespace ktlsd::handshake
