#include <gtest/gtest.h>
#include <openssl/bio.h>
#include <openssl/pem.h>

#include <chrono>
#include <memory>
#include <string>

#include "handshake/peer_verifier.h"
#include "handshake/testing/peer_trial.h"
#include "handshake/testing/test_pki.h"
#include "handshake/x509/pem.h"

namespace ktlsd::handshake {
namespace {

// --- revocation ---

const std::string& RootCrl() {
  static const std::string crl = Pki().root.CrlPem({});
  return crl;
}

std::string WithCrls(const std::string& crls) {
  return Verdict(Trust(Pki().root.pem(), crls), Server(),
                 Prove(Pki().server, {&Pki().intermediate}));
}

TEST(PeerVerifier, AcceptsWhatNoListRevokes) {
  EXPECT_EQ(WithCrls(RootCrl() + Pki().intermediate.CrlPem({})), "ok");
  EXPECT_EQ(WithCrls(RootCrl() +
                     Pki().intermediate.CrlPem({.revoked = {&Pki().client}})),
            "ok");
}

TEST(PeerVerifier, RefusesWhatAListRevokes) {
  EXPECT_EQ(WithCrls(RootCrl() +
                     Pki().intermediate.CrlPem({.revoked = {&Pki().server}})),
            "certificate_revoked");
  const auto result =
      Trust(Pki().root.pem(),
            Pki().root.CrlPem({.revoked = {&Pki().intermediate}}) +
                Pki().intermediate.CrlPem({}))
          .Verify(Server(), Prove(Pki().server, {&Pki().intermediate}));
  EXPECT_EQ(Verdict(result), "certificate_revoked");
  EXPECT_EQ(DetailOf(result),
            "certificate revoked (depth 1, CN=Test Intermediate)");
}

TEST(PeerVerifier, RefusesWithoutAListForEveryIssuer) {
  EXPECT_EQ(WithCrls(RootCrl()), "crl_unavailable");
  EXPECT_EQ(WithCrls(Pki().intermediate.CrlPem({})), "crl_unavailable");
}

TEST(PeerVerifier, RefusesListsOfAnotherTime) {
  const auto hour = std::chrono::hours(1);
  const CrlSpec old = {.next_update = kTestNow - hour};
  const CrlSpec early = {.this_update = kTestNow + hour};

  EXPECT_EQ(WithCrls(RootCrl() + Pki().intermediate.CrlPem(old)),
            "crl_unavailable");
  EXPECT_EQ(WithCrls(Pki().root.CrlPem(old) + Pki().intermediate.CrlPem({})),
            "crl_unavailable");
  EXPECT_EQ(WithCrls(RootCrl() + Pki().intermediate.CrlPem(early)),
            "crl_unavailable");
}

TEST(PeerVerifier, RefusesListsThatTheIssuerDidNotSign) {
  const auto impostor =
      Pki().root.Issue({.common_name = "Test Intermediate", .authority = true});
  const auto without_identifier = impostor.CrlPem({});

  EXPECT_NE(WithCrls(RootCrl() + without_identifier), "ok");
}

// --- the store ---

Code StoreError(const std::string& anchors, const std::string& crls = "") {
  const auto store = TrustStore::FromPem(BytesOf(anchors), BytesOf(crls));
  return store.ok() ? Code::kInternal : store.error().code;
}

// `pem` with one byte of its contents changed.
std::string Damaged(std::string pem, std::size_t at) {
  pem[at] = pem[at] == 'A' ? 'B' : 'A';
  return pem;
}

// `pem`, whose one block is labelled `label`, with a byte behind its DER.
std::string WithTrailingByte(const std::string& pem, const char* label) {
  Bytes der = PemBlocks(BytesOf(pem), label, Code::kInternal).value().front();
  der.push_back(0);
  const std::unique_ptr<BIO, decltype(&BIO_free)> bio(BIO_new(BIO_s_mem()),
                                                      BIO_free);
  EXPECT_GT(PEM_write_bio(bio.get(), label, "", der.data(),
                          static_cast<long>(der.size())),
            0);
  char* data = nullptr;
  const long size = BIO_get_mem_data(bio.get(), &data);
  return {data, static_cast<std::size_t>(size)};
}

TEST(TrustStore, RefusesBytesBehindACertificateOrList) {
  const std::string good = Pki().root.pem();

  EXPECT_EQ(StoreError(WithTrailingByte(good, "CERTIFICATE")),
            Code::kTrustStoreUnusable);
  EXPECT_EQ(StoreError(good, WithTrailingByte(RootCrl(), "X509 CRL")),
            Code::kCrlUnusable);
}

TEST(TrustStore, FailsClosed) {
  const std::string good = Pki().root.pem();

  EXPECT_EQ(StoreError(""), Code::kTrustStoreUnusable);
  EXPECT_EQ(StoreError("nothing\n"), Code::kTrustStoreUnusable);
  EXPECT_EQ(StoreError(good + good.substr(0, good.size() / 2)),
            Code::kTrustStoreUnusable);
  EXPECT_EQ(StoreError(good + Damaged(good, 30)), Code::kTrustStoreUnusable);
  EXPECT_EQ(StoreError(good + Pki().root.key_pem()), Code::kTrustStoreUnusable);
  EXPECT_EQ(StoreError(good + RootCrl()), Code::kTrustStoreUnusable);
}

TEST(TrustStore, FailsClosedOnRevocationLists) {
  const std::string good = Pki().root.pem();

  EXPECT_EQ(StoreError(good, "nothing\n"), Code::kCrlUnusable);
  EXPECT_EQ(StoreError(good, good), Code::kCrlUnusable);
  EXPECT_EQ(StoreError(good, RootCrl() + RootCrl().substr(0, 100)),
            Code::kCrlUnusable);
  EXPECT_EQ(StoreError(good, Damaged(RootCrl(), 27)), Code::kCrlUnusable);
}

TEST(TrustStore, CountsItsAnchors) {
  EXPECT_EQ(Trust(Pki().root.pem() + Pki().intermediate.pem()).anchor_count(),
            2U);
}

}  // namespace
}  // namespace ktlsd::handshake
