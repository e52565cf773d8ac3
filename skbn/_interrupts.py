"""Ctrl-C, and other signals whose handlers raise, at the moments where they do no harm."""

import signal
from contextlib import contextmanager
from threading import current_thread, main_thread

# Services have handlers of these that call sys.exit.
NAMES = ("SIGINT", "SIGTERM", "SIGALRM", "SIGHUP", "SIGUSR1", "SIGUSR2")
SIGNALS = [getattr(signal, name) for name in NAMES if hasattr(signal, name)]


@contextmanager
def defer_signals():
    """Keep signals until the end of the block, or until the function that is given is called.

    Python handles them between any two instructions, also where a lock was taken and is not yet
    known to be: a thread that waits for it then waits for ever. Other threads than the main one
    are never interrupted.
    """
    if current_thread() is not main_thread():
        yield lambda: None
        return
    handlers = {number: signal.getsignal(number) for number in SIGNALS}
    handlers = {number: handler for number, handler in handlers.items() if callable(handler)}
    kept = []

    def deliver():
        while kept:
            number, frame = kept.pop(0)
            handlers[number](number, frame)

    try:
        for number in handlers:
            signal.signal(number, lambda *heard: kept.append(heard))
        yield deliver
    finally:
        _restore(list(handlers.items()))
        deliver()


def _restore(handlers):
    """Set all of the handlers, also where one that is set already raises."""
    try:
        while handlers:
            signal.signal(*handlers[-1])
            handlers.pop()
    finally:
        if handlers:
            _restore(handlers)
