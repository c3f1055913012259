/* Sinter as a library: model texts compiled while the program runs, on the program's own memory. Plain C; sinter.hpp is the same for C++.
   Everything else that libsinter.so holds (LLVM too) is hidden: it meets no other copy in the process.

   A model is what a text says; it never changes. A session is the memory of its parameters and states, and the threads that compute. A
   function is a function of the model ("init", "predict", with a train block "step" and "evaluate", when asked for "gradient") on a
   session, with the tensors it reads and writes. Each may be closed in any order: what others need stays.

   Every function that can fail returns SINTER_FINE, or says whose fault it was; sinter_error_message() tells what. Nothing aborts, no
   exception comes out. Different threads may use different objects; one object belongs to one thread at a time, but functions of one
   session may run on several threads as long as none of them writes what another one reads (a prediction writes nothing of the session). */
#ifndef SINTER_SINTER_H
#define SINTER_SINTER_H

#include <stddef.h>
#include <stdint.h>

#if defined(__GNUC__)
#define SINTER_API __attribute__((visibility("default")))
#else
#define SINTER_API
#endif

#ifdef __cplusplus
extern "C" {
#endif

enum {
  SINTER_FINE = 0,
  SINTER_MISTAKE = 1, /* of the caller or of a file; the message says where, and how to do better */
  SINTER_FAULT = 2    /* of Sinter: please report it */
};

enum {
  SINTER_F64, SINTER_F32, SINTER_F16, SINTER_BF16, SINTER_I8, SINTER_I16, SINTER_I32, SINTER_I64, SINTER_U8, SINTER_U16, SINTER_U32,
  SINTER_U64, SINTER_BOOL /* one byte, 0 or 1 */
};

/* Elements in row-major order. One that is given is read only while the call lasts, but for what `data` points to; one that is returned
   is valid until the function runs again or its session is closed. */
typedef struct sinter_tensor {
  int32_t dtype;
  int32_t rank;
  const int64_t* dims;
  void* data;
} sinter_tensor;

typedef struct sinter_model sinter_model;
typedef struct sinter_session sinter_session;
typedef struct sinter_function sinter_function;

/* Set `size` to sizeof(sinter_model_options), all else to 0 where nothing is wanted. */
typedef struct sinter_model_options {
  size_t size;
  const char* model;      /* which one, of a text with several */
  const char* specialize; /* values compiled in: "batch=32 seq=128" */
  double learning_rate;   /* in place of the text's, when above 0 */
  int32_t gradient;       /* 1: the model has the function "gradient" too, below */
} sinter_model_options;

/* "0.1.0" */
SINTER_API const char* sinter_version(void);
/* Of the calling thread's last call that failed: what went wrong, and in a word: "syntax", "name", "type", "data", "io", "check",
   "usage", "unsupported", "memory", "internal". */
SINTER_API const char* sinter_error_message(void);
SINTER_API const char* sinter_error_kind(void);

/* ---- models ---- */

/* From a file (.sinter, .sir, or .onnx), or from a text, whose name is for messages. `options` may be 0.

   The function "gradient" stands for a training step of one's own: it changes no parameter, but has outputs d_PATH, for each parameter
   PATH its gradient. With a train block, they are the gradients of its loss for inputs and `label` (but of `frozen` parameters, and as its
   setting `gradients` makes them), and `loss` and metrics are outputs too. Without, the loss is the caller's: for each float output Y there
   is an input d_Y, the derivative of the loss with respect to Y, and float inputs have gradients as well. */
SINTER_API int32_t sinter_model_open(const char* path, const sinter_model_options* options, sinter_model** model);
SINTER_API int32_t sinter_model_parse(const char* text, const char* name, const sinter_model_options* options, sinter_model** model);
SINTER_API void sinter_model_close(sinter_model* model);

/* ---- sessions ---- */

/* Computes on so many threads of its own, asleep when idle; 0: one for each core that the process may use. All variables are 0, but
   for the parameters that an ONNX model brings. */
SINTER_API int32_t sinter_session_open(const sinter_model* model, int32_t threads, sinter_session** session);
/* A loop of the host's: calls body(data, i) for each i in [0, count), on any threads, in any order, and returns when all are done. */
typedef void (*sinter_parallel_for)(void* host, int64_t count, void (*body)(void* data, int64_t i), void* data);
/* Computes on the host's threads, at most so many at a time. */
SINTER_API int32_t sinter_session_open_in_host(const sinter_model* model, int32_t threads, sinter_parallel_for loop, void* host,
                                               sinter_session** session);
SINTER_API void sinter_session_close(sinter_session* session);

/* First values of all parameters and states, by the model's function "init"; of an ONNX model, what its file holds, as a new session has. */
SINTER_API int32_t sinter_session_initialise(sinter_session* session, uint32_t seed);
/* Weights files, or the weights of a checkpoint, as the command writes them (safetensors). A file that does not fit changes nothing. */
SINTER_API int32_t sinter_session_load(sinter_session* session, const char* path);
SINTER_API int32_t sinter_session_save(const sinter_session* session, const char* path);

/* The name of a parameter or state by its number, from 0; 0 after the last. Of a state, *is_parameter is 0. */
SINTER_API const char* sinter_session_variable_name(const sinter_session* session, int64_t index, int32_t* is_parameter);
/* The memory of a parameter or state, to read and to write; it keeps its address. Who writes through a pointer kept from an earlier call asks
   again first: values that were computed ahead from this one are then computed anew.

   A model whose schedules look at the course of the training has the states train.epochs, train.epoch_steps and train.epoch (u32): epochs in
   all, steps of one, epochs done. "step" counts train.step itself; these three are the caller's to write. */
SINTER_API int32_t sinter_session_variable(sinter_session* session, const char* name, sinter_tensor* tensor);

/* ---- functions ---- */

/* Compiles it, or takes it from the cache. */
SINTER_API int32_t sinter_function_open(sinter_session* session, const char* name, sinter_function** function);
SINTER_API void sinter_function_close(sinter_function* function);
/* The name of an input or output by its number, from 0; 0 after the last. *type, unless 0, becomes its type: "f32[batch, 10]". */
SINTER_API const char* sinter_function_port(const sinter_function* function, int64_t index, int32_t* is_output, const char** type);
/* Gives the memory of an input or output for all further runs: inputs are read, outputs written where they stand. Outputs without memory of
   the caller's have some of the function's own. */
SINTER_API int32_t sinter_function_bind(sinter_function* function, const char* port, const sinter_tensor* tensor);
/* A symbol that no input's shape tells. */
SINTER_API int32_t sinter_function_set_dim(sinter_function* function, const char* symbol, int64_t value);
/* From the second run with the same shapes on, nothing is allocated. */
SINTER_API int32_t sinter_function_run(sinter_function* function);
SINTER_API int32_t sinter_function_output(const sinter_function* function, const char* port, sinter_tensor* tensor);

#ifdef __cplusplus
}
#endif

#endif
