#include "tools/ktlsctl/status_view.h"

#include <fmt/format.h>

#include <cstdint>
#include <string_view>

#include "tools/ktlsctl/table.h"

namespace ktlsd::ktlsctl {
namespace {

using agent::Json;

std::string Age(int64_t seconds) {
  if (seconds < 120) {
    return fmt::format("{} s", seconds);
  }
  const int64_t minutes = seconds / 60;
  if (minutes < 120) {
    return fmt::format("{} min", minutes);
  }
  const int64_t hours = minutes / 60;
  return hours < 48 ? fmt::format("{} h {} min", hours, minutes % 60)
                    : fmt::format("{} d {} h", hours / 24, hours % 24);
}

// A member as text; nothing if there is none.
std::string Member(const Json& object, std::string_view name) {
  const auto found = object.find(std::string(name));
  if (found == object.end()) {
    return "";
  }
  return found->is_string() ? found->get<std::string>() : found->dump();
}

std::string Summary(const Json& status) {
  const Json& requests = status.at("requests");
  const Json& answered = status.at("answered");
  const Json& kernel = status.at("kernel");
  std::string suites;
  for (const Json& suite : status.at("suites")) {
    suites += (suites.empty() ? "" : ", ") + suite.get<std::string>();
  }
  const auto known = [&kernel](std::string_view name) {
    const std::string word = Member(kernel, name);
    return Printable(word.empty() ? "unknown" : word);
  };
  return fmt::format(
      "ktlsd {}, pid {}, up {}\n"
      "requests  {} queued, {} in flight, {} waiting to be answered, room for "
      "{}\n"
      "answered  {} succeeded, {} failed, {} refused by the kernel\n"
      "kernel    {}: tls {}, record_size_limit {}\n"
      "suites    {}\n",
      Printable(status.at("version").get<std::string>()),
      status.at("pid").get<int64_t>(),
      Age(status.at("uptime_s").get<int64_t>()), Member(requests, "queued"),
      Member(requests, "running"), Member(requests, "waiting_answers"),
      Member(requests, "capacity"), Member(answered, "succeeded"),
      Member(answered, "failed"), Member(answered, "refused_by_kernel"),
      known("release"), known("tls"), known("record_size_limit"),
      Printable(suites));
}

std::string Processes(const Json& status) {
  Table table({"PROCESS", "POOL", "PID", "JOBS", "TAKEN", "AGE"});
  for (const Json& process : status.at("processes")) {
    const bool runs = process.at("pid") != 0;
    table.Add({Member(process, "role"), Member(process, "pool"),
               runs ? Member(process, "pid") : "not running",
               Member(process, "jobs"), Member(process, "jobs_taken"),
               runs ? Age(process.at("age_s").get<int64_t>()) : ""});
  }
  return table.Text();
}

std::string Settings(const Json& status) {
  Table table({"SIDE", "SETTING", "STATE", "FILE", "REASON"});
  for (const Json& setting : status.at("settings")) {
    table.Add({Member(setting, "side"), Member(setting, "setting"),
               Member(setting, "state"), Member(setting, "file"),
               Member(setting, "reason")});
  }
  return table.Text();
}

std::string Troubles(const Json& status) {
  Table table({"TROUBLE", "EVENT", "WHAT"});
  for (const Json& trouble : status.at("troubles")) {
    std::string what;
    for (const auto& [name, value] : trouble.items()) {
      if (name != "time" && name != "event") {
        what += (what.empty() ? "" : " ") + name + "=" + Member(trouble, name);
      }
    }
    table.Add({Member(trouble, "time"), Member(trouble, "event"), what});
  }
  return table.empty() ? "" : "\n" + table.Text();
}

}  // namespace

std::string StatusText(const Json& status) {
  return Summary(status) + "\n" + Processes(status) + "\n" + Settings(status) +
         Troubles(status);
}

bool IsWell(const Json& status) {
  for (const Json& process : status.at("processes")) {
    if (process.at("role") != "worker" && process.at("pid") == 0) {
      return false;
    }
  }
  for (const Json& setting : status.at("settings")) {
    if (setting.at("state") == "unusable") {
      return false;
    }
  }
  return true;
}

}  // namespace ktlsd::ktlsctl
