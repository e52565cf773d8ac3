"""BatchNormMLPClassifier."""

from numbers import Real

from sklearn.base import ClassifierMixin
from sklearn.neural_network import MLPClassifier
from sklearn.utils.metaestimators import available_if
from sklearn.utils.validation import check_is_fitted

from .._lazy import dask_blockwise
from .._validation import Interval, StrOptions, fit_context
from .base import BatchNormMLP
from .export import to_stock
from .labels import LabelTargets


class BatchNormMLPClassifier(ClassifierMixin, BatchNormMLP):
    """A multi-layer perceptron classifier with batch normalization.

    :class:`~sklearn.neural_network.MLPClassifier` and what that lacks: batch normalization
    with trainable γ and β, standardized inputs, dropout, class weights, label smoothing, rows to
    validate on, decoupled weight decay, a cosine schedule, callbacks. Defaults were chosen on 22
    tables (:doc:`/learning`). With ``**MLPClassifier().get_params(), batch_norm=False,
    normalize_inputs=False, dropout=0, label_smoothing=0, dtype="input"`` it gives scikit-learn's
    results.

    Parameters
    ----------
    hidden_layer_sizes : int or array-like of int, default=(192, 192, 192)
        Units of each hidden layer. Three layers beat two of the same cost; 256 units with fewer
        epochs do as well in the same time.
    activation : {activations}, default="relu"
        Activation of the hidden layers, after the batch normalization.
    solver : {"lbfgs", "sgd", "adam", "adamw"}, default="adamw"
        "adamw" is Adam with decoupled ``weight_decay``. "lbfgs" takes all rows as one batch, and
        neither ``dropout``, which is then of no effect, nor ``virtual_batch_size``.
    alpha : float, default=0.0
        Strength of the L2 penalty of the weights, divided by the rows of the batch as in
        scikit-learn; of γ, β and biases there is none. Felt less with batch normalization, which
        takes no notice of the size of weights: ``weight_decay`` does the work.
    batch_size : int, "auto" or "scaled", default="scaled"
        Rows of a batch. "auto" is ``min(200, n_samples)``; "scaled" is all rows up to 64, then a
        40th of them within 64 and 256. With ``batch_norm`` batches
        are near-equal and never smaller than this unless the data are.
    learning_rate : {"constant", "invscaling", "adaptive", "cosine"}, default="cosine"
        Schedule of the learning rate. "cosine" falls from ``learning_rate_init`` to 0 over
        ``max_iter`` epochs, step by step; the last steps, which are small, are where the error
        falls, so that nothing ends it before. "invscaling" and "adaptive" are
        scikit-learn's, and like there of no effect with "adam". ``partial_fit`` has no end to
        plan for: there the rate falls as 1/(1 + t/100) with the steps t, to a twentieth.
    learning_rate_init : float, default=0.006
        Learning rate at the start, as high as batch normalization bears well. Not used by "lbfgs".
    power_t : float, default=0.5
        Exponent of "invscaling".
    max_iter : int or "scaled", default="scaled"
        Largest number of epochs, or of iterations of "lbfgs". "scaled" is 50 up to 10,000
        rows, fewer by the square root above, and 15 from 111,000 on; with "lbfgs" it is 200.
    shuffle : bool, default=True
        Whether rows are shuffled before each epoch.
    random_state : int, RandomState instance or None, default=None
        Of the weights, the rows split off, the order of the rows and the dropout. The same int
        gives the same model, bit for bit.
    tol : float, default=1e-4
        Training ends when the loss, or with ``early_stopping`` the score, has not improved by
        this for more than ``n_iter_no_change`` epochs. Of no effect with "cosine".
    verbose : bool or int, default=False
        Whether to print a line an epoch.
    warm_start : bool, default=False
        Whether ``fit`` goes on from the fitted weights. The schedule begins anew, at the full
        ``learning_rate_init``, which at first costs some of what was learned.
    momentum : float, default=0.9
        Momentum of "sgd".
    nesterovs_momentum : bool, default=True
        Whether that is Nesterov's.
    early_stopping : bool, default=False
        Whether to hold out rows, restore the epoch with their best score, and stop when it does
        not improve (not with "cosine", which runs to its end). Of epochs with the same score the
        one whose validation loss is lower by ``tol`` is better. A score that is not finite counts
        as the worst one. Where no epoch has a comparable score or loss, the last epoch is kept. Of
        no effect with "lbfgs". On average a tenth of the rows is worth more.
    validation_fraction : float, default=0.1
        Share of the rows to hold out where ``fit`` is given no ``X_val``; above 0.
    beta_1, beta_2 : float, default=0.9, 0.95
        Decay of the moments of "adam" and "adamw". A short memory of squares suits short fits.
    epsilon : float, default=1e-8
        Added to the root of the second moment in "adam" and "adamw".
    n_iter_no_change : int, default=10
        Epochs without improvement that are waited for.
    max_fun : int, default=15000
        Largest number of evaluations of the loss by "lbfgs".
    batch_norm : bool, default=True
        Whether hidden layers are batch-normalized: dense → BN → activation → dropout.
    batch_norm_momentum : float in (0, 1], default=0.1
        Weight of the newest batch in the running statistics (PyTorch's convention). They serve
        while training and after ``partial_fit``; ``fit`` ends with exact ones.
    batch_norm_epsilon : float, default=1e-5
        Added to the variance of a hidden unit.
    virtual_batch_size : int or None, default=None
        Rows of a ghost batch: parts of a batch that are normalized by themselves (Hoffer et
        al., arXiv:1705.08741).
    normalize_inputs : bool, default=True
        Whether to standardize X by its exact statistics, kept as ``input_norm_``. Not for sparse
        text: it blows up rare words.
    smooth_clip : float or None, default=None
        Bound c of the inputs, after they are normalized, which become x/√(1 + (x/c)²)
        (Holzmüller et al., arXiv:2407.04491): 3 where single values far away spoil predictions (the
        statistics they do spoil: for those in training scale robustly before).
        Needs dense X, and has no place in ``to_sklearn``, for it is not affine.
    weight_decay : float, default=1.5
        Each step of "adamw" multiplies the weights by 1 − ``weight_decay`` times the learning
        rate; γ, β and biases stay, and other solvers ignore it. Weights that do not grow keep the
        steps large (van Laarhoven 2017, arXiv:1706.05350).
    dropout : float in [0, 1), default=0.1
        Share of the hidden units that a step leaves out; helps most where labels are noisy or
        positives rare: 0.5 where there are 1 % of them.
    class_weight : dict, list of dict, "balanced" or None, default=None
        Weights of the classes in the loss; the batch statistics do not see them.
    label_smoothing : float in [0, 1), default=0.02
        Share of each target that goes to all classes, to each in proportion to its rows (Pereyra
        et al., arXiv:1701.06548), so that rare classes stay rare. 0.02 lowers the log-loss by 7 %.
    dtype : {"float32", "float64", "input"}, default="float32"
        In which to compute; "input" is the dtype of X. X is normalized in its own dtype first,
        so that timestamps keep their digits.
    device : {"cpu", "cuda", "auto"}, default="cpu"
        Where to train. "cuda" is the current GPU of CuPy, which the extra ``skbn[cuda13]`` (or
        ``[cuda12]``) brings and which has to hold X; "auto" takes the GPU where there is one and
        these are installed, else the CPU. What is learned is in host memory, and predictions are
        made there: they need no GPU. X and y that are on the GPU are copied to the host first.

    Attributes
    ----------
    classes_ : ndarray of shape (n_classes,)
        Class labels.
    coefs_ : list of ndarray of shape (n_inputs, n_units)
        Weights of each layer. In-place changes are seen by ``predict`` only where there is no
        normalization to fold in; assign new arrays instead.
    intercepts_ : list of ndarray of shape (n_units,)
        Biases of each layer; zeros where it is batch-normalized.
    batch_norms_ : list of BatchNormalizer
        One a hidden layer, fitted: ``gamma_``, ``beta_``, ``mean_``, ``var_``. Its ``transform``
        is exactly the normalization of that layer at inference.
    input_norm_ : BatchNormalizer or None
        The standardization of X.
    smooth_clip_ : float or None
        The bound of inputs that the model was fitted with.
    loss_ : float
        Loss of the last epoch, with penalty and smoothed labels.
    loss_curve_ : list of float
        That of every epoch.
    best_loss_ : float or None
        The least of them; None with ``early_stopping``.
    validation_scores_ : list of float or None
        Accuracy of the rows held out or given as ``X_val``, after each epoch, normalized by the
        running statistics of the batches.
    validation_loss_curve_ : list of float or None
        Their loss, without penalty.
    best_validation_score_ : float or None
        The score of the best epoch. It is the score in training: with the exact statistics that
        ``fit`` ends with, the model may score a little differently.
    n_iter_ : int
        Epochs, or iterations of "lbfgs".
    t_ : int
        Rows seen in training.
    n_layers_, n_outputs_ : int
        Layers, inputs and outputs included, and outputs.
    out_activation_ : str
        Activation of the outputs.
    n_features_in_ : int
        Number of features seen during fit.
    feature_names_in_ : ndarray of shape (n_features,), object
        Names of the features, where X had names that are all strings.

    See Also
    --------
    BatchNormMLPRegressor : The same for regression.
    BatchNormalizer : The normalization as a transformer.

    Notes
    -----
    ``sample_weight`` enters the loss and all statistics alike: an integer weight is as good as
    repeating the row, given the same batches and no dropout. Prediction compiles nothing. Ctrl-C
    ends ``fit`` with the last whole epoch, or the best so far. A call that is refused leaves the
    fitted attributes as they were.

    References
    ----------
    S. Ioffe and C. Szegedy, "Batch Normalization: Accelerating Deep Network Training by
    Reducing Internal Covariate Shift", ICML 2015, arXiv:1502.03167.

    Examples
    --------
    >>> from sklearn.datasets import load_digits
    >>> from sklearn.model_selection import train_test_split
    >>> from skbn import BatchNormMLPClassifier
    >>> X, y = load_digits(return_X_y=True)
    >>> X_train, X_test, y_train, y_test = train_test_split(X, y, random_state=0)
    >>> model = BatchNormMLPClassifier(random_state=0).fit(X_train, y_train)
    >>> model.score(X_test, y_test) > 0.95
    True
    >>> model.batch_norms_[0].gamma_.shape
    (192,)
    """

    _targets_class = LabelTargets
    _parameter_constraints = BatchNormMLP._parameter_constraints | {
        "class_weight": [dict, list, StrOptions({"balanced"}), None],
        "label_smoothing": [Interval(Real, 0, 1, closed="left")],
    }

    def __init__(
        self,
        hidden_layer_sizes=(192, 192, 192),
        activation="relu",
        *,
        solver="adamw",
        alpha=0.0,
        batch_size="scaled",
        learning_rate="cosine",
        learning_rate_init=0.006,
        power_t=0.5,
        max_iter="scaled",
        shuffle=True,
        random_state=None,
        tol=1e-4,
        verbose=False,
        warm_start=False,
        momentum=0.9,
        nesterovs_momentum=True,
        early_stopping=False,
        validation_fraction=0.1,
        beta_1=0.9,
        beta_2=0.95,
        epsilon=1e-8,
        n_iter_no_change=10,
        max_fun=15000,
        batch_norm=True,
        batch_norm_momentum=0.1,
        batch_norm_epsilon=1e-5,
        virtual_batch_size=None,
        normalize_inputs=True,
        smooth_clip=None,
        weight_decay=1.5,
        dropout=0.1,
        class_weight=None,
        label_smoothing=0.02,
        dtype="float32",
        device="cpu",
    ):
        self.hidden_layer_sizes = hidden_layer_sizes
        self.activation = activation
        self.solver = solver
        self.alpha = alpha
        self.batch_size = batch_size
        self.learning_rate = learning_rate
        self.learning_rate_init = learning_rate_init
        self.power_t = power_t
        self.max_iter = max_iter
        self.shuffle = shuffle
        self.random_state = random_state
        self.tol = tol
        self.verbose = verbose
        self.warm_start = warm_start
        self.momentum = momentum
        self.nesterovs_momentum = nesterovs_momentum
        self.early_stopping = early_stopping
        self.validation_fraction = validation_fraction
        self.beta_1 = beta_1
        self.beta_2 = beta_2
        self.epsilon = epsilon
        self.n_iter_no_change = n_iter_no_change
        self.max_fun = max_fun
        self.batch_norm = batch_norm
        self.batch_norm_momentum = batch_norm_momentum
        self.batch_norm_epsilon = batch_norm_epsilon
        self.virtual_batch_size = virtual_batch_size
        self.normalize_inputs = normalize_inputs
        self.smooth_clip = smooth_clip
        self.weight_decay = weight_decay
        self.dropout = dropout
        self.class_weight = class_weight
        self.label_smoothing = label_smoothing
        self.dtype = dtype
        self.device = device

    @available_if(lambda estimator: estimator._check_solver())
    @fit_context(prefer_skip_nested_validation=True)
    def partial_fit(self, X, y, sample_weight=None, classes=None):
        """Train one epoch on the rows of a stream.

        Parameters
        ----------
        X : {array-like, sparse matrix} of shape (n_samples, n_features)
            The newest rows; two or more in the first call. Later a single row is normalized by
            the running statistics.

        y : array-like of shape (n_samples,) or (n_samples, n_outputs)
            Their labels.

        sample_weight : array-like of shape (n_samples,), default=None
            Weights of the rows, in the loss and in the statistics alike; not negative.

        classes : array-like of shape (n_classes,), default=None
            All labels that will come; needed by the first call.

        Returns
        -------
        self : object
            The trained estimator.

        Raises
        ------
        ValueError
            If an argument or a parameter is not as described, or if training diverges. The
            fitted attributes are then as before.
        """
        self._validate_params()
        validation_data = None, None, None
        return self._fit(X, y, sample_weight, validation_data, incremental=True, classes=classes)

    @dask_blockwise()
    def predict(self, X):
        """Predict class labels.

        Parameters
        ----------
        X : {array-like, sparse matrix} of shape (n_samples, n_features)

        Returns
        -------
        y : ndarray of shape (n_samples,) or (n_samples, n_classes)
            Labels, or an indicator matrix of labels.
        """
        return self._targets().decode(self._outputs(X))

    @dask_blockwise()
    def predict_proba(self, X):
        """Predict the probability of every class.

        Parameters
        ----------
        X : {array-like, sparse matrix} of shape (n_samples, n_features)

        Returns
        -------
        p : ndarray of shape (n_samples, n_classes)
            In the order of ``classes_``, in the compute dtype; (n_samples, 1) of ones where ``y``
            had one class.
        """
        return self._targets().probabilities(self._outputs(X))

    @dask_blockwise()
    def predict_log_proba(self, X):
        """Predict the logarithm of the probability of every class.

        Parameters
        ----------
        X : {array-like, sparse matrix} of shape (n_samples, n_features)

        Returns
        -------
        log_p : ndarray of shape (n_samples, n_classes)
            In the order of ``classes_``, in the compute dtype.
        """
        return self._targets().log_probabilities(self._logits(X))

    def to_sklearn(self):
        """Give an MLPClassifier whose predictions are the same.

        Every normalization is folded into its weights, which are float64. It needs no skbn, and
        can be converted by what knows scikit-learn. Where it is trained further it goes on
        without batch normalization, and where the solver was "adamw" or the schedule "cosine" by
        scikit-learn's own ``solver``, ``learning_rate``, ``learning_rate_init``, ``beta_2`` and
        ``alpha``.

        Returns
        -------
        classifier : sklearn.neural_network.MLPClassifier
            Fitted.

        Raises
        ------
        ValueError
            If ``y`` had one class, of which MLPClassifier gives two probabilities, or with
            ``smooth_clip`` or an activation that MLPClassifier has not.
        """
        check_is_fitted(self)
        if len(self.classes_) == 1:
            raise ValueError(
                f"to_sklearn needs two or more classes, got one: {self.classes_[0]}. MLPClassifier "
                "would give two probabilities for it."
            )
        return to_stock(self, MLPClassifier)

    def __sklearn_tags__(self):
        tags = super().__sklearn_tags__()
        tags.classifier_tags.multi_label = True
        return tags
