// The subcommands, from their arguments to their exit code and text.
#include "tools/ktlsctl/local/local_commands.h"

#include <gtest/gtest.h>

#include <fstream>
#include <string>
#include <vector>

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

}  // namespace
}  // namespace ktlsd::ktlsctl
