#!/bin/bash
# Measures the figures of docs/performance.md on this machine and prints them as that table.
#   bench/figures.sh [PATTERN]     rows whose family or text matches PATTERN (an extended regular expression)
#   SINTER=path/to/sinter          the command; build/bin/sinter unless given
# Every row is one or two commands that you can run yourself. A row takes some three seconds; nothing else should run on the machine.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."
sinter=${SINTER:-build/bin/sinter}
pattern=${1:-.}
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT

# bench ARGUMENTS: runs sinter bench, its JSON in $work/json, its table in $work/out.
bench() { "$sinter" bench "$@" --json "$work/json" >"$work/out" 2>"$work/error"; }
# field NAME: of the entry `total`; context NAME: of the context; kernels: how many.
field() { awk -v name="\"$1\":" '/"benchmarks"/ { inside = 1 } inside && $1 == name { gsub(",", "", $2); print $2; exit }' "$work/json"; }
kernels() { grep -c '"run_name"' "$work/json" | awk '{ print $1 - 1 }'; }
compiled_ms() { sed -nE 's/.*(compiled|from the cache) in ([0-9.]+) ms.*/\2/p' "$work/out" | head -1; }
calculate() { awk "BEGIN { print $1 }"; }

quote() { case $1 in *[!A-Za-z0-9_./=-]*) printf "'%s'" "$1" ;; *) printf '%s' "$1" ;; esac; }
shown() {
  local text=${target:+SINTER_TARGET=$target }"sinter bench" argument
  for argument in "$@"; do text+=" $(quote "$argument")"; done
  printf '%s' "$text"
}

# wanted FAMILY WHAT: whether the row was asked for.
wanted() { [[ "$1 $2" =~ $pattern ]]; }
# line WHAT COMMAND MUST STRETCH MEASURED
line() { printf '| %s | `%s` | %s | %s | **%s** |\n' "$@"; }
failed() { line "$1" "$2" "$3" "$4" "$(head -1 "$work/error" | cut -c1-90)"; }

target=
# share FAMILY WHAT MUST STRETCH FIELD ARGUMENTS: FIELD (peak_share, bandwidth_share) in percent.
share() {
  local family=$1 what=$2 must=$3 stretch=$4 name=$5
  shift 5
  wanted "$family" "$what" || return 0
  if (export SINTER_TARGET=$target; [ -n "$target" ] || unset SINTER_TARGET; bench "$@"); then
    line "$what" "$(shown "$@")" "$must %" "$stretch %" "$(calculate "sprintf(\"%.1f %%\", 100 * $(field "$name"))")"
  else
    failed "$what" "$(shown "$@")" "$must %" "$stretch %"
  fi
}
# duration FAMILY WHAT MUST STRETCH UNIT DIVISOR ARGUMENTS: real_time / DIVISOR microseconds.
duration() {
  local family=$1 what=$2 must=$3 stretch=$4 unit=$5 divisor=$6
  shift 6
  wanted "$family" "$what" || return 0
  if bench "$@"; then
    line "$what" "$(shown "$@")" "$must" "$stretch" "$(calculate "sprintf(\"%.2f $unit\", $(field real_time) / $divisor)"), $(kernels) kernels"
  else
    failed "$what" "$(shown "$@")" "$must" "$stretch"
  fi
}
# speedup FAMILY WHAT MUST STRETCH ARGUMENTS: two threads against one.
speedup() {
  local family=$1 what=$2 must=$3 stretch=$4
  shift 4
  wanted "$family" "$what" || return 0
  local one two
  bench "$@" --threads 1 && one=$(field real_time) && bench "$@" --threads 2 && two=$(field real_time) || { failed "$what" "$(shown "$@" --threads 2)" "$must" "$stretch"; return 0; }
  line "$what" "$(shown "$@" --threads 2), and --threads 1" "$must" "$stretch" "$(calculate "sprintf(\"%.2f x\", $one / $two)")"
}
# pace WHAT MUST STRETCH EXPRESSION: elements per nanosecond over 8192 elements.
pace() {
  wanted math "$1" || return 0
  bench "$4" --threads 1 || { failed "$1" "$(shown "$4" --threads 1)" "$2" "$3"; return 0; }
  line "$1" "$(shown "$4" --threads 1)" "$2" "$3" "$(calculate "sprintf(\"%.2f elements/ns\", 8.192 / $(field real_time))")"
}

echo "| what | command | must | stretch | measured |"
echo "| --- | --- | --- | --- | --- |"

for n in 256 512 1024 2048; do
  share contract "matmul $n, weights packed ahead" 93 97 peak_share "f32[$n, $n] @ const f32[$n, $n]" --threads 1
done
share contract "matmul 256, packed in the call" 93 96 peak_share "f32[256, 256] @ f32[256, 256]" --threads 1
share contract "matmul 512, packed in the call" 92 94 peak_share "f32[512, 512] @ f32[512, 512]" --threads 1
share contract "matmul 1024, packed in the call" 88 92 peak_share "f32[1024, 1024] @ f32[1024, 1024]" --threads 1
share contract "matmul 2048, packed in the call" 88 92 peak_share "f32[2048, 2048] @ f32[2048, 2048]" --threads 1
speedup threads "matmul 512, packed ahead, two threads" "1.90 x" "1.96 x" "f32[512, 512] @ const f32[512, 512]"
speedup threads "matmul 1024, packed ahead, two threads" "1.90 x" "1.96 x" "f32[1024, 1024] @ const f32[1024, 1024]"
for m in 32 128; do
  for nk in "768 768" "3072 768" "768 3072"; do
    read -r n k <<<"$nk"
    share shapes "$m x $n x $k (M x N x K), packed ahead" 90 96 peak_share "f32[$m, $k] @ const f32[$k, $n]" --threads 1
  done
done
share shapes "256 x 1024 x 784, packed ahead" 90 96 peak_share "f32[256, 784] @ const f32[784, 1024]" --threads 1
share shapes "1000 x 777 x 333" 85 92 peak_share "f32[1000, 333] @ const f32[333, 777]" --threads 1
share shapes "129 x 65 x 31" 70 80 peak_share "f32[129, 31] @ const f32[31, 65]" --threads 1
share shapes "32 x 64 x 32" 89 95 peak_share "f32[32, 32] @ const f32[32, 64]" --threads 1
share shapes "32 x 64 x 64" 92 97 peak_share "f32[32, 64] @ const f32[64, 64]" --threads 1
share shapes "1000 x 777 x 333, packed in the call" 85 92 peak_share "f32[1000, 333] @ f32[333, 777]" --threads 1
share shapes "129 x 65 x 31, packed in the call" 70 80 peak_share "f32[129, 31] @ f32[31, 65]" --threads 1
share shapes "32 x 64 x 32, packed in the call" 89 95 peak_share "f32[32, 32] @ f32[32, 64]" --threads 1
share shapes "32 x 64 x 64, packed in the call" 92 97 peak_share "f32[32, 64] @ f32[64, 64]" --threads 1
share vector "M = 1, 768 x 3072, of L3's bandwidth" 85 95 bandwidth_share "f32[1, 768] @ const f32[768, 3072]" --threads 1
share vector "M = 1, 768 x 50257, of DRAM's bandwidth" 85 95 bandwidth_share "f32[1, 768] @ const f32[768, 50257]" --threads 1
target=v3; share targets "matmul 512, AVX2" 88 95 peak_share "f32[512, 512] @ const f32[512, 512]" --threads 1
target=v2; share targets "matmul 512, x86-64-v2" 75 85 peak_share "f32[512, 512] @ const f32[512, 512]" --threads 1
target=
share dtypes "bf16 matmul 1024" 75 85 peak_share "bf16[1024, 1024] @ const bf16[1024, 1024]" --threads 1
share dtypes "int8 matmul 1024" 75 85 peak_share "i8[1024, 1024] @ const i8[1024, 1024]" --threads 1

share chains "chain over 16M floats, of the stream bandwidth" 85 95 bandwidth_share "f32[16777216] * 2 + f32[16777216]" --threads 1
duration chains "x * gelu(x) + b, 4096 x 4096" "1.6 x ORT" "2.5 x ORT" ms 1000 "(x: f32[4096, 4096]) * gelu(x) + f32[4096]" --threads 1
duration chains "the same, two threads" "1.6 x ORT" "2.5 x ORT" ms 1000 "(x: f32[4096, 4096]) * gelu(x) + f32[4096]" --threads 2

duration rows "softmax 4096 x 1024" "1.0 x ORT" "1.2 x ORT" ms 1000 "softmax(f32[4096, 1024])" --threads 1
duration rows "softmax 4096 x 1024, two threads" "1.0 x ORT" "1.1 x ORT" ms 1000 "softmax(f32[4096, 1024])" --threads 2
duration rows "layer norm 4096 x 1024" "1.8 x ORT" "2.2 x ORT" ms 1000 "layer_norm(f32[4096, 1024], f32[1024], f32[1024])" --threads 1
duration rows "layer norm 4096 x 1024, two threads" "1.3 x ORT" "1.6 x ORT" ms 1000 "layer_norm(f32[4096, 1024], f32[1024], f32[1024])" --threads 2
duration rows "layer norm, backward (dx, dscale, dbias)" "2 x forward" "" ms 1000 "layer_norm(f32[4096, 1024], f32[1024], f32[1024])" --gradient --threads 1

pace "exp" 4 4.5 "exp(f32[8192])"
pace "log" 2.4 3 "log(f32[8192])"
pace "tanh" 2 3 "tanh(f32[8192])"
pace "sin" 2 3 "sin(f32[8192])"
pace "cos" 2 3 "cos(f32[8192])"
pace "erf" 1.4 2 "erf(f32[8192])"

duration programs "classifier 32-64-64-10, step, batch 32" "40 us, 10 kernels" "26 us, 6" us 1 examples/classifier.sinter --train --threads 1
duration programs "classifier, inference, batch 32" "6 us" "4.8 us" us 1 examples/classifier.sinter --batch 32 --threads 1
share programs "MLP 784-1024-1024-10, inference, batch 256" 92 95 peak_share bench/mlp784.sinter --threads 1
share programs "MLP 784-1024-1024-10, step, batch 256" 80 87 peak_share bench/mlp784.sinter --train --threads 1
speedup programs "MLP 784 step, two threads" "1.7 x" "1.9 x" bench/mlp784.sinter --train

if wanted compile "compile of the classifier step"; then
  # The time that the second of two runs names is that of a warm disk.
  for _ in 1 2; do bench examples/classifier.sinter --train --no-cache; done
  line "compile of the classifier step, cold" "sinter bench examples/classifier.sinter --train --no-cache" "150 ms" "80 ms" "$(compiled_ms) ms"
  for _ in 1 2; do bench examples/classifier.sinter --train; done
  line "compile of the classifier step, cached" "sinter bench examples/classifier.sinter --train" "5 ms" "3 ms" "$(compiled_ms) ms"
fi
