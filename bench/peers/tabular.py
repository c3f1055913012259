#!/usr/bin/python3
"""The tabular examples beside scikit-learn's MLP, on the same splits: tabular.py FOLDER [SPLITS], FOLDER with iris.csv, breast_cancer.csv and diabetes.csv.

Each table is split five times (or SPLITS) into three quarters and one; both train on the same rows, standardised by the training part, and are measured
on the rest. scikit-learn's defaults (one hidden layer of 100, Adam), 1,000 epochs at most."""
import json
import pathlib
import subprocess
import sys
import tempfile
import warnings

import numpy
from sklearn.model_selection import train_test_split
from sklearn.neural_network import MLPClassifier, MLPRegressor
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

warnings.filterwarnings("ignore")
tree = pathlib.Path(__file__).resolve().parents[2]


def sinter(name, train, test, seed):
    with tempfile.TemporaryDirectory() as folder:
        for part, rows in (("train", train), ("test", test)):
            numpy.savetxt(f"{folder}/{part}.csv", rows, delimiter=",", fmt="%.9g")
        command = [tree / "build/bin/sinter", "train", tree / f"examples/{name}.sinter", "--data", f'csv("{folder}/train.csv", split = 1.0)',
                   "--validate", f"{folder}/test.csv", "--json", "--seed", str(seed)]
        return json.loads(subprocess.run(command, check=True, capture_output=True, text=True).stdout.splitlines()[-1])


def main():
    data, splits = sys.argv[1], int(sys.argv[2]) if len(sys.argv) > 2 else 5
    for name, metric in (("iris", "accuracy"), ("breast_cancer", "accuracy"), ("diabetes", "r2")):
        rows = numpy.loadtxt(f"{data}/{name}.csv", delimiter=",")
        ours, theirs = [], []
        for seed in range(splits):
            train, test = train_test_split(rows, test_size=0.25, random_state=seed, stratify=rows[:, -1] if metric == "accuracy" else None)
            model = (MLPClassifier if metric == "accuracy" else MLPRegressor)(max_iter=1000, random_state=seed)
            model = make_pipeline(StandardScaler(), model).fit(train[:, :-1], train[:, -1])
            theirs.append(model.score(test[:, :-1], test[:, -1]))
            ours.append(sinter(name, train, test, seed)["val_" + metric])
        print(f"{name:14} {metric:9} sinter {numpy.mean(ours):.4f}  scikit-learn {numpy.mean(theirs):.4f}  (means of {splits} splits; "
              f"spread {numpy.std(ours):.4f}, {numpy.std(theirs):.4f})")


main()
