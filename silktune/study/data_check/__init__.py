"""The report of a check of a data set, as files: JSON with all of it, CSV of its lists, HTML to look at."""

from silktune.study.data_check.render import files, html

__all__ = ["files", "html"]
