#include "agent/config/crypto_policy.h"

#include <openssl/conf.h>
#include <openssl/crypto.h>

#include <algorithm>
#include <array>
#include <memory>
#include <string_view>
#include <utility>

#include "agent/config/files.h"
#include "agent/config/tls_choices.h"
#include "base/libcrypto.h"

namespace ktlsd::agent {
namespace {

using handshake::NamedGroup;

using ConfPtr = std::unique_ptr<CONF, FnDeleter<NCONF_free>>;

Problem Unusable(const std::string& path, std::string reason) {
  ERR_clear_error();
  return {Code::kConfigUnusable, path, std::move(reason)};
}

// Nothing where it is not there.
std::optional<std::string> Find(CONF* conf, const char* section,
                                const char* name) {
  const char* const value = NCONF_get_string(conf, section, name);
  ERR_clear_error();
  return value == nullptr ? std::nullopt : std::optional<std::string>(value);
}

// OpenSSL's own names of groups, beside those of IANA.
std::optional<NamedGroup> GroupOfOpenssl(std::string_view name) {
  constexpr std::array kNames = {
      std::pair<std::string_view, NamedGroup>{"P-256", NamedGroup::kSecp256r1},
      std::pair<std::string_view, NamedGroup>{"prime256v1",
                                              NamedGroup::kSecp256r1},
      std::pair<std::string_view, NamedGroup>{"P-384", NamedGroup::kSecp384r1},
      std::pair<std::string_view, NamedGroup>{"P-521", NamedGroup::kSecp521r1}};
  const auto* const known = std::ranges::find(
      kNames, name, [](const auto& pair) { return pair.first; });
  return known == kNames.end() ? GroupNamed(name)
                               : std::optional(known->second);
}

std::vector<std::string_view> Split(std::string_view text,
                                    std::string_view separators) {
  std::vector<std::string_view> parts;
  while (!text.empty()) {
    const std::size_t end =
        std::min(text.find_first_of(separators), text.size());
    if (end > 0) {
      parts.push_back(text.substr(0, end));
    }
    text.remove_prefix(std::min(end + 1, text.size()));
  }
  return parts;
}

// One policy that is being read.
class Reader {
 public:
  // False when TLS 1.3 is forbidden.
  bool Apply(std::string_view name, std::string_view value) {
    // libssl drops what is before the first dot.
    const std::string_view command = name.substr(name.find('.') + 1);
    if (command == "MinProtocol") {
      return true;  // 1.3 is the highest
    }
    if (command == "MaxProtocol") {
      return value == "TLSv1.3" || value == "None" || value.starts_with("DTLS");
    }
    if (command == "Protocol") {
      return value.find("-TLSv1.3") == std::string_view::npos &&
             value.find("-ALL") == std::string_view::npos;
    }
    if (command == "Ciphersuites") {
      ReadSuites(value);
    } else if (command == "Groups" || command == "Curves") {
      ReadGroups(value);
    } else {
      policy_.ignored.emplace_back(name);
    }
    return true;
  }

  CryptoPolicy Take() { return std::move(policy_); }

 private:
  void ReadSuites(std::string_view value) {
    policy_.suites.emplace();
    for (const std::string_view name : Split(value, ":")) {
      if (const std::optional<CipherSuite> suite = SuiteNamed(name)) {
        policy_.suites->push_back(*suite);
      } else {
        policy_.ignored.emplace_back(name);
      }
    }
  }

  // Since OpenSSL 3.5 a name may have signs before it: '?' (may be unknown),
  // '*' (send a share), '-' (not this one), and '/' separates, too.
  void ReadGroups(std::string_view value) {
    std::vector<NamedGroup>& groups = policy_.groups.emplace();
    for (std::string_view name : Split(value, ":/ \t")) {
      const std::size_t signs =
          std::min(name.find_first_not_of("?*-"), name.size());
      const bool without =
          name.substr(0, signs).find('-') != std::string_view::npos;
      name.remove_prefix(signs);
      if (name == "DEFAULT" && !without) {
        groups = AllGroups();
      } else if (const auto group = GroupOfOpenssl(name)) {
        std::erase(groups, *group);
        if (!without) {
          groups.push_back(*group);
        }
      } else {
        policy_.ignored.emplace_back(name);
      }
    }
  }

  CryptoPolicy policy_;
};

std::variant<CryptoPolicy, Problem> ReadSection(CONF* conf,
                                                const std::string& name,
                                                const std::string& path) {
  const STACK_OF(CONF_VALUE)* const values =
      NCONF_get_section(conf, name.c_str());
  if (values == nullptr) {
    return Unusable(path, "the section " + name + " is missing");
  }
  Reader reader;
  for (int i = 0; i < sk_CONF_VALUE_num(values); ++i) {
    const CONF_VALUE* const value = sk_CONF_VALUE_value(values, i);
    if (!reader.Apply(value->name, value->value)) {
      return Unusable(path, std::string(value->name) + " = " + value->value +
                                " forbids TLS 1.3");
    }
  }
  return reader.Take();
}

}  // namespace

std::variant<CryptoPolicy, Problem> LoadCryptoPolicy(const std::string& path) {
  std::variant<OwnedFd, Problem> opened = OpenFile(path, Code::kConfigUnusable);
  if (Problem* problem = std::get_if<Problem>(&opened)) {
    return std::move(*problem);
  }
  const ConfPtr conf(NCONF_new(nullptr));
  long line = 0;
  if (!conf || NCONF_load(conf.get(), path.c_str(), &line) <= 0) {
    return Unusable(path,
                    "it does not parse (line " + std::to_string(line) + ")");
  }
  std::string section;  // the default one, at first
  for (const char* const step :
       {"openssl_conf", "ssl_conf", "system_default"}) {
    if (!section.empty() &&
        NCONF_get_section(conf.get(), section.c_str()) == nullptr) {
      return Unusable(path, "the section " + section + " is missing");
    }
    const std::optional<std::string> next =
        Find(conf.get(), section.empty() ? nullptr : section.c_str(), step);
    if (!next.has_value()) {
      return CryptoPolicy{{}, {}, {std::string("no ") + step}};
    }
    section = *next;
  }
  return ReadSection(conf.get(), section, path);
}

std::string CryptoPolicyPath() {
  char* const path = CONF_get1_default_config_file();
  std::string copy = path == nullptr ? "" : path;
  OPENSSL_free(path);
  return copy;
}

}  // namespace ktlsd::agent
