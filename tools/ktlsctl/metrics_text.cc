#include "tools/ktlsctl/metrics_text.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <prometheus/metric_family.h>
#include <prometheus/text_serializer.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstdint>
#include <cstdio>
#include <string_view>
#include <system_error>
#include <utility>
#include <vector>

#include "base/owned_fd.h"

namespace ktlsd::ktlsctl {
namespace {

using agent::Json;
using prometheus::ClientMetric;
using prometheus::MetricFamily;
using prometheus::MetricType;

MetricType Type(const Json& family) {
  const auto type = family.at("type").get<std::string>();
  if (type == "histogram") {
    return MetricType::Histogram;
  }
  return type == "counter" ? MetricType::Counter : MetricType::Gauge;
}

ClientMetric::Histogram Histogram(const Json& sample) {
  ClientMetric::Histogram histogram;
  histogram.sample_count = sample.at("count").get<uint64_t>();
  histogram.sample_sum = sample.at("sum").get<double>();
  for (const Json& bucket : sample.at("buckets")) {
    histogram.bucket.push_back(
        {bucket.at(1).get<uint64_t>(), bucket.at(0).get<double>()});
  }
  return histogram;
}

ClientMetric Metric(const Json& sample, MetricType type) {
  ClientMetric metric;
  for (const auto& [name, value] : sample.at("labels").items()) {
    metric.label.push_back({name, value.get<std::string>()});
  }
  switch (type) {
    case MetricType::Histogram:
      metric.histogram = Histogram(sample);
      break;
    case MetricType::Counter:
      metric.counter.value = sample.at("value").get<double>();
      break;
    default:
      metric.gauge.value = sample.at("value").get<double>();
      break;
  }
  return metric;
}

std::string Words(std::string_view what, const std::string& path) {
  return fmt::format("{} {}: {}", what, path,
                     std::generic_category().message(errno));
}

bool WriteAll(const OwnedFd& file, std::string_view text) {
  while (!text.empty()) {
    const ssize_t written = ::write(file.raw(), text.data(), text.size());
    if (written < 0 && errno != EINTR) {
      return false;
    }
    text.remove_prefix(written < 0 ? 0 : static_cast<std::size_t>(written));
  }
  return true;
}

}  // namespace

std::string MetricsText(const Json& metrics) {
  std::vector<MetricFamily> families;
  for (const Json& family : metrics.at("families")) {
    MetricFamily one;
    one.name = family.at("name").get<std::string>();
    one.help = family.at("help").get<std::string>();
    one.type = Type(family);
    for (const Json& sample : family.at("samples")) {
      one.metric.push_back(Metric(sample, one.type));
    }
    families.push_back(std::move(one));
  }
  return prometheus::TextSerializer().Serialize(families);
}

std::string ReplaceFile(const std::string& path, const std::string& text) {
  std::string name = path + ".XXXXXX";
  const OwnedFd file(::mkostemp(name.data(), O_CLOEXEC));
  if (!file.valid()) {
    return Words("cannot make a file beside", path);
  }
  if (!WriteAll(file, text) || ::fchmod(file.raw(), 0644) != 0 ||
      ::rename(name.c_str(), path.c_str()) != 0) {
    const std::string why = Words("cannot write", path);
    ::unlink(name.c_str());
    return why;
  }
  return "";
}

}  // namespace ktlsd::ktlsctl
