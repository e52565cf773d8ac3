"""Stochastic optimizers over flat arrays."""

from copy import copy
from math import sqrt

import numpy as np

from .._statistics.passes import passes_of


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
        Number of state arrays.

    Attributes
    ----------
    states : list of ndarray
        The optimizer's state arrays, of the size of ``params``, which the kernel updates.
    """

    def __init__(self, network, schedule, constants, n_states):
        self.schedule = schedule
        self.t = 0
        self.constants = np.array([schedule.rate, *constants], network.dtype)
        zeros_like = network.device.xp.zeros_like
        self.states = [zeros_like(network.params) for _ in range(n_states)]

    def on_host(self, device):
        """A copy with its state arrays in host memory."""
        other = copy(self)
        other.states = [device.to_host(state) for state in self.states]
        return other

    def copy(self):
        """A copy that later steps of this optimizer do not affect."""
        other = copy(self)
        other.schedule, other.constants = copy(self.schedule), self.constants.copy()
        other.states = [state.copy() for state in self.states]
        return other

    def resume(self, previous, device):
        """Continue from the state arrays, in host memory, of an optimizer of the same type.

        Its schedule continues too, unless another one was requested. Return whether this optimizer
        could continue.
        """
        if previous is None:
            return False
        ours, theirs = ([(s.shape, s.dtype) for s in o.states] for o in (self, previous))
        if type(previous) is not type(self) or ours != theirs:
            return False
        self.t, self.states = previous.t, [device.xp.array(state) for state in previous.states]
        if previous.schedule.config() == self.schedule.config():
            self.schedule = copy(previous.schedule)
        return True

    def step(self, network, grads):
        """Move the parameters of the network along the gradients (n_params,)."""
        self.schedule.begin_step(self.t)
        self.t += 1
        self.constants[0] = self.rate()
        kernel = self.kernel(network.device.kernels)
        arrays = *self.decayed(network), grads, *self.states, network.params
        passes_of(network.device).in_blocks(kernel, self.constants, *arrays)

    def decayed(self, _network):
        """A list of the parameters that the kernel decays, if it decays any."""
        return []

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
        constants = [beta_1, 1.0 - beta_1, beta_2, 1.0 - beta_2, epsilon, 1.0]
        super().__init__(network, schedule, constants, n_states=2)
        self.beta_1, self.beta_2 = beta_1, beta_2

    @classmethod
    def of(cls, network, schedule, options):
        return cls(network, schedule, options.beta_1, options.beta_2, options.epsilon)

    def kernel(self, kernels):
        return kernels.adam_step

    def decayed(self, network):
        """The weights, whose factor is 1 in Adam."""
        return [network.decayed]

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

    def decayed(self, network):
        """The weights, whose factor is set for this step."""
        self.constants[-1] = 1.0 - self.schedule.rate * self.weight_decay
        return super().decayed(network)


# Classes by the value of the parameter ``solver``.
OPTIMIZERS = {"sgd": SGD, "adam": Adam, "adamw": AdamW}
