// Arrays as data: npy files, npz archives, and the idx files of MNIST. Used by load_dataset.
#pragma once

#include "runtime/data/dataset.h"
#include "runtime/data/source.h"

namespace sinter::runtime {

/// `path` is the features [samples, ...], `labels` the path of the labels beside it or relative to the current folder; without it there are none.
/// Numbers are brought into the types that the model takes. Raises Error kData, kType as the others.
Dataset read_npy_pair(const DataRequest& request);

/// An archive with features and labels: the names in `features` and `label`, else x and y, or x_train and y_train; x_test and y_test are test data.
SourceData read_npz_arrays(const DataRequest& request);

/// A folder with files named as those of MNIST, or a file of images whose labels lie beside it: the training files train, the t10k or test files are the
/// test data. Bytes become 0..1 unless `scale = false`.
SourceData read_idx_files(const DataRequest& request);

}  // namespace sinter::runtime
