"""Defers Ctrl-C, and other signals whose handlers raise, to moments at which they are safe."""

import signal
from contextlib import contextmanager
from threading import current_thread, main_thread

# Services install handlers for these signals that call sys.exit.
NAMES = ("SIGINT", "SIGTERM", "SIGALRM", "SIGHUP", "SIGUSR1", "SIGUSR2")
SIGNALS = [getattr(signal, name) for name in NAMES if hasattr(signal, name)]


@contextmanager
def defer_signals():
    """Defer signals until the end of the block, or until the yielded function is called.

    Python handles signals between any two instructions, even if a lock has been acquired but not
    yet recorded as acquired. A thread that waits for this lock then waits forever. Signals
    interrupt only the main thread, so that the context does nothing in other threads.
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
    """Restore all handlers, even if one that is already restored raises."""
    try:
        while handlers:
            signal.signal(*handlers[-1])
            handlers.pop()
    finally:
        if handlers:
            _restore(handlers)
