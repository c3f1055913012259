// What the handles of the api point to. Used by the files of this folder alone.
#pragma once

#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "base/tensor.h"
#include "ir/module.h"
#include "runtime/checkpoint.h"
#include "runtime/executable.h"
#include "runtime/team.h"
#include "sinter/sinter.h"

namespace sinter::api {

struct Model {
  ir::Module module;
  runtime::ModelIdentity identity;
  std::vector<std::pair<std::string, Tensor>> values;  // of an ONNX model: what its parameters are from the start
};

struct Session {
  std::shared_ptr<const Model> model;
  runtime::State state;
  std::unique_ptr<runtime::Team> team;
  runtime::ModelIdentity identity;  // the model's, with what loaded weights say of their data
};

}  // namespace sinter::api

struct sinter_model {
  std::shared_ptr<const sinter::api::Model> model;
};
struct sinter_session {
  std::shared_ptr<sinter::api::Session> session;
};
struct sinter_function {
  struct Port {
    std::string name, type;
    bool is_output;
  };
  std::shared_ptr<sinter::api::Session> session;  // before the Run, which points into it
  std::unique_ptr<sinter::runtime::Run> run;
  std::vector<Port> ports;
};
