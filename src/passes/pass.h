// A pass: a pure function from module to module, with its name and the reason it stands where it stands. The driver
// keeps one list of them; the manager (manager.h) runs it. A pass never changes the module it is given and knows no
// other pass.
#pragma once

#include <functional>
#include <string>

#include "ir/module.h"

namespace sinter::passes {

struct Pass {
  std::string name;    // the word in flags, dumps and error texts: "cse"
  std::string reason;  // why it runs, and why here
  std::function<ir::Module(const ir::Module&)> run;
};

}  // namespace sinter::passes
