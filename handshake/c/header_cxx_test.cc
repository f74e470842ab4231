// ktlsd.h from C++11, which is what header_cxx11.cc is compiled as, and from
// this project's own C++.
#include "gtest/gtest.h"
#include "handshake/c/ktlsd.h"

bool MakesAConfigFromCxx11();

namespace {

TEST(Header, LinksToCxx11) { EXPECT_TRUE(MakesAConfigFromCxx11()); }

TEST(Header, LinksToCxx20) {
  ktlsd_config* config = nullptr;
  EXPECT_EQ(ktlsd_config_new_server(&config), KTLSD_OK);
  ktlsd_config_free(config);
}

}  // namespace
