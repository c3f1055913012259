#!/bin/bash
# What `./dev demo` runs: train on digits that the program draws, read some that were held out, time the kernels.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."
sinter=build/bin/sinter
weights=build/digits.safetensors

echo "\$ sinter train examples/digits.sinter --out $weights"
$sinter train examples/digits.sinter --out $weights
echo
echo "\$ sinter predict examples/digits.sinter --weights $weights --show 6"
$sinter predict examples/digits.sinter --weights $weights --show 6
echo
echo "\$ sinter bench examples/digits.sinter --train --weights $weights"
$sinter bench examples/digits.sinter --train --weights $weights
