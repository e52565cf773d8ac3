"""The code of a page that sphinx-gallery writes, in blocks that readers open; text and output stay.

The pages are those of ``folded_code_pages`` in ``conf.py``.
"""

import re

BLOCK = re.compile(r"^\.\. code-block:: Python\n((?:\n| {4}.*\n)*)", re.MULTILINE)


def _folded(block):
    code = re.sub(r"^(?=.)", "    ", block[1], flags=re.MULTILINE)
    return f".. dropdown:: Code\n\n    .. code-block:: Python\n{code}\n"


def _fold(app, page, source):
    if page in app.config.folded_code_pages:
        source[0] = BLOCK.sub(_folded, source[0])


def setup(app):
    """Fold the code before a page is parsed."""
    app.add_config_value("folded_code_pages", [], "env")
    app.connect("source-read", _fold)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
