"""Dashboards as self-contained HTML pages in a folder: the embedded site."""

from blocks.site.html.site import FolderSite as FolderSite
