#include "handshake/bogo/flags.h"

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "base/bytes.h"
#include "gtest/gtest.h"
#include "handshake/wire.h"

namespace ktlsd::handshake {
namespace {

using Arguments = std::vector<const char*>;

// Of the first connection, or of a later one.
std::optional<Flags> Parse(const Arguments& arguments, bool resumed = false) {
  std::string unknown;
  std::optional<Flags> flags = ParseFlags(arguments, resumed, unknown);
  EXPECT_EQ(flags.has_value(), unknown.empty());
  return flags;
}

// The flag that ParseFlags does not take.
std::string Refused(const Arguments& arguments) {
  std::string unknown;
  EXPECT_FALSE(ParseFlags(arguments, /*resumed=*/false, unknown));
  return unknown;
}

TEST(ParseFlags, StoresValuesOfEachKind) {
  const auto flags =
      Parse({"-port", "4433", "-server", "-resume-count", "2", "-cert-file",
             "a.pem", "-curves", "29", "-curves", "23", "-expect-curve-id",
             "24", "-expect-alpn", "", "-export-keying-material", "1024"});
  ASSERT_TRUE(flags);
  EXPECT_EQ(flags->port, 4433);
  EXPECT_TRUE(flags->server);
  EXPECT_EQ(flags->resume_count, 2U);
  EXPECT_EQ(flags->cert_file, "a.pem");
  EXPECT_EQ(flags->curves, (std::vector<uint16_t>{29, 23}));
  EXPECT_EQ(flags->expect_curve_id, 24);
  EXPECT_EQ(flags->expect_alpn, "");
  EXPECT_EQ(flags->export_keying_material, 1024U);
}

TEST(ParseFlags, HasTheDefaultsOfTheRunner) {
  const auto flags = Parse({});
  ASSERT_TRUE(flags);
  EXPECT_FALSE(flags->server);
  EXPECT_EQ(flags->read_size, 512);
  EXPECT_EQ(flags->max_version, kVersionTls13);
  EXPECT_FALSE(flags->expect_alpn);
  EXPECT_FALSE(flags->expect_hrr);
}

TEST(ParseFlags, KnowsWhatIsGrantedAndTakesItsValue) {
  const auto flags =
      Parse({"-no-tls12", "-min-version", "-port", "-port", "1"});
  ASSERT_TRUE(flags);
  EXPECT_EQ(flags->port, 1);
}

// A flag that is granted would never be stored.
TEST(ParseFlags, StoresWhatThisShimDoes) {
  const auto flags = Parse({"-no-ticket", "-enable-early-data"});
  ASSERT_TRUE(flags);
  EXPECT_TRUE(flags->no_ticket);
  EXPECT_TRUE(flags->enable_early_data);
}

TEST(ParseFlags, NamesAnUnknownFlag) {
  EXPECT_EQ(Refused({"-port", "1", "-false-start"}), "-false-start");
  EXPECT_EQ(Refused({"-on-resume-false-start"}), "-on-resume-false-start");
  EXPECT_EQ(Refused({"port"}), "port");
}

TEST(ParseFlags, NamesAFlagWithoutItsValue) {
  EXPECT_EQ(Refused({"-server", "-port"}), "-port");
  EXPECT_EQ(Refused({"-min-version"}), "-min-version");
}

TEST(ParseFlags, NamesAFlagWithABadNumber) {
  for (const char* value : {"", "x", "1x", "-1", "65536", " 1"}) {
    EXPECT_EQ(Refused({"-port", value}), "-port") << value;
    EXPECT_EQ(Refused({"-expect-cipher", value}), "-expect-cipher") << value;
    EXPECT_EQ(Refused({"-curves", value}), "-curves") << value;
  }
}

TEST(ParseFlags, TellsConnectionsApart) {
  const Arguments arguments = {"-on-initial-expect-alpn", "first",
                               "-on-resume-expect-alpn",  "later",
                               "-on-resume-verify-fail",  "-on-shim-server"};
  const auto first = Parse(arguments);
  const auto later = Parse(arguments, /*resumed=*/true);
  ASSERT_TRUE(first && later);
  EXPECT_EQ(first->expect_alpn, "first");
  EXPECT_EQ(later->expect_alpn, "later");
  EXPECT_FALSE(first->verify_fail);
  EXPECT_TRUE(later->verify_fail);
  EXPECT_TRUE(first->server && later->server);
}

TEST(ParseFlags, TakesBothExpectationsOfARetry) {
  EXPECT_EQ(Parse({"-expect-hrr"})->expect_hrr, true);
  EXPECT_EQ(Parse({"-expect-no-hrr"})->expect_hrr, false);
  EXPECT_FALSE(Parse({"-on-resume-expect-hrr"})->expect_hrr);
}

TEST(ParseFlags, DecodesBase64) {
  const auto response = [](const char* text) {
    return Parse({"-ocsp-response", text})->ocsp_response;
  };
  EXPECT_EQ(response("AQIDBA=="), (Bytes{1, 2, 3, 4}));
  EXPECT_EQ(response("AQIDBAU="), (Bytes{1, 2, 3, 4, 5}));
  EXPECT_EQ(response("AQID"), (Bytes{1, 2, 3}));
  EXPECT_EQ(response(""), Bytes());
  EXPECT_EQ(Refused({"-ocsp-response", "AQI"}), "-ocsp-response");
  EXPECT_EQ(Refused({"-ocsp-response", "AQ*="}), "-ocsp-response");
}

TEST(ParseFlags, DecodesAListOfNames) {
  const auto names = [](const char* text) {
    return Parse({"-use-client-ca-list", text})->client_authorities;
  };
  EXPECT_EQ(names("3000,31FF"), (std::vector<Bytes>{{0x30, 0}, {0x31, 0xff}}));
  EXPECT_EQ(names("<EMPTY>"), std::vector<Bytes>());
  for (const char* value : {"3", "300", "3x", "30;31", "<NULL>"}) {
    EXPECT_EQ(Refused({"-use-client-ca-list", value}), "-use-client-ca-list")
        << value;
  }
}

}  // namespace
}  // namespace ktlsd::handshake
