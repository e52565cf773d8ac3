"""What an estimator learns from y: the base class for labels and for target values."""


class Targets:
    """Encodes y, and holds what fit learns from it.

    One object serves one call of fit or partial_fit. ``attributes`` returns the fitted attributes
    of the estimator. Encoded targets are called ``encoded``, an array of shape (n,) or
    (n, n_outputs).

    Subclasses define ``of``, ``fit``, ``encode``, ``decode``, ``loss_class``, ``loss``, ``score``
    and ``attributes``, and what they need of the following.
    """

    # Arguments of ``validate_data`` for the validation of y.
    checks = {}

    # Divides the logits of the fitted network. Pilots set it for targets that have one.
    temperature = 1.0
    has_temperature = False

    # With fewer rows no pilots run.
    min_pilot_rows = 100

    # Fitted attributes of pilots, where none run.
    without_pilots = {"pilots_": None, "max_iter_": None}

    @property
    def out_activation(self):
        """The activation of the outputs in a prediction."""
        return self.loss_class.link

    def begin_stream(self, _y, **_first_call):
        """Learn from the arguments of the first call of partial_fit; most targets need none."""

    def loss_weight(self, _y, weight, _incremental):
        """The weights of the rows in the loss, or None: the sample weights."""
        return weight

    def fit_prior(self, _encoded, _weight, _incremental):
        """Learn from the encoded targets of the training rows; most targets need nothing of it."""

    def unsmoothed(self):
        """These targets without label smoothing."""
        return self

    def judged(self, rows):
        """Validation rows with the weights in the loss that the training rows have."""
        return rows

    def labels_of(self, _y):
        """Labels by which pilots stratify the rows, or None."""

    def rescaled_output(self, coef, intercept):
        """The last layer after a change of the units of y, which most targets do not have."""
        return coef, intercept

    def strata(self, _encoded):
        """Labels for the ``stratify`` argument of a split, or None."""
