"""How Sphinx builds the site: ``sphinx-build -W docs docs/_build``, offline."""

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent / "_ext"))

import skbn

project = "skbn"
author = "the skbn developers"
copyright = "2026, the skbn developers"  # noqa: A001
version = release = skbn.__version__

extensions = [
    "folded_code",
    "mathml",
    "matplotlib.sphinxext.plot_directive",
    "myst_parser",
    "numpydoc",
    "sphinx.ext.autodoc",
    "sphinx.ext.autosummary",
    "sphinx_copybutton",
    "sphinx_design",
    "sphinx_gallery.gen_gallery",
]
exclude_patterns = [
    "_build",
    "benchmark_results/index.rst",
    "benchmarks",
    "examples",
    "why",
    "why_normalize/index.rst",
]
templates_path = ["_templates"]
nitpicky = False

myst_enable_extensions = ["colon_fence", "deflist", "dollarmath", "fieldlist"]
myst_heading_anchors = 3

autosummary_generate = True
toc_object_entries_show_parents = "hide"
numpydoc_show_class_members = False
plot_include_source = False
plot_html_show_source_link = False
plot_html_show_formats = False
plot_formats = ["svg"]

copybutton_prompt_text = ">>> |\\.\\.\\. |\\$ "
copybutton_prompt_is_regexp = True

# Its argument reads in one go.
folded_code_pages = ["why_normalize/why_normalize"]

# Their tables take the room of the contents beside them.
WIDE_PAGES = [
    "benchmarks",
    "index",
    "learning",
    "start/comparison",
    "start/migration",
    "start/when",
]

html_theme = "pydata_sphinx_theme"
html_title = f"skbn {version}"
html_static_path = ["_static"]
html_css_files = ["skbn.css"]
html_math_renderer = "mathml"
html_show_sourcelink = False
html_sidebars = {"why_normalize/why_normalize": []}  # one page, nothing beside it
html_theme_options = {
    "logo": {"text": "skbn"},
    "header_links_before_dropdown": 7,
    "navigation_with_keys": False,
    "secondary_sidebar_items": {"**": ["page-toc"]} | {page: [] for page in WIDE_PAGES},
    "show_prev_next": True,
    "footer_start": ["copyright"],
    "footer_end": [],
}

sphinx_gallery_conf = {
    "examples_dirs": ["examples", "why", "benchmarks"],
    "gallery_dirs": ["gallery", "why_normalize", "benchmark_results"],
    "filename_pattern": r"\.py$",
    # What the page of the benchmarks imports.
    "ignore_pattern": r"\b(asv_results|comparison)\.py$",
    "within_subsection_order": "gallery_order.ByReading",
    "doc_module": ("skbn",),
    "backreferences_dir": "api/backreferences",
    "image_scrapers": ("matplotlib",),
    "abort_on_example_error": True,
    "min_reported_time": 30,
    "download_all_examples": False,
    "show_memory": False,
    "capture_repr": (),
    "reset_modules": ("matplotlib", "gallery_order.warnings_are_errors"),
    "remove_config_comments": True,
}
