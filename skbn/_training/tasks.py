"""Epochs as tasks of scikit-learn's callbacks."""


class EpochTasks:
    """The subtasks of a fit, one for each epoch.

    Parameters
    ----------
    context : sklearn.callback.CallbackContext
        Context of the task of the fit.
    arguments : dict
        Arguments of all hooks: estimator, X, y and metadata.
    attributes : callable
        Returns the fitted attributes of the estimator at this point of training.
    """

    n_subtasks = 0  # number of subtasks of an epoch

    def __init__(self, context, arguments, attributes):
        self.context, self.arguments, self.attributes = context, arguments, attributes

    def begin(self):
        """Call the hooks at the beginning of an epoch."""
        self.epoch = self.context.subcontext(task_name="epoch", max_subtasks=self.n_subtasks)
        self.epoch.call_on_fit_task_begin(**self.arguments)

    def end(self):
        """Call the hooks at the end of an epoch; return whether one of them requests a stop."""
        return self.epoch.call_on_fit_task_end(
            **self.arguments, reconstruction_attributes=self.attributes
        )
