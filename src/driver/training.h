// From a module and its train block to what the runtime trains with: variables, identity, data. Used by the command line's verbs.
#pragma once

#include <map>
#include <string>

#include "frontend/language/language.h"
#include "ir/module.h"
#include "runtime/checkpoint.h"
#include "runtime/data/dataset.h"
#include "runtime/data/normalise.h"
#include "runtime/executable.h"

namespace sinter::driver {

/// Declares every parameter and state variable of the module.
void declare_variables(const ir::Module& module, runtime::State& state);

/// Hashes of what the weights mean (`predict`, or all functions when there is none) and of the training step.
runtime::ModelIdentity identity_of(const ir::Module& module);

/// The identity of a model text with as few values compiled in (Options::dims) as it can do without, so that weights serve all its forms: some texts need
/// one, for the width of a layer.
runtime::ModelIdentity identity_of_text(const std::string& text, const std::string& path, language::Options options);

/// What the train block asks of its data source. Raises Error kUsage when it names none.
runtime::DataRequest data_request(const ir::Module& module, const language::TrainSpec& train);
/// What a resumed training must agree in beside the rules of its step (ModelIdentity::data): the samples, by content, their order and batches.
std::map<std::string, std::string> data_identity(const runtime::DataRequest& request, const runtime::DataSplit& data, const language::TrainSpec& train);
runtime::Normalise normalise_of(const language::TrainSpec& train);

}  // namespace sinter::driver
