"""The site: `python -m tests.site` copies the checkout, and builds it with warnings as errors."""

from ipy_branchcov import __version__

project = "branchcov"
release = __version__
root_doc = "docs/index"
extensions = ["myst_nb", "sphinx.ext.autodoc"]
exclude_patterns = ["README.md", "benchmarks", "tests", "ipy_branchcov"]
html_show_copyright = False
html_title = f"branchcov {release}"
html_theme = "alabaster"
html_theme_options = {"page_width": "1100px", "fixed_sidebar": True, "description": "Branch coverage inside the lines"}
myst_heading_anchors = 3
# The tutorial is executed, and so measured, when the site is built; the tests compare the outputs of the others.
nb_execution_mode = "force"
nb_execution_excludepatterns = [
    f"{name}.ipynb" for name in ("binary-search", "cheapest-way", "dask-workers", "durations", "grades", "roman")
]
nb_execution_timeout = 120
nb_execution_raise_on_error = True
nb_merge_streams = True
# The marks of cells are kept in a type of their own.
suppress_warnings = ["mystnb.unknown_mime_type"]
autodoc_member_order = "bysource"
autodoc_typehints = "signature"
