// storm_load: TLS clients of an NFS server, as many as wanted, cheaply.
//
//   storm_load [options] > RESULT.json
//
//   --port P           of the server on 127.0.0.1 (2049)
//   --clients N        sessions to be made (1)
//   --at-once C        so many at a time (1)
//   --certificate F    the clients' certificate, in PEM, and its key
//   --key F
//   --patience-ms T    with one session (15000)
//   --progress F       file in which the number of ended clients is kept
//
// Exit status 0 also when sessions failed: RESULT.json says so.
#include <arpa/inet.h>
#include <fcntl.h>
#include <getopt.h>
#include <sys/resource.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <charconv>
#include <cstdio>
#include <cstdlib>
#include <memory>
#include <optional>
#include <string>
#include <string_view>

#include "kernel-tests/load/crowd.h"

namespace ktlsd::load {
namespace {

struct Options {
  CrowdOptions crowd;
  uint16_t port = 2049;
  std::string certificate;
  std::string key;
  std::string progress;
};

struct FreeConfig {
  void operator()(ktlsd_config* config) const { ktlsd_config_free(config); }
};
using ConfigPtr = std::unique_ptr<ktlsd_config, FreeConfig>;

template <typename Number>
bool Parse(std::string_view text, Number& out) {
  const auto [end, error] =
      std::from_chars(text.data(), text.data() + text.size(), out);
  return error == std::errc() && end == text.data() + text.size() && out > 0;
}

bool Take(int option, std::string_view value, Options& options) {
  switch (option) {
    case 'p':
      return Parse(value, options.port);
    case 'n':
      return Parse(value, options.crowd.clients);
    case 'c':
      return Parse(value, options.crowd.at_once);
    case 't': {
      unsigned patience = 0;
      const bool good = Parse(value, patience);
      options.crowd.patience = std::chrono::milliseconds(patience);
      return good;
    }
    case 'C':
      options.certificate = value;
      return true;
    case 'k':
      options.key = value;
      return true;
    case 'P':
      options.progress = value;
      return true;
    default:
      return false;
  }
}

std::optional<Options> ParseOptions(int count, char** arguments) {
  constexpr std::array<option, 8> kLong = {{
      {"port", required_argument, nullptr, 'p'},
      {"clients", required_argument, nullptr, 'n'},
      {"at-once", required_argument, nullptr, 'c'},
      {"patience-ms", required_argument, nullptr, 't'},
      {"certificate", required_argument, nullptr, 'C'},
      {"key", required_argument, nullptr, 'k'},
      {"progress", required_argument, nullptr, 'P'},
      {nullptr, 0, nullptr, 0},
  }};
  Options options;
  int found = 0;
  while ((found = ::getopt_long(count, arguments, "", kLong.data(), nullptr)) !=
         -1) {
    if (!Take(found, optarg != nullptr ? optarg : "", options)) {
      return std::nullopt;
    }
  }
  return options;
}

// A client's, with its certificate if it has one; null when that is no good.
ConfigPtr MakeConfig(const Options& options) {
  ktlsd_config* made = nullptr;
  int code = ktlsd_config_new_client(&made);
  ConfigPtr config(made);
  if (code == KTLSD_OK) {
    code = ktlsd_config_set_verifier_external(made);
  }
  if (code == KTLSD_OK && !options.certificate.empty()) {
    code = ktlsd_config_set_certificate_files(made, options.certificate.c_str(),
                                              options.key.c_str());
  }
  if (code != KTLSD_OK) {
    std::fprintf(stderr, "storm_load: %s\n", ktlsd_code_name(code));
    return nullptr;
  }
  return config;
}

// Keeps a number in a file that others read.
class ProgressFile {
 public:
  explicit ProgressFile(const std::string& path)
      : file_(path.empty() ? -1
                           : ::open(path.c_str(),
                                    O_WRONLY | O_CREAT | O_CLOEXEC, 0644)) {}

  void Write(std::size_t ended) const {
    constexpr std::size_t kEvery = 100;
    if (file_.valid() && ended % kEvery == 0) {
      const std::string text = std::to_string(ended);
      // Nothing depends on it.
      [[maybe_unused]] const ssize_t written =
          ::pwrite(file_.raw(), text.data(), text.size(), 0);
    }
  }

 private:
  OwnedFd file_;
};

double Milliseconds(std::chrono::microseconds time) {
  return static_cast<double>(time.count()) / 1000;
}

// The time that `share` of the sessions kept to.
double Percentile(const CrowdResult& result, double share) {
  if (result.times.empty()) {
    return 0;
  }
  const auto last = static_cast<double>(result.times.size() - 1);
  return Milliseconds(result.times.at(static_cast<std::size_t>(last * share)));
}

double CpuMilliseconds() {
  rusage usage{};
  ::getrusage(RUSAGE_SELF, &usage);
  const auto of = [](const timeval& time) {
    return static_cast<double>(time.tv_sec) * 1000 +
           static_cast<double>(time.tv_usec) / 1000;
  };
  return of(usage.ru_utime) + of(usage.ru_stime);
}

// Every word in it is ours or libktlsd's: none needs to be escaped.
void Print(const Options& options, const CrowdResult& result) {
  std::printf("{\"clients\": %zu, \"at_once\": %zu, \"sessions\": %zu, ",
              options.crowd.clients, options.crowd.at_once, result.sessions);
  std::printf("\"wall_ms\": %.1f, \"load_cpu_ms\": %.1f, ",
              Milliseconds(result.wall), CpuMilliseconds());
  std::printf("\"p50_ms\": %.1f, \"p99_ms\": %.1f, \"failures\": {",
              Percentile(result, 0.5), Percentile(result, 0.99));
  const char* separator = "";
  for (const auto& [why, count] : result.failures) {
    std::printf("%s\"%s\": %zu", separator, why.c_str(), count);
    separator = ", ";
  }
  std::printf("}}\n");
}

int Main(int count, char** arguments) {
  const std::optional<Options> options = ParseOptions(count, arguments);
  if (!options.has_value()) {
    std::fprintf(stderr, "storm_load: bad option; main.cc has the list\n");
    return 2;
  }
  const ConfigPtr config = MakeConfig(*options);
  if (config == nullptr) {
    return 2;
  }
  sockaddr_in server{};
  server.sin_family = AF_INET;
  server.sin_port = htons(options->port);
  server.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  const ProgressFile progress(options->progress);
  Crowd crowd(config.get(), server, options->crowd,
              [&progress](std::size_t ended) { progress.Write(ended); });
  CrowdResult result = crowd.Run();
  std::ranges::sort(result.times);
  Print(*options, result);
  return 0;
}

}  // namespace
}  // namespace ktlsd::load

int main(int count, char** arguments) {
  return ktlsd::load::Main(count, arguments);
}
