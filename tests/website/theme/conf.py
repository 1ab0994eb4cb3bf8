"""How Sphinx reads the pages, and what the site looks like."""

from __future__ import annotations

from pathlib import Path

from keyplan import __version__

project = "keyplan"
author = "the authors of keyplan"
release = version = __version__
root_doc = "index"
language = "en"

extensions = ["myst_parser"]
# GitHub's anchors, so that a link works at a code host and here.
myst_heading_anchors = 6
myst_enable_extensions = ["deflist"]
# Two hyphens are those of an option.
smartquotes = False
# The examples show `...` for what varies, which is not JSON or YAML.
suppress_warnings = ["misc.highlighting_failure", "myst.header"]

html_theme = "furo"
html_title = f"keyplan {__version__}"
html_static_path = [str(Path(__file__).parent / "static")]
html_css_files = ["site.css"]
html_js_files = ["site.js"]
html_copy_source = False
html_show_sourcelink = False
html_show_copyright = False
html_show_sphinx = False
html_use_index = False
html_domain_indices = False
html_theme_options = {"navigation_with_keys": False}
pygments_style = "default"
pygments_dark_style = "github-dark"
