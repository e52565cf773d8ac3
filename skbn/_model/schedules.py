"""Schedules of the learning rate."""

from math import cos, pi


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


# Classes by the value of the parameter ``learning_rate``.
SCHEDULES = {
    "constant": Constant,
    "invscaling": InverseScaling,
    "adaptive": Adaptive,
    "cosine": Cosine,
}
