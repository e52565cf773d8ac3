"""The parts that the docstrings of the classifier and the regressor share."""

from inspect import cleandoc
from textwrap import dedent

from .._model import ACTIVATIONS

NETWORK_PARAMETERS = """\
    hidden_layer_sizes : int or array-like of int, default=(192, 192, 192)
        Number of units of each hidden layer. Three layers have a lower error than two of the same
        cost. Layers of 256 units, trained for fewer epochs, do as well in the same time.
    activation : {activations}, default="relu"
        Activation function of the hidden layers, applied after batch normalization.
    solver : {"lbfgs", "sgd", "adam", "adamw"}, default="adamw"
        Solver for the weights. "adamw" is Adam with decoupled ``weight_decay``. "lbfgs" uses all
        rows as one batch, ignores ``dropout`` and requires ``virtual_batch_size=None``.
    alpha : float, default=0.0
        Strength of the L2 penalty on the weights, divided by the number of rows of the batch as in
        scikit-learn. γ, β and biases are not penalized. It has little effect with batch
        normalization, which removes the scale of the weights: use ``weight_decay`` instead.
    batch_size : int, "auto" or "scaled", default="scaled"
        Number of rows per batch. "auto" is ``min(200, n_samples)``. "scaled" is a 40th of the rows,
        at least 64 (or all rows) and at most 256. With ``batch_norm=True`` batches have nearly
        equal sizes, none below ``batch_size`` unless X has fewer rows. Ignored by "lbfgs".
    learning_rate : {"constant", "invscaling", "adaptive", "cosine"}, default="cosine"
        Schedule of the learning rate. "cosine" decreases it at every step, from
        ``learning_rate_init`` to 0 after ``max_iter`` epochs. No stopping criterion ends training
        earlier, because the error falls in the last, small steps. "invscaling" and "adaptive" work
        as in scikit-learn and, as there, are ignored when ``solver="adam"``. A stream has no known
        end: with "cosine", ``partial_fit`` scales the rate by max(1/(1 + t/100), 1/20) at step t.
    learning_rate_init : float, default=0.006
        Initial learning rate. The default is about the highest that works well with batch
        normalization. Ignored when ``solver="lbfgs"``.
    power_t : float, default=0.5
        Exponent of the "invscaling" schedule.
    max_iter : int, "auto" or "scaled", default="auto"
        Maximum number of epochs, or of iterations when ``solver="lbfgs"``. "scaled" is 50 epochs up
        to 10,000 rows, decreases with the square root of the number of rows above, and is 15 from
        111,000 rows on. When ``solver="lbfgs"``, "scaled" is 200 iterations. "auto" chooses a
        fraction of "scaled" by pilots, which are short fits on a part of the rows: small and noisy
        data need few epochs, exact data need all. "auto" is "scaled" without pilots. See Notes.
    shuffle : bool, default=True
        Whether to shuffle the rows before each epoch.
    random_state : int, RandomState instance or None, default=None
        Determines the initial weights, the validation split, the order of the rows and dropout. The
        same int gives the same model, bit for bit.
    tol : float, default=1e-4
        Training stops when the loss, or with ``early_stopping`` the validation score, has not
        improved by at least ``tol`` for more than ``n_iter_no_change`` consecutive epochs (not with
        "cosine"). When ``solver="lbfgs"`` it is the tolerance of the gradient.
    verbose : bool or int, default=False
        Whether to print progress after each pilot and each epoch.
    warm_start : bool, default=False
        Whether ``fit`` continues from the fitted weights. The schedule restarts at the full
        ``learning_rate_init``, which at first undoes part of the previous training.
    momentum : float, default=0.9
        Momentum of "sgd".
    nesterovs_momentum : bool, default=True
        Whether "sgd" uses Nesterov's momentum.
    early_stopping : bool, default=False
        Whether to use a validation set, restore the weights of the epoch with the best validation
        score, and stop when that score no longer improves ("cosine" always runs to its end). Of
        epochs with equal scores, one is better if its validation loss is lower by ``tol``. A
        non-finite score is the worst. If no epoch has a comparable score or loss, the last one is
        kept. Ignored when ``solver="lbfgs"``. On average, training on all rows is better.
    validation_fraction : float, default=0.1
        Fraction of the rows to split off as validation set when ``early_stopping=True`` and ``fit``
        is given no ``X_val``. Must be above 0.
    beta_1, beta_2 : float, default=0.9, 0.95
        Decay rates of the moment estimates of "adam" and "adamw". For short training, a low
        ``beta_2`` works better: it averages the squared gradients over fewer steps.
    epsilon : float, default=1e-8
        Added to the square root of the second moment in "adam" and "adamw".
    n_iter_no_change : int, default=10
        Maximum number of consecutive epochs without an improvement by ``tol``.
    max_fun : int, default=15000
        Maximum number of loss evaluations when ``solver="lbfgs"``.
    batch_norm : bool, default=True
        Whether to batch-normalize hidden layers: dense → normalization → activation → dropout.
    batch_norm_momentum : float in (0, 1], default=0.1
        Weight of the newest batch in the running statistics (PyTorch's convention), used in
        training and after ``partial_fit``. ``fit`` ends with exact statistics of the training rows.
    batch_norm_epsilon : float, default=1e-5
        Added to the variance of each hidden unit.
    virtual_batch_size : int or None, default=None
        Number of rows per ghost batch. Each batch is split into ghost batches, which are normalized
        separately (Hoffer et al., arXiv:1705.08741). None normalizes whole batches.
    normalize_inputs : bool, default=True
        Whether to standardize X by its exact statistics, stored in ``input_norm_``. Set it to False
        for sparse text, because standardizing amplifies rare words.
    categorical_features : "from_dtype", array-like or None, default="from_dtype"
        Columns whose values are categories. Each category is an input of the network that is 1 in
        its rows and 0 elsewhere. "from_dtype" selects columns of text or of a categorical dtype, in
        DataFrames of pandas and polars and tables of Arrow; otherwise a boolean mask, indices, or
        names of columns. None takes all columns for numbers. A missing value is a category if a
        training row has one. Categories that no training row has contribute nothing. An ordered
        dtype (``ordered=True``) also gives the rank as a number. The weights of a column of more
        than 20 categories are trained as an embedding in 8 dimensions (as in Holzmüller et al.,
        arXiv:2407.04491), unless there is no hidden layer. See :doc:`/guide/tables`.
    clip_inputs : bool, default=True
        Whether predictions limit each column to the range of the training rows, as decision trees
        do, so that one far value cannot send a prediction far away. On 24 tables the error of the
        regressor is 6 % lower with it. False extrapolates. A fit to sparse X ignores it.
    smooth_clip : float or None, default=None
        Bound c of the inputs. After normalization, each value x becomes x/√(1 + (x/c)²) (Holzmüller
        et al., arXiv:2407.04491). Use 3 if single outlying values spoil predictions. Outliers in
        the training rows also distort the statistics of X: scale such features robustly first.
        Requires dense X. Not supported by ``to_sklearn``, because clipping is not affine.
    numeric_encoding : {"auto", "piecewise"} or None, default="auto"
        "piecewise" adds inputs of the network for each column of more than two values: its
        piecewise-linear encoding (Gorishniy et al. 2022, arXiv:2203.05556). For a bin from a to b
        it is (x − a)/(b − a), limited to 0 and 1. It helps with thresholds and periodic effects;
        smooth functions may not need it. It requires dense X. "auto" chooses between "piecewise"
        and None by pilots, and is None without pilots. See Notes.
    n_bins : int, default=16
        Largest number of bins of a column. Edges are quantiles of the training rows, or all values
        if there are at most ``n_bins`` + 1.
"""

DEVICE_PARAMETERS = """\
    dtype : {"float32", "float64", "input"}, default="float32"
        Data type of the computation. "input" is that of X. X is normalized in its own dtype first,
        so that large values such as timestamps keep their digits.
    device : {"cpu", "cuda", "auto"}, default="cpu"
        Device for training. "cuda" is the current GPU of CuPy, which the extra ``cuda13`` (or
        ``cuda12``) installs; X has to fit into its memory. "auto" is the GPU if there is one and
        these packages are installed, otherwise the CPU. Fitted attributes are in host memory, and
        prediction runs on the CPU. X and y on the GPU are copied to the host first.
"""

NETWORK_ATTRIBUTES = """\
    coefs_ : list of ndarray of shape (n_inputs, n_units)
        Weight matrix of each layer. To change weights, assign new arrays: ``predict`` ignores
        in-place changes in layers that a normalization is folded into. In the first one, columns of
        more than 20 categories have the last rows, which further training does not read: it
        continues with the embedding that they are the product of.
    intercepts_ : list of ndarray of shape (n_units,)
        Bias vector of each layer; zeros in batch-normalized layers.
    batch_norms_ : list of BatchNormalizer
        Fitted normalizer of each hidden layer, with ``gamma_``, ``beta_``, ``mean_`` and ``var_``.
        Its ``transform`` is exactly the normalization of that layer at inference.
    input_norm_ : BatchNormalizer or None
        Fitted normalizer of X; None when ``normalize_inputs=False``. A column of categories has no
        statistics, unless it is ordered: then they are those of its ranks.
    input_range_ : ndarray of shape (2, n_features) or None
        Least and largest value of each column, NaN for one without numbers; None when
        ``clip_inputs=False`` or X is sparse.
    input_means_ : ndarray of shape (n_features,), float64, or None
        Weighted mean of each column, which replaces missing numbers; NaN for a column without
        numbers. None if missing numbers raise an error: when ``normalize_inputs=False`` and
        ``categorical_features=None``.
    categories_ : list of ndarray or None
        Categories of each column, None for a column of numbers. A missing value, NaN or None, is
        the last category of its column. None if no column has categories.
    is_ordered_ : ndarray of shape (n_features,), bool, or None
        Columns of ordered categories, whose rank is a number. None if no column has categories.
    smooth_clip_ : float or None
        Value of ``smooth_clip`` that the model was fitted with.
    numeric_encoding_ : str or None
        Encoding that the model was fitted with.
    max_iter_ : int or None
        Maximum number of epochs of the last call of ``fit``; None before.
    pilots_ : list of dict or None
        Settings (``max_iter``, ``numeric_encoding``), validation ``loss`` and ``seconds`` of each
        pilot; None if none ran.
    bin_edges_ : list of ndarray of shape (n_edges,) or None
        Edges of the bins of each column of X, in its dtype; empty for a column without bins. None
        without encoding.
"""

TRAINING_ATTRIBUTES = """\
    loss_ : float
        Loss of the last epoch, with penalty; that of a classifier is of smoothed labels.
    loss_curve_ : list of float
        Loss of each epoch.
    best_loss_ : float or None
        Lowest loss; None when ``early_stopping=True``.
    validation_scores_ : list of float or None
        Accuracy or R² on the validation set after each epoch, computed with running statistics.
    validation_loss_curve_ : list of float or None
        Loss on the validation set after each epoch, without penalty.
    best_validation_score_ : float or None
        Validation score of the best epoch, measured in training. The score of the fitted model may
        differ slightly, because ``fit`` ends with exact statistics.
    n_iter_ : int
        Number of epochs, or of iterations when ``solver="lbfgs"``.
    t_ : int
        Number of rows processed in training, over all epochs.
    n_layers_, n_outputs_ : int
        Number of layers, including input and output layer, and of outputs.
    out_activation_ : str
        Name of the output activation function.
    n_features_in_ : int
        Number of features seen during fit.
    feature_names_in_ : ndarray of shape (n_features,), object
        Names of features seen during fit, if X has names that are all strings.
"""

SHARED = {
    "network_parameters": NETWORK_PARAMETERS,
    "device_parameters": DEVICE_PARAMETERS,
    "network_attributes": NETWORK_ATTRIBUTES,
    "training_attributes": TRAINING_ATTRIBUTES,
}


def with_shared_parts(docstring):
    """The docstring, with the shared part in place of each line of the form ``{name}``.

    It has no indentation in any version of Python, as Python 3.13 compiles it.
    """
    docstring = cleandoc(docstring) + "\n"
    for name, part in SHARED.items():
        docstring = docstring.replace(f"{{{name}}}\n", dedent(part))
    names = ", ".join(f'"{name}"' for name in ACTIVATIONS)
    return docstring.replace("{activations}", f"{{{names}}}")
