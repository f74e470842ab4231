// Writes the inputs that the fuzz targets start from into a checkout:
//
//   bazel run //handshake/testing:fuzz_corpus_main -- $PWD
//
// To be run after a change of what our ends send: fuzzing then starts from
// handshakes that still go through. Inputs named otherwise than ours_* stay.

#include <cstdio>
#include <filesystem>
#include <fstream>

#include "handshake/testing/fuzz_corpus.h"

int main(int argc, char** argv) {
  if (argc != 2) {
    std::fprintf(stderr, "usage: fuzz_corpus_main CHECKOUT\n");
    return 2;
  }
  std::size_t count = 0;
  for (const auto& [path, input] : ktlsd::handshake::MakeFuzzCorpus()) {
    const std::filesystem::path file = std::filesystem::path(argv[1]) / path;
    std::filesystem::create_directories(file.parent_path());
    std::ofstream out(file, std::ios::binary);
    out.write(reinterpret_cast<const char*>(input.data()),
              static_cast<std::streamsize>(input.size()));
    if (!out.flush()) {
      std::fprintf(stderr, "cannot write %s\n", file.c_str());
      return 1;
    }
    ++count;
  }
  std::printf("%zu inputs\n", count);
  return 0;
}
