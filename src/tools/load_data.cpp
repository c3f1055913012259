#include "tools/load_data.h"

#include <iostream>

#include "frontend/language/data_source.h"

namespace sinter::tools {

runtime::DataRequest data_request(const Opened& opened, const language::TrainSpec& train, const std::string& weights) {
  runtime::DataRequest request = driver::data_request(opened.module, train);
  if (weights.empty()) return request;
  runtime::DataFacts facts = runtime::facts_from(runtime::load_metadata(weights), weights);
  if (!facts.empty()) request.known = std::make_shared<const runtime::DataFacts>(std::move(facts));
  return request;
}

runtime::DataRequest other_data_request(const Opened& opened, const language::TrainSpec& train, const std::string& option, std::shared_ptr<const runtime::DataFacts> known) {
  language::TrainSpec other = train;
  other.data = language::read_data_option(option, train.data);
  runtime::DataRequest request = driver::data_request(opened.module, other);
  request.known = std::move(known);
  return request;
}

void tell_notes(const runtime::Dataset& data) {
  for (const std::string& note : data.notes) std::cerr << note << "\n";
}

}  // namespace sinter::tools
