#!/usr/bin/env python3
"""Writes tests/golden/library/*.txt: what PyTorch computes for definitions of Sinter's library, in f64 (format: tests/support/recorded.h).

Run with Debian's python3-numpy and python3-torch: /usr/bin/python3 tests/golden/library/make_library.py
What PyTorch lacks is written out below, in numpy, from the paper that library.sinter names. The files are committed; no test runs this.
"""
import math
import pathlib

import numpy as np
import torch
import torch.nn.functional as F

FOLDER = pathlib.Path(__file__).parent
torch.set_default_dtype(torch.float64)
random = np.random.default_rng(20)


def spelled(a):
    a = np.asarray(a.detach().numpy() if isinstance(a, torch.Tensor) else a)
    name = {"float64": "f64", "int64": "i64", "bool": "bool"}[a.dtype.name]

    def one(x):
        if name == "bool":
            return "true" if x else "false"
        if name == "i64":
            return str(int(x))
        text = f"{float(x):.13g}"
        return text if set(text) & set(".en") else text + ".0"

    return f"{name}[{', '.join(map(str, a.shape))}]{{{', '.join(one(x) for x in a.ravel())}}}"


def numbers(*shape):
    """Numbers of three digits, so that the files stay short."""
    return torch.tensor(np.round(random.normal(size=shape), 2))


class Writer:
    def __init__(self, name, what):
        self.path, self.lines = FOLDER / f"{name}.txt", [f"# {what}"]

    def call(self, text, inputs, function, parameters=None, gradient=True):
        """`text` calls with tensors `name: type`; inputs and parameters by Sinter's names; `function` takes the inputs by name."""
        leaves = {k: v.clone().requires_grad_(v.is_floating_point()) for k, v in inputs.items()}
        result = function(**leaves)
        self.lines.append(text)
        parameters = parameters or {}
        values = leaves | {name: value for name, (value, _) in parameters.items()} | {"result": result}
        if gradient:
            way = numbers(*result.shape)
            result.backward(way)
            values["d_result"] = way
            for name, leaf in leaves.items():
                if leaf.is_floating_point():
                    values["d_" + name] = torch.zeros_like(leaf) if leaf.grad is None else leaf.grad
            values |= {"d_" + name: grad() for name, (_, grad) in parameters.items() if grad is not None}
        self.lines += [f"    {name} = {spelled(value)}" for name, value in values.items()]

    def write(self):
        self.path.write_text("\n".join(self.lines) + "\n")


# ---- activations ----

def activations():
    w = Writer("activations", "From PyTorch's torch.nn.functional.")
    x = torch.tensor([[-7.5, -3.25, -2.0, -1.25, -0.3, 0.1], [0.45, 0.9, 1.5, 2.75, 4.0, 7.0]])
    one = lambda text, f: w.call(text, {"x": x}, lambda x: f(x))
    one("leaky_relu(x: f64[2, 6])", F.leaky_relu)
    one("elu(x: f64[2, 6], alpha = 0.7)", lambda x: F.elu(x, 0.7))
    one("selu(x: f64[2, 6])", F.selu)
    one("celu(x: f64[2, 6])", F.celu)
    one("celu(x: f64[2, 6], alpha = 2)", lambda x: F.celu(x, 2.0))
    one("gelu(x: f64[2, 6])", F.gelu)
    one("gelu(x: f64[2, 6], form = \"tanh\")", lambda x: 0.5 * x * (1 + torch.tanh(math.sqrt(2 / math.pi) * (x + 0.044715 * x ** 3))))
    one("silu(x: f64[2, 6])", F.silu)
    one("mish(x: f64[2, 6])", F.mish)
    one("hard_sigmoid(x: f64[2, 6])", lambda x: torch.clamp(x / 6 + 0.5, 0, 1))  # F.hardsigmoid has a gradient of f32
    one("hard_swish(x: f64[2, 6])", F.hardswish)
    one("hard_tanh(x: f64[2, 6])", F.hardtanh)
    one("hard_tanh(x: f64[2, 6], low = -3, high = 0.5)", lambda x: F.hardtanh(x, -3.0, 0.5))
    one("relu6(x: f64[2, 6])", F.relu6)
    one("softplus(x: f64[2, 6])", F.softplus)
    one("softsign(x: f64[2, 6])", F.softsign)
    one("log_sigmoid(x: f64[2, 6])", F.logsigmoid)
    one("softmax(x: f64[2, 6])", lambda x: F.softmax(x, -1))
    one("softmax(x: f64[2, 6], axis = 0)", lambda x: F.softmax(x, 0))
    one("log_softmax(x: f64[2, 6])", lambda x: F.log_softmax(x, -1))
    one("glu(x: f64[2, 6])", F.glu)
    w.call("swiglu(gate: f64[2, 3], x: f64[2, 3])", {"gate": x[:, :3].clone(), "x": x[:, 3:].clone()}, lambda gate, x: F.silu(gate) * x)
    slope = torch.tensor([0.25, -0.5], requires_grad=True)
    w.call("prelu(x: f64[3, 2, 4], axis = 1)", {"x": numbers(3, 2, 4)}, lambda x: F.prelu(x, slope),
           {"result.slope": (slope, lambda: slope.grad)})
    single = torch.tensor([0.1], requires_grad=True)
    w.call("prelu(x: f64[2, 6])", {"x": x}, lambda x: F.prelu(x, single),
           {"result.slope": (single.detach()[0], lambda: single.grad[0])})
    w.write()


# ---- losses ----

def losses():
    w = Writer("losses", "From PyTorch's losses.")
    logits, label = numbers(5, 4), torch.tensor([2, 0, 3, 3, 1])
    weight = [0.5, 1.0, 2.0, 0.25]
    tw = torch.tensor(weight)

    def classes(arguments, **more):
        w.call(f"cross_entropy(x: f64[5, 4], t: i64[5]{arguments})", {"x": logits, "t": label},
               lambda x, t: F.cross_entropy(x, t, **more))

    classes("")
    classes(", reduction = \"sum\"", reduction="sum")
    classes(", reduction = \"none\"", reduction="none")
    classes(", smoothing = 0.1", label_smoothing=0.1)
    classes(", weight = [0.5, 1, 2, 0.25]", weight=tw)
    classes(", ignore = 3", ignore_index=3)
    classes(", weight = [0.5, 1, 2, 0.25], smoothing = 0.2, ignore = 0", weight=tw, label_smoothing=0.2, ignore_index=0)
    classes(", weight = [0.5, 1, 2, 0.25], smoothing = 0.2, ignore = 0, reduction = \"sum\"", weight=tw, label_smoothing=0.2,
            ignore_index=0, reduction="sum")
    classes(", weight = [0.5, 1, 2, 0.25], smoothing = 0.2, ignore = 0, reduction = \"none\"", weight=tw, label_smoothing=0.2,
            ignore_index=0, reduction="none")
    padded = torch.tensor([2, -100, 3, -100, 1])
    w.call("cross_entropy(x: f64[5, 4], t: i64[5], ignore = -100)", {"x": logits, "t": padded},
           lambda x, t: F.cross_entropy(x, t))
    w.call("cross_entropy(x: f64[2, 3, 4], t: i64[2, 3], smoothing = 0.1)",
           {"x": numbers(2, 3, 4), "t": torch.tensor([[0, 1, 3], [2, 2, 0]])},
           lambda x, t: F.cross_entropy(x.transpose(1, 2), t, label_smoothing=0.1))
    truth = torch.tensor([[0.1, 0.2, 0.3, 0.4], [1.0, 0, 0, 0], [0.25, 0.25, 0.25, 0.25], [0, 0.5, 0.5, 0], [0, 0, 0, 1.0]])

    def shares(arguments, **more):
        w.call(f"cross_entropy(x: f64[5, 4], truth: f64[5, 4]{arguments})", {"x": logits, "truth": truth},
               lambda x, truth: F.cross_entropy(x, truth, **more))

    shares("")
    shares(", smoothing = 0.1", label_smoothing=0.1)
    shares(", weight = [0.5, 1, 2, 0.25], reduction = \"sum\"", weight=tw, reduction="sum")
    shares(", weight = [0.5, 1, 2, 0.25], smoothing = 0.3, reduction = \"none\"", weight=tw, label_smoothing=0.3, reduction="none")
    logs = F.log_softmax(logits, -1)
    for arguments, more in (("", {}), (", weight = [0.5, 1, 2, 0.25]", {"weight": tw}), (", ignore = 3", {"ignore_index": 3}),
                            (", weight = [0.5, 1, 2, 0.25], reduction = \"none\"", {"weight": tw, "reduction": "none"})):
        w.call(f"nll(x: f64[5, 4], t: i64[5]{arguments})", {"x": logs, "t": label},
               lambda x, t: F.nll_loss(x, t, **more))

    x, y = numbers(3, 4), numbers(3, 4)

    def pair(name, f, x=x, y=y):
        for arguments, more in (("", {}), (", reduction = \"sum\"", {"reduction": "sum"}), (", reduction = \"none\"", {"reduction": "none"})):
            a, extra = name if isinstance(name, tuple) else (name, "")
            w.call(f"{a}(x: f64[3, 4], y: f64[3, 4]{extra}{arguments})", {"x": x, "y": y}, lambda x, y: f(x, y, **more))

    pair("mean_squared_error", F.mse_loss)
    pair("mean_absolute_error", F.l1_loss)
    pair(("huber", ", delta = 0.8"), lambda x, y, **m: F.huber_loss(x, y, delta=0.8, **m))
    pair("huber", F.huber_loss)
    pair(("smooth_l1", ", beta = 0.6"), lambda x, y, **m: F.smooth_l1_loss(x, y, beta=0.6, **m))
    pair(("smooth_l1", ", beta = 0"), lambda x, y, **m: F.smooth_l1_loss(x, y, beta=0.0, **m))
    shares_x, shares_y = torch.sigmoid(x).round(decimals=2), torch.sigmoid(y).round(decimals=2)
    pair("binary_cross_entropy", F.binary_cross_entropy, shares_x, shares_y)
    pair("binary_cross_entropy_with_logits", F.binary_cross_entropy_with_logits, x * 4, shares_y)
    pair(("binary_cross_entropy_with_logits", ", positive_weight = 2.5"),
         lambda x, y, **m: F.binary_cross_entropy_with_logits(x, y, pos_weight=torch.tensor([2.5]), **m), x * 4, shares_y)
    sides = torch.sign(y)

    def hinge(x, y, reduction="mean"):
        each = torch.clamp(1 - y * x, min=0)
        return each.mean() if reduction == "mean" else each.sum() if reduction == "sum" else each

    pair("hinge", hinge, x, sides)
    q, p = F.log_softmax(x, -1), torch.tensor([[0.1, 0.2, 0.3, 0.4], [1.0, 0, 0, 0], [0.25, 0.25, 0.25, 0.25]])
    for arguments, more in (("", {}), (", batch_mean = true", {"reduction": "batchmean"}), (", reduction = \"none\"", {"reduction": "none"})):
        w.call(f"kl_divergence(x: f64[3, 4], const f64[3, 4]{arguments})", {"x": q}, lambda x: F.kl_div(x, p, **more),
               {"constant1": (p, None)})
    w.call("cosine_similarity(x: f64[3, 4], y: f64[3, 4])", {"x": x, "y": y}, lambda x, y: F.cosine_similarity(x, y))
    w.call("cosine_similarity(x: f64[3, 4], y: f64[3, 4], axis = 0)", {"x": x, "y": y}, lambda x, y: F.cosine_similarity(x, y, dim=0))
    w.call("cosine_loss(x: f64[3, 4], y: f64[3, 4])", {"x": x, "y": y}, lambda x, y: F.cosine_embedding_loss(x, y, torch.ones(3)))
    w.write()


# ---- optimizers ----

def lion(parameters, lr=1e-4, betas=(0.9, 0.99), weight_decay=0.0):
    class Lion:
        m = torch.zeros_like(parameters[0])

        def step(self):
            (p,) = parameters
            with torch.no_grad():
                p.mul_(1 - lr * weight_decay)
                p.sub_(lr * torch.sign(betas[0] * self.m + (1 - betas[0]) * p.grad))
                self.m = betas[1] * self.m + (1 - betas[1]) * p.grad

    return Lion()


def optimizers():
    O = torch.optim
    start, gradients = numbers(4), numbers(8, 4)
    gradients[3, 1] = 0
    lines = ["# From PyTorch's torch.optim (lion: written out), the parameter after each of eight steps with these gradients.",
             "start", f"    value = {spelled(start)}", f"    gradient = {spelled(gradients)}"]
    cases = [
        ("sgd(0.1)", lambda p: O.SGD(p, 0.1)),
        ("sgd(0.1, momentum = 0.9)", lambda p: O.SGD(p, 0.1, momentum=0.9)),
        ("sgd(0.1, momentum = 0.9, dampening = 0.4, weight_decay = 0.1)",
         lambda p: O.SGD(p, 0.1, momentum=0.9, dampening=0.4, weight_decay=0.1)),
        ("sgd(0.1, momentum = 0.9, nesterov = true)", lambda p: O.SGD(p, 0.1, momentum=0.9, nesterov=True)),
        ("adam()", lambda p: O.Adam(p)),
        ("adam(0.1, beta1 = 0.8, beta2 = 0.95, epsilon = 0.001, weight_decay = 0.1)",
         lambda p: O.Adam(p, 0.1, betas=(0.8, 0.95), eps=0.001, weight_decay=0.1)),
        ("adam(0.1, amsgrad = true)", lambda p: O.Adam(p, 0.1, amsgrad=True)),
        ("adamw()", lambda p: O.AdamW(p)),
        ("adamw(0.1, beta1 = 0.8, beta2 = 0.95, weight_decay = 0.2, amsgrad = true)",
         lambda p: O.AdamW(p, 0.1, betas=(0.8, 0.95), weight_decay=0.2, amsgrad=True)),
        ("adamax()", lambda p: O.Adamax(p)),
        ("adamax(0.1, weight_decay = 0.1)", lambda p: O.Adamax(p, 0.1, weight_decay=0.1)),
        # the loop over single tensors of PyTorch 1.13 multiplies a momentum in twice
        ("nadam()", lambda p: O.NAdam(p, foreach=True)),
        ("nadam(0.1, weight_decay = 0.1, momentum_decay = 0.1)", lambda p: O.NAdam(p, 0.1, weight_decay=0.1, momentum_decay=0.1, foreach=True)),
        ("radam()", lambda p: O.RAdam(p)),
        ("radam(0.1, weight_decay = 0.1)", lambda p: O.RAdam(p, 0.1, weight_decay=0.1)),
        ("rmsprop()", lambda p: O.RMSprop(p)),
        ("rmsprop(0.1, decay = 0.8, epsilon = 0.001, weight_decay = 0.1, momentum = 0.7)",
         lambda p: O.RMSprop(p, 0.1, alpha=0.8, eps=0.001, weight_decay=0.1, momentum=0.7)),
        ("rmsprop(0.1, centered = true)", lambda p: O.RMSprop(p, 0.1, centered=True)),
        ("rmsprop(0.1, centered = true, momentum = 0.5)", lambda p: O.RMSprop(p, 0.1, centered=True, momentum=0.5)),
        ("adagrad()", lambda p: O.Adagrad(p)),
        ("adagrad(0.1, rate_decay = 0.2, weight_decay = 0.1, initial_sum = 0.5)",
         lambda p: O.Adagrad(p, 0.1, lr_decay=0.2, weight_decay=0.1, initial_accumulator_value=0.5)),
        ("adadelta()", lambda p: O.Adadelta(p)),
        ("adadelta(0.5, decay = 0.8, epsilon = 0.001, weight_decay = 0.1)",
         lambda p: O.Adadelta(p, 0.5, rho=0.8, eps=0.001, weight_decay=0.1)),
        ("lion()", lambda p: lion(p)),
        ("lion(0.1, beta1 = 0.8, beta2 = 0.7, weight_decay = 0.1)", lambda p: lion(p, 0.1, (0.8, 0.7), 0.1)),
    ]
    for text, make in cases:
        p = start.clone().requires_grad_(True)
        optimizer, after = make([p]), []
        for gradient in gradients:
            p.grad = gradient.clone()
            optimizer.step()
            after.append(p.detach().clone())
        lines += [text, f"    result = {spelled(torch.stack(after))}"]
    (FOLDER / "optimizers.txt").write_text("\n".join(lines) + "\n")


# ---- schedules ----

def schedules():
    S = torch.optim.lr_scheduler
    epochs, epoch_steps = 6, 5
    total = epochs * epoch_steps
    lines = [f"# From torch.optim.lr_scheduler: the rate of each step of {epochs} epochs of {epoch_steps} steps; `monitored` is what each epoch measured."]

    def case(text, make, by="step", rate=0.1, monitored=None):
        optimizer = torch.optim.SGD([torch.zeros(1, requires_grad=True)], rate)
        schedule, rates = make(optimizer), []
        for step in range(total):
            rates.append(optimizer.param_groups[0]["lr"])
            optimizer.step()
            if by == "step":
                schedule.step()
            elif (step + 1) % epoch_steps == 0:
                schedule.step(*([] if monitored is None else [monitored[step // epoch_steps]]))
        lines.append(text)
        if monitored is not None:
            lines.append(f"    monitored = {spelled(np.array(monitored, dtype=float))}")
        lines.append(f"    result = {spelled(np.array(rates))}")

    case("step_decay(0.1, every = 2)", lambda o: S.StepLR(o, 2), "epoch")
    case("step_decay(0.1, every = 7, factor = 0.5, by = \"step\")", lambda o: S.StepLR(o, 7, gamma=0.5))
    case("multi_step(0.1, at = [1, 4])", lambda o: S.MultiStepLR(o, [1, 4]), "epoch")
    case("multi_step(0.1, at = [3, 11, 12], factor = 0.3, by = \"step\")", lambda o: S.MultiStepLR(o, [3, 11, 12], gamma=0.3))
    case("exponential(0.1, factor = 0.9)", lambda o: S.ExponentialLR(o, 0.9), "epoch")
    case("exponential(0.1, factor = 0.97, by = \"step\")", lambda o: S.ExponentialLR(o, 0.97))
    case("linear(0.1)", lambda o: S.LinearLR(o, 1.0, 0.0, total))
    case("linear(0.1, final = 0.02, steps = 12)", lambda o: S.LinearLR(o, 1.0, 0.2, 12))
    case("cosine(0.1)", lambda o: S.CosineAnnealingLR(o, total))
    case("cosine(0.1, final = 0.01, steps = 30)", lambda o: S.CosineAnnealingLR(o, 30, 0.01))
    case("cosine_restarts(0.1, every = 3)", lambda o: S.CosineAnnealingWarmRestarts(o, 3), "epoch")
    case("cosine_restarts(0.1, every = 8, final = 0.01, by = \"step\")", lambda o: S.CosineAnnealingWarmRestarts(o, 8, eta_min=0.01))
    case("polynomial(0.1)", lambda o: S.PolynomialLR(o, total))
    case("polynomial(0.1, power = 2.5, steps = 20)", lambda o: S.PolynomialLR(o, 20, 2.5))
    case("warmup(0.1, steps = 10, start = 0.2)", lambda o: S.LinearLR(o, 0.2, 1.0, 10))
    case("warmup(cosine(0.1), steps = 8, start = 0.1)",
         lambda o: S.SequentialLR(o, [S.LinearLR(o, 0.1, 1.0, 8), S.CosineAnnealingLR(o, total - 8)], [8]))
    case("scaled(warmup(linear(0.1), steps = 6, start = 0.5), 0.1)",
         lambda o: S.SequentialLR(o, [S.LinearLR(o, 0.5, 1.0, 6), S.LinearLR(o, 1.0, 0.0, total - 6)], [6]), rate=0.01)
    case("one_cycle(0.1)", lambda o: S.OneCycleLR(o, 0.1, total))
    case("one_cycle(0.1, warm = 0.4, first_divisor = 10, last_divisor = 100, form = \"linear\")",
         lambda o: S.OneCycleLR(o, 0.1, total, pct_start=0.4, div_factor=10, final_div_factor=100, anneal_strategy="linear"))
    falling = [1.0, 0.9, 0.95, 0.91, 0.92, 0.93]
    case("plateau(0.1, patience = 1)", lambda o: S.ReduceLROnPlateau(o, patience=1), "epoch", monitored=falling)
    case("plateau(0.1, patience = 0, factor = 0.5, cooldown = 1, lowest = 0.02)",
         lambda o: S.ReduceLROnPlateau(o, factor=0.5, patience=0, cooldown=1, min_lr=0.02), "epoch", monitored=[1.0, 1.0, 1.1, 1.2, 1.3, 1.4])
    case("plateau(0.1, patience = 0, threshold = 0.2, mode = \"max\")", lambda o: S.ReduceLROnPlateau(o, "max", patience=0, threshold=0.2),
         "epoch", monitored=[0.5, 0.55, 0.7, 0.71, 0.8, 0.9])
    (FOLDER / "schedules.txt").write_text("\n".join(lines) + "\n")


# ---- metrics ----

def metrics():
    from sklearn import metrics as M  # Debian's python3-sklearn
    lines = ["# From scikit-learn's metrics over all samples; x is the model's output, t the label."]
    x, t = numbers(11, 5), torch.tensor([0, 1, 1, 3, 0, 2, 3, 3, 1, 0, 2])
    x[:, 4] -= 9  # a class that neither is nor is guessed
    x[torch.arange(6), t[:6]] += 2
    guess = x.argmax(-1)

    def case(text, x, t, value):
        lines.extend([text, f"    x = {spelled(x)}", f"    t = {spelled(t)}", f"    result = {spelled(np.asarray(value, dtype=float))}"])

    for name, f in (("precision", M.precision_score), ("recall", M.recall_score), ("f1", M.f1_score)):
        for average in ("macro", "weighted"):
            case(f'{name}(y, label, average = "{average}")', x, t, f(t, guess, average=average, zero_division=0))
        case(f'{name}(y, label, average = "none")', x, t, f(t, guess, average=None, labels=range(5), zero_division=0))
    case("confusion_matrix(y, label)", x, t, M.confusion_matrix(t, guess, labels=range(5)))
    case("accuracy(y, label)", x, t, M.accuracy_score(t, guess))
    case("top_k_accuracy(y, label, k = 2)", x, t, M.top_k_accuracy_score(t, x, k=2, labels=range(5)))
    case("perplexity(y, label)", x, t, torch.exp(F.cross_entropy(x, t)))
    case("perplexity(y, label, ignore = 3)", x, t, torch.exp(F.cross_entropy(x, t, ignore_index=3)))
    p, b = torch.sigmoid(numbers(9, 1)), torch.tensor([[1.0], [0], [0], [1], [1], [0], [1], [0], [1]])
    for name, f in (("precision", M.precision_score), ("recall", M.recall_score), ("f1", M.f1_score), ("accuracy", M.accuracy_score)):
        case(f"binary_{name}(y, label)", p, b, f(b[:, 0], p[:, 0] > 0.5))
        case(f"binary_{name}(y, label, threshold = 0.7)", p, b, f(b[:, 0], p[:, 0] > 0.7))
    case("binary_precision(y, label, threshold = 2)", p, b, 0)
    z, r = numbers(7, 3) + 50, numbers(7, 3) + 50
    r[:, 1] = 50.25  # a column without variance
    case("root_mean_squared_error(y, label)", z, r, math.sqrt(M.mean_squared_error(r, z)))
    case("mean_absolute_error(y, label)", z, r, M.mean_absolute_error(r, z))
    case("mean_squared_error(y, label)", z, r, M.mean_squared_error(r, z))
    case("r2(y, label)", z, r, M.r2_score(r, z))
    z[:, 1] = 50.25
    case("r2(y, label)", z, r, M.r2_score(r, z))
    (FOLDER / "metrics.txt").write_text("\n".join(lines) + "\n")


# ---- attention and transformers ----

def attention(query, key, value, mask=None, scale=None):
    scores = query @ key.transpose(-1, -2) * (1 / math.sqrt(query.shape[-1]) if scale is None else scale)
    if mask is not None:
        scores = scores.masked_fill(~mask, -math.inf) if mask.dtype == torch.bool else scores + mask
    return torch.softmax(scores, -1) @ value


def causal(queries, keys):
    return torch.ones(queries, keys, dtype=torch.bool).tril(keys - queries)


def shrunk(module):
    """Parameters of few digits."""
    with torch.no_grad():
        for p in module.parameters():
            p.copy_(numbers(*p.shape) * 0.5)
    return module.eval()


def linear(prefix, weight, bias, rows=slice(None)):
    """Parameters of a dense layer from those of torch's: weights are transposed; of packed ones, `rows`."""
    return {prefix + ".weight": (weight[rows].T, lambda: weight.grad[rows].T), prefix + ".bias": (bias[rows], lambda: bias.grad[rows])}


def heads_of(prefix, module):
    n = module.embed_dim
    result = {}
    for i, name in enumerate("qkv"):
        result |= linear(prefix + "." + name, module.in_proj_weight, module.in_proj_bias, slice(i * n, (i + 1) * n))
    return result | linear(prefix + ".out", module.out_proj.weight, module.out_proj.bias)


def norm_of(prefix, module):
    return {prefix + ".scale": (module.weight, lambda: module.weight.grad), prefix + ".bias": (module.bias, lambda: module.bias.grad)}


def transformers():
    w = Writer("attention", "From PyTorch: torch.nn.MultiheadAttention and transformer layers; attention by its formula.")
    q, k, v = numbers(2, 4, 3, 5), numbers(2, 4, 6, 5), numbers(2, 4, 6, 2)
    types = "q: f64[2, 4, 3, 5], k: f64[2, 4, 6, 5], v: f64[2, 4, 6, 2]"
    w.call(f"attention({types})", {"q": q, "k": k, "v": v}, lambda q, k, v: attention(q, k, v))
    w.call(f"attention({types}, scale = 0.5)", {"q": q, "k": k, "v": v}, lambda q, k, v: attention(q, k, v, scale=0.5))
    w.call(f"attention({types}, causal = true)", {"q": q, "k": k, "v": v}, lambda q, k, v: attention(q, k, v, causal(3, 6)))
    mask = torch.tensor(random.random((2, 1, 1, 6)) < 0.6) | (torch.arange(6) == 2)
    w.call(f"attention({types}, mask = m: bool[2, 1, 1, 6])", {"q": q, "k": k, "v": v, "m": mask}, lambda q, k, v, m: attention(q, k, v, m))
    w.call(f"attention({types}, mask = m: f64[3, 6])", {"q": q, "k": k, "v": v, "m": numbers(3, 6)},
           lambda q, k, v, m: attention(q, k, v, m))
    few = {"q": q, "k": k[:, :2].clone(), "v": v[:, :2].clone()}
    w.call("attention(q: f64[2, 4, 3, 5], k: f64[2, 2, 6, 5], v: f64[2, 2, 6, 2], causal = true)", few,
           lambda q, k, v: attention(q, k.repeat_interleave(2, 1), v.repeat_interleave(2, 1), causal(3, 6)))
    w.call("attention(q: f64[3, 5], k: f64[6, 5], v: f64[6, 2])", {"q": q[0, 0].clone(), "k": k[0, 0].clone(), "v": v[0, 0].clone()},
           lambda q, k, v: attention(q, k, v))

    module = shrunk(torch.nn.MultiheadAttention(6, 2, batch_first=True))
    module.train()  # without dropout the same, and without the shortcut that has no gradient
    w.call("multi_head_attention(x: f64[2, 4, 6], 2)", {"x": numbers(2, 4, 6)}, lambda x: module(x, x, x, need_weights=False)[0],
           heads_of("result", module))
    module = shrunk(torch.nn.MultiheadAttention(6, 3, batch_first=True)).train()
    w.call("multi_head_attention(x: f64[2, 4, 6], 3, causal = true)", {"x": numbers(2, 4, 6)},
           lambda x: module(x, x, x, need_weights=False, attn_mask=~causal(4, 4))[0], heads_of("result", module))
    module = shrunk(torch.nn.MultiheadAttention(6, 2, batch_first=True)).train()
    w.call("multi_head_attention(x: f64[2, 4, 6], 2, context = c: f64[2, 3, 6])", {"x": numbers(2, 4, 6), "c": numbers(2, 3, 6)},
           lambda x, c: module(x, c, c, need_weights=False)[0], heads_of("result", module))

    for first in (False, True):
        for name, activation in (("relu", F.relu), ("gelu", F.gelu)):
            block = shrunk(torch.nn.TransformerEncoderLayer(4, 2, 6, dropout=0.0, activation=activation, batch_first=True, norm_first=first)).train()
            parameters = heads_of("result.attention", block.self_attn) | norm_of("result.norm1", block.norm1)
            parameters |= norm_of("result.norm2", block.norm2) | linear("result.feed_forward.up", block.linear1.weight, block.linear1.bias)
            parameters |= linear("result.feed_forward.down", block.linear2.weight, block.linear2.bias)
            text = f"transformer_encoder(x: f64[2, 3, 4], 2, 6, {name}, dropout = 0, norm_first = {str(first).lower()})"
            w.call(text, {"x": numbers(2, 3, 4)}, lambda x: block(x), parameters)
    for first in (False, True):
        block = shrunk(torch.nn.TransformerDecoderLayer(4, 2, 6, dropout=0.0, batch_first=True, norm_first=first)).train()
        parameters = heads_of("result.attention", block.self_attn) | heads_of("result.cross_attention", block.multihead_attn)
        for i, norm in enumerate((block.norm1, block.norm2, block.norm3)):
            parameters |= norm_of(f"result.norm{i + 1}", norm)
        parameters |= linear("result.feed_forward.up", block.linear1.weight, block.linear1.bias)
        parameters |= linear("result.feed_forward.down", block.linear2.weight, block.linear2.bias)
        text = f"transformer_decoder(x: f64[2, 3, 4], c: f64[2, 5, 4], 2, 6, dropout = 0, norm_first = {str(first).lower()})"
        w.call(text, {"x": numbers(2, 3, 4), "c": numbers(2, 5, 4)}, lambda x, c: block(x, c, tgt_mask=~causal(3, 3)), parameters)

    position = torch.arange(5.0)[:, None]
    rate = torch.exp(torch.arange(0, 6, 2) * (-math.log(10000.0) / 6))
    table = torch.zeros(5, 6)
    table[:, 0::2], table[:, 1::2] = torch.sin(position * rate), torch.cos(position * rate)
    w.call("(x: f64[5, 6]) + sinusoidal_positions(5, 6, dtype = f64)", {"x": numbers(5, 6)}, lambda x: x + table)
    angle = position * torch.exp(torch.arange(3) * (-math.log(10000.0) / 3))

    def rotary(x):
        turned = torch.cat([-x[..., 3:], x[..., :3]], -1)
        return x * torch.cat([angle.cos()] * 2, -1) + turned * torch.cat([angle.sin()] * 2, -1)

    w.call("rotary(x: f64[2, 5, 6])", {"x": numbers(2, 5, 6)}, rotary)
    index, weight = torch.tensor([[0, 3, 1], [3, 3, 2]]), numbers(4, 2).requires_grad_(True)
    w.call("embedding(i: i64[2, 3], 4, 2, dtype = f64)", {"i": index}, lambda i: F.embedding(i, weight),
           {"result.weight": (weight, lambda: weight.grad)})
    layer = shrunk(torch.nn.Linear(3, 4))
    w.call("dense(x: f64[2, 3], 4)", {"x": numbers(2, 3)}, lambda x: layer(x), linear("result", layer.weight, layer.bias))
    w.write()


# ---- recurrent networks ----

def recurrent_of(prefix, module, suffix="_l0", bias=True):
    result = {}
    for name, theirs in (("input", "ih"), ("hidden", "hh")):
        weight = getattr(module, f"weight_{theirs}{suffix}")
        result[f"{prefix}.{name}_weight"] = (weight.T, lambda weight=weight: weight.grad.T)
        if bias:
            values = getattr(module, f"bias_{theirs}{suffix}")
            result[f"{prefix}.{name}_bias"] = (values, lambda values=values: values.grad)
    return result


def recurrent():
    global random
    random = np.random.default_rng(21)
    w = Writer("recurrent", "From PyTorch: torch.nn.RNN, LSTM, GRU and their cells.")
    for name, cell in (("rnn", torch.nn.RNNCell), ("gru", torch.nn.GRUCell)):
        module = shrunk(cell(3, 4))
        w.call(f"{name}_cell(x: f64[2, 3], h: f64[2, 4])", {"x": numbers(2, 3), "h": numbers(2, 4)}, lambda x, h: module(x, h), recurrent_of("result", module, ""))
    module = shrunk(torch.nn.RNNCell(3, 4, bias=False, nonlinearity="relu"))
    w.call("rnn_cell(x: f64[2, 3], h: f64[2, 4], relu, bias = false)", {"x": numbers(2, 3), "h": numbers(2, 4)}, lambda x, h: module(x, h),
           recurrent_of("result", module, "", False))
    module = shrunk(torch.nn.LSTMCell(3, 4))
    w.call("concatenate(lstm_cell(x: f64[2, 3], h: f64[2, 4], c: f64[2, 4], name = \"cell\"), axis = -1)",
           {"x": numbers(2, 3), "h": numbers(2, 4), "c": numbers(2, 4)}, lambda x, h, c: torch.cat(module(x, (h, c)), -1), recurrent_of("cell", module, ""))

    for name, kind in (("rnn", torch.nn.RNN), ("gru", torch.nn.GRU), ("lstm", torch.nn.LSTM)):
        for bias in (True, False):
            module = shrunk(kind(3, 4, batch_first=True, bias=bias))
            text = f"{name}(x: f64[2, 5, 3], 4" + ("" if bias else ", bias = false") + ")[0]"
            w.call(text, {"x": numbers(2, 5, 3)}, lambda x: module(x)[0], recurrent_of("result", module, bias=bias))
        module = shrunk(kind(3, 4, batch_first=True))
        inputs = {"x": numbers(2, 5, 3), "h": numbers(2, 4)}
        text = f"{name}(x: f64[2, 5, 3], 4, h: f64[2, 4])[1]"
        if name == "lstm":
            inputs["c"] = numbers(2, 4)
            text = f"{name}(x: f64[2, 5, 3], 4, h: f64[2, 4], c: f64[2, 4])"
            w.call(text + "[2]", inputs, lambda x, h, c: module(x, (h[None], c[None]))[1][1][0], recurrent_of("result", module))
            module.zero_grad()
            w.call(text + "[0]", inputs, lambda x, h, c: module(x, (h[None], c[None]))[0], recurrent_of("result", module))
        else:
            w.call(text, inputs, lambda x, h: module(x, h[None])[1][0], recurrent_of("result", module))
        # torch goes backwards in its second direction alone
        module = shrunk(kind(3, 4, batch_first=True, bidirectional=True))
        w.call(f"{name}(x: f64[2, 5, 3], 4, reverse = true)[0]", {"x": numbers(2, 5, 3)}, lambda x: module(x)[0][:, :, 4:],
               recurrent_of("result", module, "_l0_reverse"))
        module.zero_grad()
        parameters = recurrent_of("result.forward", module) | recurrent_of("result.backward", module, "_l0_reverse")
        w.call(f"bidirectional(x: f64[2, 5, 3], 4, {name})[0]", {"x": numbers(2, 5, 3)}, lambda x: module(x)[0], parameters)
    module = shrunk(torch.nn.RNN(3, 4, batch_first=True, nonlinearity="relu"))
    w.call("rnn(x: f64[2, 5, 3], 4, activation = relu)[0]", {"x": numbers(2, 5, 3)}, lambda x: module(x)[0], recurrent_of("result", module))
    w.write()


if __name__ == "__main__":
    activations()
    losses()
    optimizers()
    schedules()
    transformers()
    metrics()
    recurrent()
