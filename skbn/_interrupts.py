"""Ctrl-C at the moments where it does no harm."""

import signal
from contextlib import contextmanager
from threading import current_thread, main_thread


@contextmanager
def interrupts_later():
    """Keep Ctrl-C until the end of the block, or until the function that is given is called.

    Python raises it between any two instructions, also where a lock was taken and is not yet known
    to be: a thread that waits for it then waits for ever. Other threads than the main one are never
    interrupted.
    """
    handler = signal.getsignal(signal.SIGINT)
    if current_thread() is not main_thread() or not callable(handler):
        yield lambda: None
        return
    kept = []

    def deliver():
        while kept:
            handler(*kept.pop(0))

    signal.signal(signal.SIGINT, lambda *interrupt: kept.append(interrupt))
    try:
        yield deliver
    finally:
        signal.signal(signal.SIGINT, handler)
    deliver()
