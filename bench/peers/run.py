#!/usr/bin/env python3
"""Sinter against other libraries, in turns: the median of the ratios of neighbouring runs, so that a slow minute of the machine slows both.

  bench/peers/run.py [PATTERN] [--rounds N] [--seconds S] [--threads 1,2] [--list]

PATTERN is a regular expression over the cases' names. What is installed is measured, what is missing is named:
  apt-get install libdnnl-dev libopenblas-openmp-dev libblis-openmp-dev
  npm install --prefix build/peers --ignore-scripts onnxruntime-node
SINTER is the command (build/bin/sinter unless set). The programs that call the peers are built into build/peers.
"""
import argparse, glob, json, os, re, statistics, subprocess, sys, tempfile

HERE = os.path.dirname(os.path.abspath(__file__))
ROOT = os.path.dirname(os.path.dirname(HERE))
BUILD = os.path.join(ROOT, "build", "peers")
SINTER = os.environ.get("SINTER", os.path.join(ROOT, "build", "bin", "sinter"))

CUBES = [(n, n, n) for n in (64, 128, 256, 512, 1024, 2048)]
LAYERS = [(m, n, k) for m in (1, 32, 128) for n, k in ((768, 768), (3072, 768), (768, 3072))]
PRODUCTS = CUBES + LAYERS + [(32, 64, 32), (32, 64, 64), (256, 1024, 784)]  # M, N, K


class Case:
    """What is compared: arguments for `sinter bench`, and for each peer the command that prints microseconds."""

    def __init__(self, name, sinter, peers):
        self.name, self.sinter, self.peers = name, sinter, peers


def compile_program(name, source, *flags):
    """The path of a built program, or None when what it needs is not installed."""
    program = os.path.join(BUILD, name)
    command = ["g++", "-O2", "-std=c++20", os.path.join(HERE, source), *flags, "-o", program]
    return program if subprocess.run(command, stderr=subprocess.DEVNULL).returncode == 0 else None


def build():
    """Name of each peer -> program, without those that are missing."""
    os.makedirs(BUILD, exist_ok=True)
    programs = {"oneDNN": compile_program("onednn", "gemm.cpp", "-DWITH_ONEDNN", "-ldnnl")}
    for peer, library in (("OpenBLAS", "openblas-openmp/libopenblas.so.0"), ("BLIS", "blis-openmp/libblis.so.4")):
        found = glob.glob("/usr/lib/*/" + library)
        flags = [found[0], "-Wl,-rpath," + os.path.dirname(found[0])] if found else ["missing"]
        programs[peer] = compile_program(peer.lower(), "gemm.cpp", "-DWITH_CBLAS", *flags)
    runtimes = glob.glob(os.path.join(BUILD, "node_modules/onnxruntime-node/bin/napi-v*/linux/*/libonnxruntime.so.1"))
    programs["ONNX Runtime"] = runtimes and compile_program("onnxruntime", "onnxruntime.cpp", "-ldl")
    for peer in [name for name, program in programs.items() if not program]:
        print(f"{peer} is not installed (see --help)", file=sys.stderr)
        del programs[peer]
    return programs, runtimes[0] if runtimes else None


def all_cases(programs, runtime, seconds, threads):
    def blas(peer, form, m, n, k):
        return [programs[peer], str(m), str(n), str(k), form, seconds] if peer in programs else None

    def onnx(*what):
        return [programs["ONNX Runtime"], runtime, threads, seconds, *map(str, what)] if "ONNX Runtime" in programs else None

    for m, n, k in PRODUCTS:
        a, b = f"f32[{m}, {k}]", f"f32[{k}, {n}]"
        yield Case(f"matmul {m}x{n}x{k} ahead", [f"{a} @ const {b}"], {"oneDNN": blas("oneDNN", "packed", m, n, k), "ONNX Runtime": onnx("matmul", m, n, k)})
        yield Case(f"matmul {m}x{n}x{k} in the call", [f"{a} @ {b}"], {peer: blas(peer, "plain", m, n, k) for peer in ("oneDNN", "OpenBLAS", "BLIS")})
    rows = "f32[4096, 1024]"
    yield Case("softmax 4096x1024", [f"softmax({rows})"], {"ONNX Runtime": onnx("softmax", 4096, 1024)})
    yield Case("layer norm 4096x1024", [f"layer_norm({rows}, f32[1024], f32[1024])"], {"ONNX Runtime": onnx("layer_norm", 4096, 1024)})
    yield Case("x * gelu(x) + b 4096x4096", ["(x: f32[4096, 4096]) * gelu(x) + f32[4096]"], {"ONNX Runtime": onnx("gelu_chain", 4096, 4096)})
    yield Case("mlp 32-64-64-10", ["examples/classifier.sinter", "--batch", "32"], {"ONNX Runtime": onnx("mlp", 32, 32, 64, 64, 10)})
    yield Case("mlp 784-1024-1024-10", ["bench/mlp784.sinter"], {"ONNX Runtime": onnx("mlp", 256, 784, 1024, 1024, 10)})


def sinter_microseconds(arguments, threads):
    with tempfile.TemporaryDirectory() as folder:
        report = os.path.join(folder, "report.json")
        subprocess.run([SINTER, "bench", *arguments, "--threads", threads, "--json", report], cwd=ROOT, check=True, stdout=subprocess.DEVNULL)
        with open(report) as file:
            return next(entry["real_time"] for entry in json.load(file)["benchmarks"] if entry["name"] == "total")


def peer_microseconds(command, threads):
    return float(subprocess.run(command, check=True, capture_output=True, text=True, env={**os.environ, "OMP_NUM_THREADS": threads}).stdout)


def compare(case, rounds, threads):
    """The row of a table: our median, the best peer's and the median ratio of its runs to ours (above 1: Sinter is faster)."""
    ours, theirs = [], {peer: [] for peer, command in case.peers.items() if command}
    for _ in range(rounds):
        ours.append(sinter_microseconds(case.sinter, threads))
        for peer in theirs:
            theirs[peer].append(peer_microseconds(case.peers[peer], threads))
    if not theirs:
        return None
    ratio = {peer: statistics.median(t / o for t, o in zip(times, ours)) for peer, times in theirs.items()}
    best = min(ratio, key=ratio.get)
    others = ", ".join(f"{peer} {ratio[peer]:.2f}" for peer in ratio if peer != best)
    return f"| {case.name} | {threads} | {statistics.median(ours):.2f} | {best} {statistics.median(theirs[best]):.2f} | **{ratio[best]:.2f}** | {others} |"


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("pattern", nargs="?", default=".")
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--seconds", default="0.3", help="for each run of a peer")
    parser.add_argument("--threads", default="1")
    parser.add_argument("--list", action="store_true", help="the cases' names only")
    options = parser.parse_args()
    programs, runtime = ({}, None) if options.list else build()
    if not options.list:
        print("| what | threads | Sinter us | best peer us | its time / ours | others |\n| --- | --- | --- | --- | --- | --- |")
    for threads in options.threads.split(","):
        for case in all_cases(programs, runtime, options.seconds, threads):
            if re.search(options.pattern, case.name):
                row = case.name if options.list else compare(case, options.rounds, threads)
                if row:
                    print(row, flush=True)


if __name__ == "__main__":
    main()
