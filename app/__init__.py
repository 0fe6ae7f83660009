"""Phone Manager: the thin HTTP layer over the functions of schema api."""

__version__ = "0.1.0"
