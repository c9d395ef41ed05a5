"""Coverage -> HTML pages: a folder with a page a file or notebook, or one file. All is readable without scripts.

contents: sources -> pages.  notebooks: the order of a notebook's cells.  code: the lines of a source.
functions: totals by function.  source_page, index_pages: the pages' HTML.  folder: their names and files.
"""

from ipy_branchcov.reports.pages.folder import document, former_pages, is_page, render
from ipy_branchcov.reports.pages.shell import FUNCTIONS, INDEX, SCRIPT, STYLES

__all__ = ["FUNCTIONS", "INDEX", "SCRIPT", "STYLES", "document", "former_pages", "is_page", "render"]
