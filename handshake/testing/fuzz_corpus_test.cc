// The corpora in the tree are those that the generator makes.

#include "handshake/testing/fuzz_corpus.h"

#include <filesystem>
#include <set>
#include <string>

#include "gmock/gmock.h"
#include "gtest/gtest.h"

namespace ktlsd::handshake {
namespace {

std::set<std::string> NamesInTheTree() {
  std::set<std::string> names;
  for (const char* folder :
       {"handshake/testdata", "handshake/codec/testdata"}) {
    for (const auto& entry :
         std::filesystem::recursive_directory_iterator(folder)) {
      if (entry.path().filename().string().starts_with("ours_")) {
        names.insert(entry.path().string());
      }
    }
  }
  return names;
}

TEST(FuzzCorpus, IsInTheTree) {
  std::set<std::string> made;
  for (const auto& [path, input] : MakeFuzzCorpus()) {
    made.insert(path);
  }
  EXPECT_THAT(NamesInTheTree(), testing::ContainerEq(made))
      << "run bazel run //handshake/testing:fuzz_corpus_main -- $PWD";
}

TEST(FuzzCorpus, IsTheSameEachTime) {
  EXPECT_EQ(MakeFuzzCorpus(), MakeFuzzCorpus());
}

}  // namespace
}  // namespace ktlsd::handshake
