#include "agent/tags/tag_file.h"

#include <yaml-cpp/yaml.h>

#include <algorithm>
#include <array>
#include <cctype>
#include <charconv>
#include <chrono>
#include <cstdint>
#include <ctime>
#include <optional>
#include <string_view>
#include <utility>

namespace ktlsd::agent {
namespace {

// In the order of the extension's bits.
constexpr std::array<std::string_view, 9> kKeyUsages = {
    "digitalSignature", "nonRepudiation", "keyEncipherment",
    "dataEncipherment", "keyAgreement",   "keyCertSign",
    "cRLSign",          "encipherOnly",   "decipherOnly"};

struct NamedTextField {
  std::string_view type;
  TextField field;
};
constexpr std::array kTextFields = {
    NamedTextField{"x509.cert.signatureAlgorithm",
                   TextField::kSignatureAlgorithm},
    // RFC 5280 section 4.1.2.3: the two are the same.
    NamedTextField{"x509.tbs.signature", TextField::kSignatureAlgorithm},
    NamedTextField{"x509.tbs.serialNumber", TextField::kSerial},
    NamedTextField{"x509.tbs.issuer", TextField::kIssuer},
    NamedTextField{"x509.tbs.subject", TextField::kSubject},
    NamedTextField{"x509.derived.fingerprint", TextField::kFingerprint}};

// What is wrong, thrown out of the middle of a document; never out of here.
struct Wrong {
  std::string text;
};

[[noreturn]] void Refuse(const YAML::Node& at, const std::string& what) {
  const int line = at.Mark().line;
  throw Wrong{line < 0 ? what
                       : "line " + std::to_string(line + 1) + ": " + what};
}

std::string Scalar(const YAML::Node& node, const char* what) {
  if (!node.IsScalar() || node.Scalar().empty()) {
    Refuse(node, std::string(what) + " is no text");
  }
  return node.Scalar();
}

std::vector<std::string> List(const YAML::Node& node, const char* what) {
  if (!node.IsSequence() || node.size() == 0 || node.size() > kMaxTagFilters) {
    Refuse(node, std::string(what) + " is no list, empty, or too long");
  }
  std::vector<std::string> list;
  for (const YAML::Node& item : node) {
    list.push_back(Scalar(item, what));
  }
  return list;
}

std::string NormalHex(std::string_view pattern) {
  std::string normal;
  for (const char c : pattern) {
    if (c != ':') {
      normal += static_cast<char>(std::tolower(static_cast<unsigned char>(c)));
    }
  }
  return normal;
}

std::optional<std::chrono::sys_seconds> TimeOf(const std::tm& fields) {
  const std::chrono::year_month_day date{
      std::chrono::year(fields.tm_year + 1900),
      std::chrono::month(static_cast<unsigned>(fields.tm_mon + 1)),
      std::chrono::day(static_cast<unsigned>(fields.tm_mday))};
  if (!date.ok() || fields.tm_sec > 59) {
    return std::nullopt;
  }
  return std::chrono::sys_days(date) + std::chrono::hours(fields.tm_hour) +
         std::chrono::minutes(fields.tm_min) +
         std::chrono::seconds(fields.tm_sec);
}

// "2026-06-01", or with " 12:30:00" or "T12:30:00", and a Z if one likes: UTC.
std::optional<std::chrono::sys_seconds> ParseTime(const std::string& text) {
  constexpr std::array kForms = {"%Y-%m-%d", "%Y-%m-%d %H:%M:%S",
                                 "%Y-%m-%dT%H:%M:%S"};
  for (const char* const form : kForms) {
    std::tm fields{};
    const char* const end = ::strptime(text.c_str(), form, &fields);
    const std::string_view rest = end == nullptr ? "?" : end;
    if (rest.empty() || (rest == "Z" && form != kForms.front())) {
      return TimeOf(fields);
    }
  }
  return std::nullopt;
}

std::chrono::sys_seconds Time(const YAML::Node& pattern) {
  const auto time = ParseTime(Scalar(pattern, "a time's pattern"));
  if (!time) {
    Refuse(pattern, "a time is written 2026-06-01 or 2026-06-01T12:30:00Z");
  }
  return *time;
}

VersionFilter Version(const YAML::Node& pattern) {
  const std::string text = Scalar(pattern, "a version's pattern");
  VersionFilter filter{};
  const char* const end = text.data() + text.size();
  if (std::from_chars(text.data(), end, filter.version).ptr != end) {
    Refuse(pattern, "a version is a number");
  }
  return filter;
}

KeyUsageFilter KeyUsage(const YAML::Node& purpose) {
  KeyUsageFilter filter{};
  for (const std::string& name : List(purpose, "purpose")) {
    const auto* const usage = std::ranges::find(kKeyUsages, name);
    if (usage == kKeyUsages.end()) {
      Refuse(purpose, "a purpose that is no keyUsage");
    }
    filter.bits |= 1U << (usage - kKeyUsages.begin());
  }
  return filter;
}

struct Attributes {
  std::string type;
  YAML::Node pattern{YAML::NodeType::Undefined};
  YAML::Node purpose{YAML::NodeType::Undefined};
};

Attributes AttributesOf(const YAML::Node& node) {
  Attributes attributes;
  if (!node.IsMap()) {
    Refuse(node, "a filter is no mapping");
  }
  for (const auto& entry : node) {
    const std::string key = Scalar(entry.first, "a key");
    if (key == "type") {
      attributes.type = Scalar(entry.second, "type");
    } else if (key == "pattern") {
      attributes.pattern.reset(entry.second);
    } else if (key == "purpose") {
      attributes.purpose.reset(entry.second);
    } else {
      Refuse(entry.first, "a filter has type, and pattern or purpose");
    }
  }
  return attributes;
}

// Every type but one takes a pattern, or a purpose, and not both: what is
// missing would match everybody, or nobody.
void CheckParameters(const YAML::Node& node, const Attributes& attributes,
                     bool pattern, bool purpose) {
  if (attributes.pattern.IsDefined() != pattern ||
      attributes.purpose.IsDefined() != purpose) {
    Refuse(node, pattern   ? "this type takes a pattern and nothing else"
                 : purpose ? "this type takes a purpose and nothing else"
                           : "this type takes neither pattern nor purpose");
  }
}

TagFilter FilterOf(const YAML::Node& node) {
  const Attributes attributes = AttributesOf(node);
  const std::string& type = attributes.type;
  if (type == "x509.derived.selfSigned") {
    CheckParameters(node, attributes, false, false);
    return SelfSignedFilter{};
  }
  if (type == "x509.extension.keyUsage") {
    CheckParameters(node, attributes, false, true);
    return KeyUsage(attributes.purpose);
  }
  CheckParameters(node, attributes, true, false);
  if (type == "x509.tbs.version") {
    return Version(attributes.pattern);
  }
  if (type == "x509.tbs.validity.notBefore") {
    return NotBeforeFilter{Time(attributes.pattern)};
  }
  if (type == "x509.tbs.validity.notAfter") {
    return NotAfterFilter{Time(attributes.pattern)};
  }
  const auto* const text =
      std::ranges::find(kTextFields, type, &NamedTextField::type);
  if (text == kTextFields.end()) {
    Refuse(node, "a filter of a type that is not known");
  }
  std::string pattern = Scalar(attributes.pattern, "pattern");
  const bool hex = text->field == TextField::kSerial ||
                   text->field == TextField::kFingerprint;
  return TextFilter{text->field, hex ? NormalHex(pattern) : pattern};
}

// Into the log and to the kernel: no separator, no blank, no surprise.
bool IsTagName(std::string_view name) {
  return name.size() <= kMaxTagName && std::ranges::all_of(name, [](char c) {
           return std::isalnum(static_cast<unsigned char>(c)) != 0 ||
                  std::string_view("-_.:@").find(c) != std::string_view::npos;
         });
}

}  // namespace

// One file's, into a copy of what the others had.
class TagDocument {
 public:
  explicit TagDocument(TagFileReader& all) : all_(all) {}

  void Read(const YAML::Node& root) {
    if (root.IsNull()) {
      return;
    }
    if (!root.IsMap()) {
      Refuse(root, "neither filters nor tags");
    }
    for (const auto& entry : root) {
      const std::string key = Scalar(entry.first, "a key");
      if (key != "filters" && key != "tags") {
        Refuse(entry.first, "neither filters nor tags");
      }
      if (!entry.second.IsMap()) {
        Refuse(entry.first, "no mapping");
      }
      for (const auto& definition : entry.second) {
        key == "filters" ? ReadFilter(definition.first, definition.second)
                         : ReadTag(definition.first, definition.second);
      }
    }
  }

 private:
  void ReadFilter(const YAML::Node& name, const YAML::Node& node) {
    if (all_.filters_.size() >= kMaxFilters) {
      Refuse(name, "too many filters");
    }
    if (!all_.filter_places_
             .emplace(Scalar(name, "a name"), all_.filters_.size())
             .second) {
      Refuse(name, "a second filter of this name");
    }
    all_.filters_.push_back(FilterOf(node));
  }

  void ReadTag(const YAML::Node& name, const YAML::Node& node) {
    TagFileReader::NamedTag tag{Scalar(name, "a name"), {}, {}};
    if (all_.tags_.size() >= kMaxTags) {
      Refuse(name, "too many tags");
    }
    if (!IsTagName(tag.name) || !all_.tag_names_.insert(tag.name).second) {
      Refuse(name,
             "a second tag of this name, or one with other characters "
             "than letters, digits and -_.:@");
    }
    if (!node.IsMap()) {
      Refuse(name, "a tag is no mapping");
    }
    for (const auto& entry : node) {
      const std::string key = Scalar(entry.first, "a key");
      if (key != "filter" && key != "not") {
        Refuse(entry.first, "a tag has filter and not");
      }
      (key == "filter" ? tag.filters : tag.excluded) =
          List(entry.second, "a list of filters");
    }
    if (tag.filters.empty() && tag.excluded.empty()) {
      Refuse(name, "a tag without a filter");
    }
    all_.tags_.push_back(std::move(tag));
  }

  TagFileReader& all_;
};

std::variant<std::monostate, TagProblem> TagFileReader::Read(
    const std::string& text) {
  if (text.size() > kMaxTagFile) {
    return TagProblem{"too large"};
  }
  TagFileReader with(*this);
  try {
    for (const YAML::Node& root : YAML::LoadAll(text)) {
      TagDocument(with).Read(root);
    }
  } catch (const Wrong& wrong) {
    return TagProblem{wrong.text};
  } catch (const YAML::Exception& wrong) {
    return TagProblem{"line " + std::to_string(wrong.mark.line + 1) + ": " +
                      wrong.msg};
  }
  *this = std::move(with);
  return std::monostate();
}

std::variant<TagRules, TagProblem> TagFileReader::Finish() && {
  TagRules rules;
  std::size_t list = 0;
  for (NamedTag& tag : tags_) {
    TagRule rule{std::move(tag.name), {}, {}};
    list += rule.name.size() + 1;
    for (auto [names, places] : {std::pair{&tag.filters, &rule.filters},
                                 {&tag.excluded, &rule.excluded}}) {
      for (const std::string& name : *names) {
        const auto place = filter_places_.find(name);
        if (place == filter_places_.end()) {
          return TagProblem{"tag " + rule.name +
                            " names a filter that is not "
                            "there"};
        }
        places->push_back(place->second);
      }
    }
    rules.tags.push_back(std::move(rule));
  }
  if (list > kMaxTagList) {
    return TagProblem{"the names of all tags are too long together"};
  }
  rules.filters = std::move(filters_);
  return rules;
}

}  // namespace ktlsd::agent
