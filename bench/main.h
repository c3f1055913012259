// What main() of the suite and of the comparison calls (main.cpp): their whole work. What it raises is told, and exits with 1.
#pragma once

namespace sinter::bench {

int run(int argc, char** argv);

}  // namespace sinter::bench
