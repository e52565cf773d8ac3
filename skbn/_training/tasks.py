"""Epochs as tasks of scikit-learn's callbacks."""


class EpochTasks:
    """The subtasks of a fit, one an epoch.

    Parameters
    ----------
    context : sklearn.callback.CallbackContext
        Of the task that is the fit.
    arguments : dict
        What every hook may ask for: estimator, X, y and metadata.
    attributes : callable
        Gives the fitted attributes of the estimator as training stands.
    """

    n_subtasks = 0  # of an epoch

    def __init__(self, context, arguments, attributes):
        self.context, self.arguments, self.attributes = context, arguments, attributes

    def begin(self):
        """Call the hooks at the beginning of an epoch."""
        self.epoch = self.context.subcontext(task_name="epoch", max_subtasks=self.n_subtasks)
        self.epoch.call_on_fit_task_begin(**self.arguments)

    def end(self):
        """Call the hooks at the end of an epoch; tells whether one wants to stop."""
        return self.epoch.call_on_fit_task_end(
            **self.arguments, reconstruction_attributes=self.attributes
        )
