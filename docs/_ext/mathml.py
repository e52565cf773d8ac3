"""Formulas as MathML, which browsers draw without scripts and without a network."""

from docutils.utils.math.latex2mathml import tex2mathml


def _inline(translator, node):
    translator.body.append(tex2mathml(node.astext()))


def _block(translator, node):
    translator.body.append(f'<div class="math">{tex2mathml(node.astext(), as_block=True)}</div>')


def _nothing(translator, node):
    """The nodes have been drawn whole, with what is in them."""


def _whole(draw):
    def visit(translator, node):
        draw(translator, node)
        node.children = []

    return visit, _nothing


def setup(app):
    """Register the renderer under the name "mathml"."""
    app.add_html_math_renderer("mathml", _whole(_inline), _whole(_block))
    return {"parallel_read_safe": True, "parallel_write_safe": True}
