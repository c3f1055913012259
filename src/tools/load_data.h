// Data for the verbs that train, measure and predict: as the train block or --data names them, understood as the weights' own data were.
#pragma once

#include "driver/training.h"
#include "runtime/data/facts.h"
#include "tools/command_line.h"

namespace sinter::tools {

/// What the train block asks of its data; words mean what they meant to the training that made the weights, when there are such.
runtime::DataRequest data_request(const Opened& opened, const language::TrainSpec& train, const std::string& weights);

/// The same of other data, given by an option as --data is; `known` is what the training data taught.
runtime::DataRequest other_data_request(const Opened& opened, const language::TrainSpec& train, const std::string& option, std::shared_ptr<const runtime::DataFacts> known);

/// Tells on stderr what a reader noted: samples left out.
void tell_notes(const runtime::Dataset& data);

}  // namespace sinter::tools
