"""Stochastic optimizers over flat buffers, and schedules of their learning rate."""

from copy import copy
from math import cos, pi, sqrt

import numpy as np


class Constant:
    """A learning rate that stays."""

    # Whether training ends when the schedule does, and not by chance.
    fixed_horizon = False

    def __init__(self, rate):
        self.initial = self.rate = float(rate)

    @classmethod
    def of(cls, options, _n_steps):
        """The schedule that the options of training describe.

        ``n_steps`` are those of the whole fit, or None in a stream, which has no known end.
        """
        return cls(options.learning_rate_init)

    def config(self):
        """What tells it from other schedules, wherever it stands."""
        return type(self), self.initial

    def begin_step(self, t):
        """Called before every step, t the steps before it."""

    def end_epoch(self, n_rows_seen):
        """Called after every epoch."""

    def fast_forward(self):
        """Called where training goes on without its optimizer: begin as in the midst of it."""

    def on_plateau(self):
        """React to training that no longer improves: what to say, and whether it should end."""
        return "Stopping.", True


class InverseScaling(Constant):
    """η₀ / (t + 1)^power, t the rows seen until the last epoch."""

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
    """A fifth of the rate each time that training stops to improve."""

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
        """In a stream InverseTime: a cosine needs an end."""
        rate = options.learning_rate_init
        return InverseTime(rate) if n_steps is None else cls(rate, n_steps)

    def begin_step(self, t):
        self.rate = 0.5 * self.initial * (1.0 + cos(pi * min(t / self.n_steps, 1.0)))


class InverseTime(Constant):
    """η₀/(1 + t/100) at step t, and never below a twentieth: what a cosine is without an end.

    Ten passes in batches of 200 rows, error with this and with a constant 0.001: letter 0.057 and
    0.15, electricity 0.20 and 0.22, kin8nm 0.095 and 0.32. At a constant 0.006 single rows undo a
    fit: 40 of load_digits took 0.98 of accuracy to 0.35, so 0.95 to 0.93.
    """

    n_skipped = 0

    def begin_step(self, t):
        t += self.n_skipped
        self.rate = self.initial * max(1.0 / (1.0 + t / 100.0), 0.05)

    def fast_forward(self):
        self.n_skipped = 2000


class Optimizer:
    """Steps over all parameters at once.

    Holds no device, so that it can be pickled with its estimator.

    Parameters
    ----------
    network : Network
        Only the size, the dtype and the device of its parameters are taken.
    schedule : Constant
        Of the learning rate.
    constants : list of float
        What the kernel reads after the learning rate.
    n_states : int
        Buffers like params that the kernel writes.
    """

    def __init__(self, network, schedule, constants, n_states):
        self.schedule = schedule
        self.t = 0
        self.constants = np.array([schedule.rate, *constants], network.dtype)
        zeros_like = network.device.xp.zeros_like
        self.states = [zeros_like(network.params) for _ in range(n_states)]

    def on_host(self, device):
        """The same, with its averages in host memory."""
        other = copy(self)
        other.states = [device.to_host(state) for state in self.states]
        return other

    def copy(self):
        """The same, which goes on for itself."""
        other = copy(self)
        other.schedule, other.constants = copy(self.schedule), self.constants.copy()
        other.states = [state.copy() for state in self.states]
        return other

    def resume(self, known, device):
        """Go on from the averages of another optimizer of the same kind and size, on the host.

        Its schedule is kept too, unless another one was asked for. Tells whether it could.
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
        """Shrink the weights before a step: not at all."""

    def rate(self):
        """The factor of this step."""
        return self.schedule.rate


class SGD(Optimizer):
    """Stochastic gradient descent with momentum."""

    def __init__(self, network, schedule, momentum):
        super().__init__(network, schedule, [momentum], n_states=1)

    @classmethod
    def of(cls, network, schedule, options):
        """With Nesterov's momentum where the options say so."""
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
        """The learning rate with the corrections of both moments for their start at 0."""
        correction = sqrt(1.0 - self.beta_2**self.t) / (1.0 - self.beta_1**self.t)
        return self.schedule.rate * correction


class AdamW(Adam):
    """Adam with decoupled weight decay (Loshchilov & Hutter 2019, arXiv:1711.05101).

    Weights decay, γ, β and biases do not.
    """

    def __init__(self, network, schedule, beta_1, beta_2, epsilon, weight_decay):
        super().__init__(network, schedule, beta_1, beta_2, epsilon)
        self.weight_decay = weight_decay

    @classmethod
    def of(cls, network, schedule, options):
        moments = options.beta_1, options.beta_2, options.epsilon
        return cls(network, schedule, *moments, options.weight_decay)

    def decay(self, network):
        """Shrink the weights before a step."""
        weights = network.decayed
        weights *= 1.0 - self.schedule.rate * self.weight_decay


# By the parameters ``learning_rate`` and ``solver``.
SCHEDULES = {
    "constant": Constant,
    "invscaling": InverseScaling,
    "adaptive": Adaptive,
    "cosine": Cosine,
}
OPTIMIZERS = {"sgd": SGD, "adam": Adam, "adamw": AdamW}
