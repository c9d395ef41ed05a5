"""The IPython extension: magics, cells, and what they show."""
