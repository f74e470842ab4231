#include "agent/verifier/session_tags.h"

#include <utility>
#include <variant>

#include "agent/tags/certificate_facts.h"

namespace ktlsd::agent {

std::optional<TagsLoaded> SessionTags::Take(const LoadTags& load,
                                            ByteView text) {
  if (load.file == 0) {
    reader_.emplace();
    next_file_ = 0;
  }
  if (!reader_.has_value() || load.file != next_file_) {
    return std::nullopt;  // the rest of a set that failed
  }
  if (load.files == 0) {
    return Swap(0);
  }
  ++next_file_;
  const auto read =
      reader_->Read({reinterpret_cast<const char*>(text.data()), text.size()});
  if (const auto* const problem = std::get_if<TagProblem>(&read)) {
    return Fail(load.file, problem->text);
  }
  return next_file_ == load.files ? std::optional(Swap(load.files))
                                  : std::nullopt;
}

TagsLoaded SessionTags::Swap(uint32_t files) {
  auto reader = std::exchange(reader_, std::nullopt);
  if (!reader.has_value()) {
    return Fail(files, "no file was read");
  }
  auto rules = std::move(*reader).Finish();
  if (const auto* const problem = std::get_if<TagProblem>(&rules)) {
    return Fail(files, problem->text);
  }
  reader_.reset();
  rules_ = std::move(std::get<TagRules>(rules));
  TagsLoaded loaded;
  loaded.outcome = Outcome::Success();
  loaded.file = files;
  loaded.tags = static_cast<uint32_t>(rules_.tags.size());
  return loaded;
}

TagsLoaded SessionTags::Fail(uint32_t file, const std::string& why) {
  reader_.reset();
  TagsLoaded loaded;
  loaded.outcome = Outcome::Failure(Code::kConfigUnusable);
  loaded.file = file;
  loaded.text = decltype(loaded.text)::Of(why);
  return loaded;
}

std::string SessionTags::Of(ByteView certificate) const {
  if (rules_.tags.empty()) {
    return "";
  }
  const auto facts = FactsOf(certificate);
  return facts.ok() ? TagsOf(rules_, *facts) : "";
}

}  // namespace ktlsd::agent
