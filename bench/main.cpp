// main() of the suite and of the comparison.
#include "main.h"

#include <exception>
#include <iostream>

int main(int argc, char** argv) {
  try {
    return sinter::bench::run(argc, argv);
  } catch (const std::exception& error) {
    std::cerr << error.what() << "\n";
    return 1;
  }
}
