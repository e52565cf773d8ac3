"""The metadata of the package, and the links of the files that are read outside of the site."""

import re
import tomllib

import pytest
from conftest import ROOT

PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]


def test_the_lowest_versions_are_those_that_are_allowed():
    bounds = dict(re.findall(r"^([\w-]+)>=([\d.]+)", "\n".join(PROJECT["dependencies"]), re.M))
    pins = re.findall(r"^(.+)==(.+)$", (ROOT / ".ci/lowest.txt").read_text(), re.M)
    assert dict(pins).keys() == bounds.keys()
    for name, version in pins:
        assert re.sub(r"(\.0)+$", "", version) == bounds[name]


@pytest.mark.parametrize("page", ["README.md", ".github/CONTRIBUTING.md", "docs/about/citing.md"])
def test_relative_links_lead_to_files(page):
    path = ROOT / page
    text = path.read_text()
    links = re.findall(r"\]\(([^)#:]+)(?:#[^)]*)?\)", text)
    links += re.findall(r"literalinclude\} (\S+)", text)
    assert links
    assert [link for link in links if not (path.parent / link).exists()] == []
