// The subcommands, from their arguments to their exit code and text.
#include "tools/ktlsctl/local/local_commands.h"

#include <gtest/gtest.h>

#include <fstream>
#include <string>
#include <vector>

#include "handshake/testing/test_pki.h"

namespace ktlsd::ktlsctl {
namespace {

using ::testing::TempDir;

class LocalCommandsTest : public ::testing::Test {
 protected:
  std::string Write(const std::string& name, const std::string& text) {
    const std::string path = TempDir() + "/commands_" + name;
    std::ofstream(path) << text;
    return path;
  }
  Exit Run(std::vector<const char*> arguments) {
    arguments.insert(arguments.begin(), "ktlsctl");
    CommandLine line;
    AddLocalCommands(line);
    ::testing::internal::CaptureStdout();
    ::testing::internal::CaptureStderr();
    const Exit exit =
        line.Run(static_cast<int>(arguments.size()), arguments.data());
    output_ = ::testing::internal::GetCapturedStdout();
    complaint_ = ::testing::internal::GetCapturedStderr();
    return exit;
  }
  bool Says(const std::string& words) const {
    return output_.find(words) != std::string::npos;
  }

  std::string output_;
  std::string complaint_;
};

TEST_F(LocalCommandsTest, CheckSaysWhatIsWrongAndWithWhichFile) {
  const std::string config =
      Write("config", "[authenticate.client]\nx509.truststore=/no/such/file\n");
  EXPECT_EQ(Run({"check", "--config", config.c_str()}), Exit::kNegative);
  EXPECT_TRUE(Says("error    /no/such/file: No such file")) << output_;
  EXPECT_TRUE(Says(" error")) << output_;
}

TEST_F(LocalCommandsTest, CheckForeseesForAConsumer) {
  const std::string config = Write("config", "");
  EXPECT_EQ(Run({"check", "-c", config.c_str(), "--consumer", "nfsd"}),
            Exit::kNegative);
  EXPECT_TRUE(Says("error    nfsd: [authenticate.server] would be refused"))
      << output_;
}

TEST_F(LocalCommandsTest, CheckRefusesQuestionsThatAreNone) {
  const std::string config = Write("config", "");
  EXPECT_EQ(Run({"check", "-c", config.c_str(), "--consumer", "smb"}),
            Exit::kMisuse);
  EXPECT_EQ(Run({"check", "-c", config.c_str(), "--consumer", "nfs-client"}),
            Exit::kMisuse);
  EXPECT_EQ(Run({"check", "-c", config.c_str(), "--peer", "a"}), Exit::kMisuse);
  EXPECT_EQ(output_, "");
}

TEST_F(LocalCommandsTest, VerifyJudgesAChain) {
  const handshake::TestPki pki = handshake::MakeTestPki();
  const std::string chain = Write("chain", pki.ChainPemOf(pki.server));
  const std::string trust = Write("trust", pki.root.pem());
  std::vector<const char*> arguments = {
      "verify", "--chain", chain.c_str(), "--trust", trust.c_str(),   "--role",
      "server", "--time",  "2026-06-01",  "--name",  "server.example"};
  EXPECT_EQ(Run(arguments), Exit::kFine);
  EXPECT_TRUE(Says("accepted: CN=Test Server")) << output_;
  std::vector<const char*> for_rpc(arguments);
  for_rpc.insert(for_rpc.end(), {"--eku", "rpc"});
  EXPECT_EQ(Run(for_rpc), Exit::kNegative);
  EXPECT_TRUE(Says("(certificate_wrong_purpose, fault: peer)")) << output_;
  arguments.back() = "other.example";
  EXPECT_EQ(Run(arguments), Exit::kNegative);
  EXPECT_TRUE(Says("(certificate_name_mismatch, fault: peer)")) << output_;
  EXPECT_TRUE(Says("  do:   mount by a name")) << output_;
}

TEST_F(LocalCommandsTest, VerifyRefusesWhatIsNoQuestion) {
  EXPECT_EQ(Run({"verify", "--chain", "a", "--trust", "b"}), Exit::kMisuse);
  EXPECT_EQ(Run({"verify", "--chain", "a", "--trust", "b", "--role", "x"}),
            Exit::kMisuse);
  EXPECT_EQ(Run({"verify", "--chain", "a", "--trust", "b", "--role", "client",
                 "--time", "noon"}),
            Exit::kMisuse);
  EXPECT_EQ(Run({"verify", "--chain", "a", "--trust", "b", "--role", "server",
                 "--name", "a b"}),
            Exit::kMisuse);
  EXPECT_EQ(Run({"verify", "--chain", "a", "--trust", "b", "--role", "server",
                 "--eku", "tls"}),
            Exit::kMisuse);
}

TEST_F(LocalCommandsTest, HandshakeSaysWhyThereIsNone) {
  const std::string trust = Write("trust", handshake::MakeTestPki().root.pem());
  const std::string config =
      Write("config", "[authenticate.client]\nx509.truststore=" + trust + "\n");
  // Nobody can listen on port 0.
  EXPECT_EQ(Run({"handshake", "127.0.0.1:0", "-c", config.c_str()}),
            Exit::kNegative);
  EXPECT_TRUE(Says("no connection: ")) << output_;
  EXPECT_EQ(Run({"handshake", "[::1]:1", "-c", "/no/such/file"}),
            Exit::kNegative);
  EXPECT_TRUE(Says("failed: /no/such/file: No such file")) << output_;
}

TEST_F(LocalCommandsTest, HandshakeRefusesWhatIsNoQuestion) {
  for (const char* const server : {"host", ":1", "host:", "2001:db8::1:2049"}) {
    EXPECT_EQ(Run({"handshake", server}), Exit::kMisuse) << server;
  }
  EXPECT_EQ(Run({"handshake", "a:1", "--consumer", "nfsd"}), Exit::kMisuse);
  EXPECT_EQ(Run({"handshake", "a:1", "--psk-file", "f"}), Exit::kMisuse);
  EXPECT_EQ(Run({"handshake", "a:1", "--psk-file", "f", "--psk-identity", "i"}),
            Exit::kMisuse);
  EXPECT_EQ(Run({"handshake", "a:1", "--timeout", "0"}), Exit::kMisuse);
}

}  // namespace
}  // namespace ktlsd::ktlsctl
