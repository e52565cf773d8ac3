"""What the trials of other libraries share: data, small models and the list of trials."""

from sklearn.datasets import load_breast_cancer, load_diabetes

from skbn import BatchNormMLPClassifier, BatchNormMLPRegressor

X, Y = load_breast_cancer(return_X_y=True)
X_REG, Y_REG = load_diabetes(return_X_y=True)
SMALL = {"hidden_layer_sizes": (16,), "max_iter": 20, "numeric_encoding": None, "random_state": 0}
TRIALS = []


def classifier(**parameters):
    return BatchNormMLPClassifier(**SMALL | parameters)


def regressor(**parameters):
    return BatchNormMLPRegressor(**SMALL | parameters)


def trial(library, use):
    """Add the function to the trials of a library, by the name of its distribution."""

    def add(function):
        TRIALS.append((library, use, function))
        return function

    return add
