/* A whole training loop in plain C, around an object that Sinter compiled. No library of Sinter's, no C++:

     sinter compile examples/classifier.sinter --train --emit=object -o m.o --header m.h
     cc -I. examples/aot_training/main.c m.o -lm -o train && ./train

   It makes clusters of its own, trains the classifier of examples/classifier.sinter on them, and ends with an error when the
   network gets less than nine in ten right. */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "m.h"

enum { kSamples = 4000, kHeldOut = 1000, kWidth = 32, kClasses = 10, kBatch = 32, kEpochs = 5 };

/* xorshift: enough for made-up data. */
static uint64_t random_state = 88172645463325252u;
static double uniform(void) {
  random_state ^= random_state << 13;
  random_state ^= random_state >> 7;
  random_state ^= random_state << 17;
  return (double)(random_state >> 11) / 9007199254740992.0;
}
static double normal(void) { return sqrt(-2.0 * log(uniform() + 1e-300)) * cos(6.283185307179586 * uniform()); }

static void check(int32_t code, const char* what, const SinterFailure* failure) {
  if (code == 0) return;
  fprintf(stderr, "%s: %s (value %lld, limit %lld)\n", what, classifier_error(code), (long long)failure->value, (long long)failure->limit);
  exit(1);
}

int main(void) {
  static float features[kSamples][kWidth], centres[kClasses][kWidth];
  static int64_t labels[kSamples];
  for (int c = 0; c < kClasses; ++c)
    for (int i = 0; i < kWidth; ++i) centres[c][i] = (float)normal();
  for (int s = 0; s < kSamples; ++s) {
    labels[s] = (int64_t)(uniform() * kClasses);
    for (int i = 0; i < kWidth; ++i) features[s][i] = centres[labels[s]][i] + (float)normal();
  }

  void* state = aligned_alloc(64, (CLASSIFIER_STATE_BYTES + 63) / 64 * 64);
  int64_t bytes = classifier_step_workspace_bytes(kBatch), more = classifier_evaluate_workspace_bytes(kHeldOut);
  const int64_t init_bytes = classifier_init_workspace_bytes();
  if (more > bytes) bytes = more;
  if (init_bytes > bytes) bytes = init_bytes;
  if (bytes < 0) { fprintf(stderr, "workspace: %s\n", classifier_error((int32_t)-bytes)); return 1; }
  void* workspace = malloc((size_t)bytes);
  if (!state || !workspace) { fprintf(stderr, "out of memory\n"); return 1; }

  SinterFailure failure;
  memset(&failure, 0, sizeof failure);
  const uint32_t seed = 1;
  check(classifier_init(state, &seed, workspace, bytes, &failure), "init", &failure);

  const int train = kSamples - kHeldOut;
  float loss = 0, accuracy = 0;
  for (int epoch = 0; epoch < kEpochs; ++epoch) {
    double sum = 0;
    int count = 0;
    for (int first = 0; first + kBatch <= train; first += kBatch) {
      check(classifier_step(state, kBatch, features[first], labels + first, &loss, &accuracy, workspace, bytes, &failure), "step", &failure);
      sum += loss;
      ++count;
    }
    printf("epoch %d  loss %.4f\n", epoch + 1, sum / count);
  }
  check(classifier_evaluate(state, kHeldOut, features[train], labels + train, &loss, &accuracy, workspace, bytes, &failure), "evaluate", &failure);
  printf("held out: loss %.4f, accuracy %.1f %%\n", loss, 100 * accuracy);
  free(workspace);
  free(state);
  return accuracy >= 0.9f ? 0 : 1;
}
