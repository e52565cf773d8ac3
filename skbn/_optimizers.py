"""Stochastic optimizers over flat buffers, and schedules of the learning rate."""

from copy import copy
from math import cos, pi, sqrt

import numpy as np


class Constant:
    """A constant learning rate."""

    # Whether training always runs until the schedule ends, instead of stopping at a plateau.
    fixed_horizon = False

    def __init__(self, rate):
        self.initial = self.rate = float(rate)

    @classmethod
    def of(cls, options, _n_steps):
        """The schedule that the options of training describe.

        ``n_steps`` is the number of steps of the whole fit. It is None in a stream, whose end is
        unknown.
        """
        return cls(options.learning_rate_init)

    def config(self):
        """What distinguishes the schedule from others, independently of the step."""
        return type(self), self.initial

    def begin_step(self, t):
        """Called before every step; t is the number of previous steps."""

    def end_epoch(self, n_rows_seen):
        """Called after every epoch."""

    def fast_forward(self):
        """Start as in mid-training. Called if training continues without its previous optimizer."""

    def on_plateau(self):
        """React to a plateau; return a message, and whether training should end."""
        return "Stopping.", True


class InverseScaling(Constant):
    """η₀ / (t + 1)^power, where t is the number of rows seen until the last epoch."""

    def __init__(self, rate, power):
        super().__init__(rate)
        self.power = power

    @classmethod
    def of(cls, options, _n_steps):
        return cls(options.learning_rate_init, options.power_t)

    def config(self):
        return *super().config(), self.power

    def end_epoch(self, n_rows_seen):
        self.rate = self.initial / (n_rows_seen + 1) ** self.power


class Adaptive(Constant):
    """A learning rate that is divided by 5 each time training stops improving."""

    def on_plateau(self):
        if self.rate <= 1e-6:
            return "Learning rate too small. Stopping.", True
        self.rate /= 5.0
        return f"Setting learning rate to {self.rate:f}", False


class Cosine(Constant):
    """η₀·(1 + cos(π·t/T))/2 at step t of T (Loshchilov & Hutter, arXiv:1608.03983)."""

    fixed_horizon = True

    def __init__(self, rate, n_steps):
        super().__init__(rate)
        self.n_steps = n_steps

    @classmethod
    def of(cls, options, n_steps):
        """Cosine, or InverseTime in a stream, because a cosine needs an end."""
        rate = options.learning_rate_init
        return InverseTime(rate) if n_steps is None else cls(rate, n_steps)

    def begin_step(self, t):
        self.rate = 0.5 * self.initial * (1.0 + cos(pi * min(t / self.n_steps, 1.0)))


class InverseTime(Constant):
    """η₀/(1 + t/100) at step t, but at least η₀/20. It replaces Cosine in a stream.

    Error after ten passes in batches of 200 rows, with this schedule and with a constant rate of
    0.001: letter 0.057 and 0.15, electricity 0.20 and 0.22, kin8nm 0.095 and 0.32. With a constant
    rate of 0.006, updates on single rows undo a fit: 40 rows of load_digits reduced the accuracy
    from 0.98 to 0.35. With this schedule they reduced it from 0.95 to 0.93.
    """

    n_skipped = 0

    def begin_step(self, t):
        t += self.n_skipped
        self.rate = self.initial * max(1.0 / (1.0 + t / 100.0), 0.05)

    def fast_forward(self):
        self.n_skipped = 2000


class Optimizer:
    """Steps over all parameters at once.

    An optimizer holds no device, so that it can be pickled with its estimator.

    Parameters
    ----------
    network : Network
        Only the size, the dtype and the device of its parameters are used.
    schedule : Constant
        Schedule of the learning rate.
    constants : list of float
        Constants that the kernel reads after the learning rate.
    n_states : int
        Number of buffers, of the size of ``params``, that the kernel updates.
    """

    def __init__(self, network, schedule, constants, n_states):
        self.schedule = schedule
        self.t = 0
        self.constants = np.array([schedule.rate, *constants], network.dtype)
        zeros_like = network.device.xp.zeros_like
        self.states = [zeros_like(network.params) for _ in range(n_states)]

    def on_host(self, device):
        """A copy with its averages in host memory."""
        other = copy(self)
        other.states = [device.to_host(state) for state in self.states]
        return other

    def copy(self):
        """A copy that later steps of this optimizer do not affect."""
        other = copy(self)
        other.schedule, other.constants = copy(self.schedule), self.constants.copy()
        other.states = [state.copy() for state in self.states]
        return other

    def resume(self, known, device):
        """Continue from the averages, in host memory, of an optimizer of the same type and size.

        Its schedule continues too, unless another one was requested. Return whether this optimizer
        could continue.
        """
        if known is None:
            return False
        ours, theirs = ([(s.shape, s.dtype) for s in o.states] for o in (self, known))
        if type(known) is not type(self) or ours != theirs:
            return False
        self.t, self.states = known.t, [device.xp.array(state) for state in known.states]
        if known.schedule.config() == self.schedule.config():
            self.schedule = copy(known.schedule)
        return True

    def step(self, network, grads):
        """Move the parameters of the network along the gradients (n_params,)."""
        self.schedule.begin_step(self.t)
        self.t += 1
        self.decay(network)
        self.constants[0] = self.rate()
        kernel = self.kernel(network.device.kernels)
        arrays = grads, *self.states, network.params
        network.device.chunks.in_blocks(kernel, self.constants, *arrays)

    def decay(self, network):
        """Decay the weights before a step. This optimizer does not."""

    def rate(self):
        """The factor of the current step."""
        return self.schedule.rate


class SGD(Optimizer):
    """Stochastic gradient descent with momentum."""

    def __init__(self, network, schedule, momentum):
        super().__init__(network, schedule, [momentum], n_states=1)

    @classmethod
    def of(cls, network, schedule, options):
        """SGD, or NesterovSGD if the options request it."""
        method = NesterovSGD if options.nesterovs_momentum else cls
        return method(network, schedule, options.momentum)

    def kernel(self, kernels):
        return kernels.sgd_step


class NesterovSGD(SGD):
    """Stochastic gradient descent with Nesterov's momentum."""

    def kernel(self, kernels):
        return kernels.nesterov_step


class Adam(Optimizer):
    """Adam (Kingma & Ba 2015, arXiv:1412.6980)."""

    def __init__(self, network, schedule, beta_1, beta_2, epsilon):
        constants = [beta_1, 1.0 - beta_1, beta_2, 1.0 - beta_2, epsilon]
        super().__init__(network, schedule, constants, n_states=2)
        self.beta_1, self.beta_2 = beta_1, beta_2

    @classmethod
    def of(cls, network, schedule, options):
        return cls(network, schedule, options.beta_1, options.beta_2, options.epsilon)

    def kernel(self, kernels):
        return kernels.adam_step

    def rate(self):
        """The learning rate with the bias correction of both moments."""
        correction = sqrt(1.0 - self.beta_2**self.t) / (1.0 - self.beta_1**self.t)
        return self.schedule.rate * correction


class AdamW(Adam):
    """Adam with decoupled weight decay (Loshchilov & Hutter 2019, arXiv:1711.05101).

    Weights decay; γ, β and biases do not.
    """

    def __init__(self, network, schedule, beta_1, beta_2, epsilon, weight_decay):
        super().__init__(network, schedule, beta_1, beta_2, epsilon)
        self.weight_decay = weight_decay

    @classmethod
    def of(cls, network, schedule, options):
        moments = options.beta_1, options.beta_2, options.epsilon
        return cls(network, schedule, *moments, options.weight_decay)

    def decay(self, network):
        """Decay the weights before a step."""
        weights = network.decayed
        weights *= 1.0 - self.schedule.rate * self.weight_decay


# Classes by the values of the parameters ``learning_rate`` and ``solver``.
SCHEDULES = {
    "constant": Constant,
    "invscaling": InverseScaling,
    "adaptive": Adaptive,
    "cosine": Cosine,
}
OPTIMIZERS = {"sgd": SGD, "adam": Adam, "adamw": AdamW}
