#include "runtime/data/facts.h"

#include <nlohmann/json.hpp>

#include "base/error.h"

namespace sinter::runtime {
namespace {

constexpr const char* kFacts = "facts";

}  // namespace

std::map<std::string, std::string> to_metadata(const DataFacts& facts) {
  if (facts.empty()) return {};
  const nlohmann::ordered_json json = {{"classes", facts.classes},
                                       {"vocabulary", facts.vocabulary},
                                       {"columns", facts.columns},
                                       {"label_columns", facts.label_columns},
                                       {"categories", facts.categories}};
  // What is no UTF-8 in a name would make the whole file unreadable.
  return {{kFacts, json.dump(-1, ' ', false, nlohmann::ordered_json::error_handler_t::replace)}};
}

DataFacts facts_from(const std::map<std::string, std::string>& metadata, const std::string& path) {
  const auto found = metadata.find(kFacts);
  if (found == metadata.end()) return {};
  try {
    const nlohmann::json json = nlohmann::json::parse(found->second);
    DataFacts facts;
    json.at("classes").get_to(facts.classes);
    json.at("vocabulary").get_to(facts.vocabulary);
    json.at("columns").get_to(facts.columns);
    json.at("label_columns").get_to(facts.label_columns);
    json.at("categories").get_to(facts.categories);
    return facts;
  } catch (const nlohmann::json::exception&) {
    throw Error(ErrorCode::kData, path + " is damaged: what it says of its data does not parse");
  }
}

}  // namespace sinter::runtime
