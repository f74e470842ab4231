#include "agent/config/config.h"

#include <glib.h>
#include <unistd.h>

#include <array>
#include <memory>
#include <utility>

#include "agent/config/files.h"
#include "base/fn_deleter.h"

namespace ktlsd::agent {
namespace {

constexpr char kDebug[] = "debug";
constexpr char kAuthenticate[] = "authenticate";
constexpr char kClient[] = "authenticate.client";
constexpr char kServer[] = "authenticate.server";

using KeyFile = std::unique_ptr<GKeyFile, FnDeleter<::g_key_file_free>>;
using GString = std::unique_ptr<gchar, FnDeleter<::g_free>>;
using GStrings = std::unique_ptr<gchar*, FnDeleter<::g_strfreev>>;

// A GError to be filled in.
class GlibError {
 public:
  ~GlibError() { ::g_clear_error(&error_); }
  GlibError() = default;
  GlibError(const GlibError&) = delete;
  GlibError& operator=(const GlibError&) = delete;
  GError** out() { return &error_; }
  bool set() const { return error_ != nullptr; }
  bool absent() const {
    return ::g_error_matches(error_, G_KEY_FILE_ERROR,
                             G_KEY_FILE_ERROR_KEY_NOT_FOUND) ||
           ::g_error_matches(error_, G_KEY_FILE_ERROR,
                             G_KEY_FILE_ERROR_GROUP_NOT_FOUND);
  }
  std::string words() const { return error_ == nullptr ? "" : error_->message; }

 private:
  GError* error_ = nullptr;
};

// Reads keys, and keeps the first thing that was wrong.
class Reader {
 public:
  explicit Reader(GKeyFile* file) : file_(file) {}

  void Read(const char* group, const char* key, int& into) {
    GlibError error;
    const int value = ::g_key_file_get_integer(file_, group, key, error.out());
    if (!error.set()) {
      into = value;
    }
    Note(error);
  }

  void Read(const char* group, const char* key,
            std::optional<std::string>& into) {
    GlibError error;
    const GString value(
        ::g_key_file_get_string(file_, group, key, error.out()));
    if (value != nullptr) {
      into = value.get();
    }
    Note(error);
  }

  void Read(const char* group, const char* key,
            std::vector<std::string>& into) {
    GlibError error;
    gsize count = 0;
    const GStrings values(
        ::g_key_file_get_string_list(file_, group, key, &count, error.out()));
    for (gsize i = 0; i < count; ++i) {
      into.emplace_back(values.get()[i]);
    }
    Note(error);
  }

  void Read(const char* group, const char* key, HashAlgorithm& into) {
    std::optional<std::string> name;
    Read(group, key, name);
    if (!name.has_value() || *name == "sha256") {
      into = HashAlgorithm::kSha256;
    } else if (*name == "sha384") {
      into = HashAlgorithm::kSha384;
    } else if (trouble_.empty()) {
      trouble_ = "[" + std::string(group) + "] " + key +
                 " is neither sha256 nor sha384";
    }
  }

  void Read(const char* group, SideConfig& side) {
    Read(group, "x509.truststore", side.truststore);
    Read(group, "x509.crl", side.crl);
    Read(group, "x509.certificate", side.certificate);
    Read(group, "x509.private_key", side.private_key);
  }

  const std::string& trouble() const { return trouble_; }

 private:
  void Note(const GlibError& error) {
    if (error.set() && !error.absent() && trouble_.empty()) {
      trouble_ = error.words();
    }
  }

  GKeyFile* file_;
  std::string trouble_;
};

constexpr std::array kKnown = {
    std::pair{kDebug, "loglevel"},
    std::pair{kDebug, "tls"},
    std::pair{kDebug, "nl"},
    std::pair{kAuthenticate, "keyrings"},
    std::pair{kAuthenticate, "psk.hash"},
};
constexpr std::array kKnownOfSides = {
    "x509.truststore",
    "x509.crl",
    "x509.certificate",
    "x509.private_key",
};

bool IsKnown(std::string_view group, std::string_view key) {
  if (group == kClient || group == kServer) {
    for (const std::string_view known : kKnownOfSides) {
      if (key == known) {
        return true;
      }
    }
  }
  for (const auto& [known_group, known_key] : kKnown) {
    if (group == known_group && key == known_key) {
      return true;
    }
  }
  return false;
}

std::vector<std::string> UnknownKeys(GKeyFile* file) {
  std::vector<std::string> unknown;
  gsize group_count = 0;
  const GStrings groups(::g_key_file_get_groups(file, &group_count));
  for (gsize g = 0; g < group_count; ++g) {
    const char* group = groups.get()[g];
    gsize key_count = 0;
    const GStrings keys(
        ::g_key_file_get_keys(file, group, &key_count, nullptr));
    for (gsize k = 0; k < key_count; ++k) {
      if (!IsKnown(group, keys.get()[k])) {
        unknown.push_back("[" + std::string(group) + "] " + keys.get()[k]);
      }
    }
  }
  return unknown;
}

Problem Unusable(std::string reason) {
  return {Code::kConfigUnusable, "", std::move(reason)};
}

}  // namespace

std::variant<Config, Problem> ParseConfig(std::string_view text) {
  const KeyFile file(::g_key_file_new());
  if (text.empty()) {
    return Config();  // GLib takes no empty text
  }
  GlibError error;
  if (::g_key_file_load_from_data(file.get(), text.data(), text.size(),
                                  G_KEY_FILE_NONE, error.out()) == FALSE) {
    return Unusable(error.words());
  }
  Config config;
  Reader reader(file.get());
  reader.Read(kDebug, "loglevel", config.log_level);
  reader.Read(kDebug, "tls", config.tls_level);
  reader.Read(kDebug, "nl", config.netlink_level);
  reader.Read(kAuthenticate, "keyrings", config.keyrings);
  reader.Read(kAuthenticate, "psk.hash", config.psk_hash);
  reader.Read(kClient, config.client);
  reader.Read(kServer, config.server);
  if (!reader.trouble().empty()) {
    return Unusable(reader.trouble());
  }
  config.ignored = UnknownKeys(file.get());
  return config;
}

std::variant<Config, Problem> LoadConfig(const std::string& path) {
  std::variant<std::string, Problem> text =
      ReadText(path, Code::kConfigUnusable);
  if (Problem* problem = std::get_if<Problem>(&text)) {
    return std::move(*problem);
  }
  std::variant<Config, Problem> config =
      ParseConfig(std::get<std::string>(text));
  if (Problem* problem = std::get_if<Problem>(&config)) {
    problem->file = path;
  }
  return config;
}

std::string DefaultConfigPath() {
  constexpr char kOldPlace[] = "/etc/tlshd.conf";
  return ::access(kOldPlace, F_OK) == 0 ? kOldPlace : "/etc/tlshd/config";
}

}  // namespace ktlsd::agent
